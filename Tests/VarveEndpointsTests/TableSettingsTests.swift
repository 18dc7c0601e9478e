import Testing
import VarveBytes
import VarveModel

@testable import VarveEndpoints

@Suite struct TableSettingsTests {
    private func settings(_ texts: [String]) throws(VarveError) -> TableSettings {
        var settings = TableSettings()
        for text in texts {
            let bytes = Array(text.utf8)
            try settings.add(bytes.raw, at: "settings.json")
        }
        return settings
    }

    @Test func readsWhatAWSPrints() throws {
        let settings = try settings(SettingsFixture.all)
        #expect(settings.keySchema == orderSchema)
        #expect(settings.tableName == "orders")
        #expect(settings.tableARN == "arn:aws:dynamodb:eu-west-1:123456789012:table/orders")
        #expect(settings.tableID == "11111111-2222-3333-4444-555555555555")
        #expect(
            settings.documents.map(\.kind) == [
                .describeTable, .describeTimeToLive, .listTagsOfResource,
                .describeContinuousBackups,
            ])
        #expect(
            settings.documents[1].text == "{\"TimeToLiveDescription\":{\"TimeToLiveStatus\":"
                + "\"ENABLED\",\"AttributeName\":\"expires\"}}")
        // Numbers stay as they were written.
        #expect(settings.documents[0].text.contains("\"CreationDateTime\":1700000000.123,"))
        #expect(try TableSettings(documents: settings.documents) == settings)
    }

    @Test func readsAFile() throws {
        let workspace = try Workspace()
        let path = try workspace.write("table.json", SettingsFixture.table)
        var settings = TableSettings()
        try settings.add(contentsOf: path)
        #expect(settings.keySchema == orderSchema)
        #expect(throws: VarveError(.notFound, "")) {
            try settings.add(contentsOf: workspace.path + "/none")
        }
    }

    @Test(arguments: [
        ("{}", "no settings"), ("[1]", "no settings"), ("{\"Table\":", "not JSON"),
        ("{\"Table\":{}}", "no partition key"), ("{\"Tags\":{}}", "not a list"),
        ("{\"Tags\":[],\"NextToken\":\"x\"}", "goes on"),
        (
            "{\"Table\":{\"KeySchema\":[{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"}]}}",
            "no AttributeDefinitions"
        ),
    ])
    func refusesOthers(text: String, message: String) throws {
        let error = #expect(throws: VarveError.self) { try settings([text]) }
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
        #expect(error?.location?.hasPrefix("settings.json") == true)
        let twice = #expect(throws: VarveError.self) {
            try settings([SettingsFixture.tags, SettingsFixture.tags])
        }
        #expect(twice?.message == "there are two documents of ListTagsOfResource")
    }

    private func requests(_ texts: [String]) throws -> TableRequests {
        TableRequests(schema: orderSchema, settings: try settings(texts), tableName: "it's")
    }

    @Test func makesTheTableAgain() throws {
        let request = try requests(SettingsFixture.all).createTable.compactText
        #expect(
            request == """
                {"TableName":"it's","AttributeDefinitions":[\
                {"AttributeName":"id","AttributeType":"S"},\
                {"AttributeName":"n","AttributeType":"N"},\
                {"AttributeName":"city","AttributeType":"S"},\
                {"AttributeName":"local","AttributeType":"B"}],\
                "KeySchema":[{"AttributeName":"id","KeyType":"HASH"},\
                {"AttributeName":"n","KeyType":"RANGE"}],\
                "LocalSecondaryIndexes":[{"IndexName":"by-local",\
                "KeySchema":[{"AttributeName":"id","KeyType":"HASH"},\
                {"AttributeName":"local","KeyType":"RANGE"}],\
                "Projection":{"ProjectionType":"KEYS_ONLY"}}],\
                "GlobalSecondaryIndexes":[{"IndexName":"by-city",\
                "KeySchema":[{"AttributeName":"city","KeyType":"HASH"}],\
                "Projection":{"ProjectionType":"INCLUDE","NonKeyAttributes":["a","b"]},\
                "ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":2}}],\
                "BillingMode":"PROVISIONED",\
                "ProvisionedThroughput":{"ReadCapacityUnits":5,"WriteCapacityUnits":6},\
                "StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_AND_OLD_IMAGES"},\
                "SSESpecification":{"Enabled":true,"SSEType":"KMS",\
                "KMSMasterKeyId":"arn:aws:kms:eu-west-1:123456789012:key/abc"},\
                "TableClass":"STANDARD_INFREQUENT_ACCESS","DeletionProtectionEnabled":true,\
                "Tags":[{"Key":"team","Value":"Bob's"}]}
                """)
    }

    @Test func importsTheTable() throws {
        let request = try requests(SettingsFixture.all).importTable(
            keyPrefix: "AWSDynamoDB/x/data/")
        #expect(
            request["S3BucketSource"]?.compactText
                == "{\"S3Bucket\":\"YOUR-BUCKET\",\"S3KeyPrefix\":\"AWSDynamoDB/x/data/\"}")
        #expect(request["InputFormat"]?.string == "DYNAMODB_JSON")
        #expect(request["InputCompressionType"]?.string == "GZIP")
        let table = request["TableCreationParameters"]
        #expect(
            table?.object?.map(\.name) == [
                "TableName", "AttributeDefinitions", "KeySchema", "BillingMode",
                "ProvisionedThroughput", "SSESpecification", "GlobalSecondaryIndexes",
            ])
        // What only the local index uses is not defined: AWS refuses definitions without use.
        #expect(
            table?["AttributeDefinitions"]?.array?.compactMap { $0["AttributeName"]?.string }
                == ["id", "n", "city"])
    }

    @Test func needsOnlyTheKeys() throws {
        let requests = try requests([])
        #expect(
            requests.createTable.compactText == """
                {"TableName":"it's","AttributeDefinitions":[\
                {"AttributeName":"id","AttributeType":"S"},\
                {"AttributeName":"n","AttributeType":"N"}],\
                "KeySchema":[{"AttributeName":"id","KeyType":"HASH"},\
                {"AttributeName":"n","KeyType":"RANGE"}],"BillingMode":"PAY_PER_REQUEST"}
                """)
        #expect(
            requests.afterRestore.split(separator: "\n").last
                == "aws dynamodb wait table-exists --table-name \"$table\"")
    }

    @Test func setsWhatAnImportCannot() throws {
        let script = try requests(SettingsFixture.all).afterRestore
        let expected = [
            "table=${1:-'it'\\''s'}",
            "# The table had local secondary indexes, which only create-table can make: by-local.",
            "aws dynamodb tag-resource --resource-arn \"$arn\" --tags "
                + "'[{\"Key\":\"team\",\"Value\":\"Bob'\\''s\"}]'",
            "aws dynamodb update-time-to-live --table-name \"$table\" "
                + "--time-to-live-specification '{\"Enabled\":true,\"AttributeName\":\"expires\"}'",
            "aws dynamodb update-continuous-backups --table-name \"$table\" "
                + "--point-in-time-recovery-specification "
                + "'{\"PointInTimeRecoveryEnabled\":true,\"RecoveryPeriodInDays\":35}'",
            "aws dynamodb update-table --table-name \"$table\" --stream-specification "
                + "'{\"StreamEnabled\":true,\"StreamViewType\":\"NEW_AND_OLD_IMAGES\"}'",
            "aws dynamodb update-table --table-name \"$table\" --table-class "
                + "'STANDARD_INFREQUENT_ACCESS'",
            "aws dynamodb update-table --table-name \"$table\" --deletion-protection-enabled",
        ]
        let lines = script.split(separator: "\n").map(String.init)
        for line in expected { #expect(lines.contains(line), "\(line)") }
    }
}

