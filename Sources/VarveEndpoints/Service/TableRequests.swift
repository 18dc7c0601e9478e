import VarveBytes
import VarveModel

/// Requests to AWS that make a table like the one its settings describe.
///
/// Shapes: CreateTable and ImportTable of the API version 2012-08-10. What costs money beyond what
/// the table is (warm throughput) and what other Regions hold (replicas) is left out.
struct TableRequests {
    let schema: KeySchema
    let settings: TableSettings
    let tableName: String

    private var table: JSONValue? { settings.value(.describeTable) }

    /// Input of `aws dynamodb create-table --cli-input-json`.
    var createTable: JSONValue {
        .members([
            "TableName": .string(tableName),
            "AttributeDefinitions": attributeDefinitions(forImport: false),
            "KeySchema": keySchema,
            "LocalSecondaryIndexes": indexes("LocalSecondaryIndexes"),
            "GlobalSecondaryIndexes": indexes("GlobalSecondaryIndexes"),
            "BillingMode": .string(billingMode),
            "ProvisionedThroughput": throughput(table),
            "OnDemandThroughput": onDemandThroughput(table),
            "StreamSpecification": streamSpecification,
            "SSESpecification": encryption,
            "TableClass": tableClass.map(JSONValue.string),
            "DeletionProtectionEnabled": isProtected ? .boolean(true) : nil,
            "Tags": tags,
        ])
    }

    /// Input of `aws dynamodb import-table --cli-input-json`; only the bucket is still to be named.
    func importTable(keyPrefix: String) -> JSONValue {
        let source = JSONValue.members([
            "S3Bucket": .string(Self.bucketPlaceholder), "S3KeyPrefix": .string(keyPrefix),
        ])
        let parameters = JSONValue.members([
            "TableName": .string(tableName),
            "AttributeDefinitions": attributeDefinitions(forImport: true),
            "KeySchema": keySchema,
            "BillingMode": .string(billingMode),
            "ProvisionedThroughput": throughput(table),
            "OnDemandThroughput": onDemandThroughput(table),
            "SSESpecification": encryption,
            "GlobalSecondaryIndexes": indexes("GlobalSecondaryIndexes"),
        ])
        return .members([
            "S3BucketSource": source, "InputFormat": .string("DYNAMODB_JSON"),
            "InputCompressionType": .string("GZIP"), "TableCreationParameters": parameters,
        ])
    }

    static let bucketPlaceholder = "YOUR-BUCKET"

    // MARK: - Parts

    private var keySchema: JSONValue {
        var elements = [Self.keyElement(schema.partition.name, "HASH")]
        if let sort = schema.sort { elements.append(Self.keyElement(sort.name, "RANGE")) }
        return .array(elements)
    }

    private static func keyElement(_ name: String, _ type: String) -> JSONValue {
        .members(["AttributeName": .string(name), "KeyType": .string(type)])
    }

    /// The definitions of exactly the attributes that keys and indexes use: others are refused.
    private func attributeDefinitions(forImport: Bool) -> JSONValue {
        var used: Set<String> = [schema.partition.name]
        if let sort = schema.sort { used.insert(sort.name) }
        let lists =
            forImport
            ? ["GlobalSecondaryIndexes"] : ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"]
        for list in lists {
            for index in table?[list]?.array ?? [] {
                for element in index["KeySchema"]?.array ?? [] {
                    if let name = element["AttributeName"]?.string { used.insert(name) }
                }
            }
        }
        if let definitions = table?["AttributeDefinitions"]?.array {
            return .array(
                definitions.filter { used.contains($0["AttributeName"]?.string ?? "") }
                    .compactMap { $0.keeping(["AttributeName", "AttributeType"]) })
        }
        return .array(
            [schema.partition, schema.sort].compactMap { $0 }.map { attribute in
                .members([
                    "AttributeName": .string(attribute.name),
                    "AttributeType": .string(attribute.type.name),
                ])
            })
    }

    private func indexes(_ list: String) -> JSONValue? {
        guard let indexes = table?[list]?.array, !indexes.isEmpty else { return nil }
        return .array(
            indexes.map { index in
                var made = index.keeping(["IndexName", "KeySchema"])?.object ?? []
                if let projection = index["Projection"]?
                    .keeping(["ProjectionType", "NonKeyAttributes"])
                {
                    made.append(JSONValue.Member("Projection", projection))
                }
                if list == "GlobalSecondaryIndexes" {
                    if let units = throughput(index) {
                        made.append(JSONValue.Member("ProvisionedThroughput", units))
                    }
                    if let units = onDemandThroughput(index) {
                        made.append(JSONValue.Member("OnDemandThroughput", units))
                    }
                }
                return .object(made)
            })
    }

    private var billingMode: String {
        if let mode = table?["BillingModeSummary"]?["BillingMode"]?.string { return mode }
        // Tables that were never anything else than provisioned have no summary.
        let units = table?["ProvisionedThroughput"]?["ReadCapacityUnits"]?.integer ?? 0
        return units > 0 ? "PROVISIONED" : "PAY_PER_REQUEST"
    }

    private func throughput(_ value: JSONValue?) -> JSONValue? {
        guard billingMode == "PROVISIONED" else { return nil }
        return value?["ProvisionedThroughput"]?.keeping(["ReadCapacityUnits", "WriteCapacityUnits"])
    }

    private func onDemandThroughput(_ value: JSONValue?) -> JSONValue? {
        guard billingMode == "PAY_PER_REQUEST" else { return nil }
        let units = value?["OnDemandThroughput"]?
            .keeping(["MaxReadRequestUnits", "MaxWriteRequestUnits"])
        return units?.object?.isEmpty == false ? units : nil
    }

    var streamSpecification: JSONValue? {
        guard let stream = table?["StreamSpecification"],
            stream["StreamEnabled"]?.boolean == true
        else { return nil }
        return stream.keeping(["StreamEnabled", "StreamViewType"])
    }

    private var encryption: JSONValue? {
        guard let description = table?["SSEDescription"],
            ["ENABLED", "UPDATING"].contains(description["Status"]?.string ?? "")
        else { return nil }
        return .members([
            "Enabled": .boolean(true), "SSEType": description["SSEType"],
            "KMSMasterKeyId": description["KMSMasterKeyArn"],
        ])
    }

    var tableClass: String? { table?["TableClassSummary"]?["TableClass"]?.string }

    var isProtected: Bool { table?["DeletionProtectionEnabled"]?.boolean == true }

    /// The tags that users may set.
    var tags: JSONValue? {
        let tags = (settings.value(.listTagsOfResource)?.array ?? [])
            .filter { $0["Key"]?.string?.hasPrefix("aws:") == false }
            .compactMap { $0.keeping(["Key", "Value"]) }
        return tags.isEmpty ? nil : .array(tags)
    }

    var timeToLive: JSONValue? {
        guard let description = settings.value(.describeTimeToLive),
            let name = description["AttributeName"]?.string,
            ["ENABLED", "ENABLING"].contains(description["TimeToLiveStatus"]?.string ?? "")
        else { return nil }
        return .members(["Enabled": .boolean(true), "AttributeName": .string(name)])
    }

    var pointInTimeRecovery: JSONValue? {
        let description =
            settings
            .value(.describeContinuousBackups)?["PointInTimeRecoveryDescription"]
        guard description?["PointInTimeRecoveryStatus"]?.string == "ENABLED" else { return nil }
        return .members([
            "PointInTimeRecoveryEnabled": .boolean(true),
            "RecoveryPeriodInDays": description?["RecoveryPeriodInDays"],
        ])
    }

    var localIndexNames: [String] {
        (table?["LocalSecondaryIndexes"]?.array ?? []).compactMap { $0["IndexName"]?.string }
    }
}

// MARK: - After a restore

extension TableRequests {
    /// A shell script that sets what an import cannot set.
    var afterRestore: String {
        var lines = [
            "#!/bin/sh",
            "# Sets what aws dynamodb import-table cannot set, as it was at the backup.",
            "# Run it once the table is ACTIVE:  sh after-restore.sh [TABLE]",
            "set -eu",
            "table=${1:-\(Self.quoted(tableName))}",
        ]
        if !localIndexNames.isEmpty {
            lines += [
                "# The table had local secondary indexes, which only create-table can make: "
                    + localIndexNames.joined(separator: ", ") + ".",
                "# To have them, make the table from create-table.json and load the items into it.",
            ]
        }
        lines.append("aws dynamodb wait table-exists --table-name \"$table\"")
        if let tags {
            lines.append(
                "arn=$(aws dynamodb describe-table --table-name \"$table\" "
                    + "--query Table.TableArn --output text)")
            lines.append(
                "aws dynamodb tag-resource --resource-arn \"$arn\" --tags \(Self.quoted(tags))")
        }
        if let timeToLive {
            lines.append(
                "aws dynamodb update-time-to-live --table-name \"$table\" "
                    + "--time-to-live-specification \(Self.quoted(timeToLive))")
        }
        if let pointInTimeRecovery {
            lines.append(
                "aws dynamodb update-continuous-backups --table-name \"$table\" "
                    + "--point-in-time-recovery-specification \(Self.quoted(pointInTimeRecovery))")
        }
        if let streamSpecification {
            lines += update("--stream-specification \(Self.quoted(streamSpecification))")
        }
        if let tableClass, tableClass != "STANDARD" {
            lines += update("--table-class \(Self.quoted(tableClass))")
        }
        if isProtected { lines += update("--deletion-protection-enabled") }
        return lines.joined(separator: "\n") + "\n"
    }

    private func update(_ argument: String) -> [String] {
        [
            "aws dynamodb update-table --table-name \"$table\" \(argument)",
            "aws dynamodb wait table-exists --table-name \"$table\"",
        ]
    }

    private static func quoted(_ value: JSONValue) -> String { quoted(value.compactText) }

    /// A word of the shell, whatever it holds.
    private static func quoted(_ text: String) -> String {
        "'"
            + text.split(separator: "'", omittingEmptySubsequences: false)
            .joined(separator: "'\\''") + "'"
    }
}