@Suite struct ISOTimeTests {
    @Test(
        arguments: [
            ("1970-01-01T00:00:00.000Z", 0), ("2025-06-15T16:00:00.123Z", 1_750_003_200_123_000),
            ("2000-02-29T23:59:59.999Z", 951_868_799_999_000),
            ("1969-12-31T23:59:59.999Z", -1_000),
            ("2100-03-01T00:00:00.000Z", 4_107_542_400_000_000),
        ] as [(String, Int64)])
    func readsAndWrites(text: String, time: Int64) {
        #expect(ISOTime.microseconds(text) == time)
        #expect(ISOTime.text(microseconds: time) == text)
    }

    @Test(arguments: [
        "", "2025-06-15", "2025-06-15T16:00:00", "2025-06-31T16:00:00Z", "2025-02-29T00:00:00Z",
        "2025-06-15T24:00:00Z", "2025-06-15T16:00:00.Z", "2025-06-15T16:00:00,1Z",
        "2025-13-01T00:00:00Z", "2025-06-15T16:00:00+02:00Z",
    ])
    func refuses(text: String) { #expect(ISOTime.microseconds(text) == nil) }

    @Test func readsSecondsAndMicroseconds() {
        #expect(ISOTime.microseconds("2025-06-15T16:00:00Z") == 1_750_003_200_000_000)
        #expect(ISOTime.microseconds("2025-06-15T16:00:00.000001Z") == 1_750_003_200_000_001)
    }
}
