import Testing
import VarveArchive
import VarveBackups
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

@Suite("Tables, settings, and keeping backups")
struct TableTests {
    static let lines = Workshop.lines(50)

    static func description(id: String, account: String = "111122223333") -> String {
        #"{"Table":{"TableName":"T","TableArn":"arn:aws:dynamodb:eu-west-1:\#(account):table/T","#
            + #""TableId":"\#(id)","KeySchema":[{"AttributeName":"P","KeyType":"HASH"},"#
            + #"{"AttributeName":"S","KeyType":"RANGE"}],"AttributeDefinitions":["#
            + #"{"AttributeName":"P","AttributeType":"S"},"#
            + #"{"AttributeName":"S","AttributeType":"N"}]}}"#
    }

    @Test func keysComeFromSettings() throws {
        let shop = try Workshop()
        let settings = try shop.write("table.json", [Self.description(id: "one")])
        let report = try shop.backUp("one", Self.lines) {
            $0.schema = nil
            $0.settingsFiles = [settings]
        }
        #expect(report.storedSettings)
        #expect(report.table.record.keySchema == Workshop.schema)
        #expect(
            report.backup.arn.hasPrefix("arn:aws:dynamodb:eu-west-1:111122223333:table/T/backup/"))
        let again = try shop.backUp("two", Self.lines) { $0.settingsFiles = [settings] }
        #expect(!again.storedSettings)
        let record = try RecordedSettings.newest(shop.repository, report.table.id)
        #expect(record?.documents.map(\.kind) == ["DescribeTable"])
    }

    @Test func anotherTableOfThatName() throws {
        let shop = try Workshop()
        func settings(_ id: String, _ account: String = "111122223333") throws -> [String] {
            [try shop.write("\(id)-\(account).json", [Self.description(id: id, account: account)])]
        }
        let first = try settings("one")
        try shop.backUp("one", Self.lines, second: 1_000) { $0.settingsFiles = first }
        let other = try settings("one", "444455556666")
        let code = errorCode { try shop.backUp("two", Self.lines) { $0.settingsFiles = other } }
        #expect(code == .refused)
        let made = try settings("two")
        let report = try shop.backUp("two", Workshop.lines(10), second: 2_000) {
            $0.settingsFiles = made
        }
        #expect(report.isNewTable && report.warnings.count == 1)
        #expect(try shop.repository.tables().map(\.record.ordinal) == [0, 1])
        #expect(try shop.restore(.latest).receipt.items == 10)
        let keys = KeySchema(partition: KeyAttribute(name: "S", type: .number))
        let refused = errorCode {
            try shop.backUp("three", Array(Self.lines[..<4]), second: 3_000) { $0.schema = keys }
        }
        #expect(refused == .refused)
        let third = try shop.backUp("three", Array(Self.lines[..<4]), second: 3_000) {
            $0.schema = keys
            $0.force = true
        }
        #expect(third.table.record.ordinal == 2)
    }

    @Test func copiesWithinASecondGetInstantsOfTheirOwn() throws {
        let shop = try Workshop()
        let first = try shop.backUp("one", Self.lines)
        let second = try shop.backUp("two", Workshop.lines(51))
        #expect(first.backup.instant.second == 1_750_000_001)
        #expect(second.backup.instant.second == 1_750_000_002)
    }

    @Test func namesAreNotUnique() throws {
        let shop = try Workshop()
        let one = try shop.backUp("same", Self.lines, second: 1_000)
        let two = try shop.backUp("same", Workshop.lines(51), second: 2_000)
        #expect(two.warnings.count == 1)
        #expect(errorCode { _ = try shop.restore(.backup("same")) } == .ambiguous)
        let id = one.backup.id.description
        #expect(try shop.restore(.backup(String(id.prefix(8)))).receipt.items == 50)
        #expect(try shop.restore(.backup(id)).receipt.items == 50)
    }

    // MARK: Forgetting

    static let day: Int64 = 86_400

    func forget(
        _ shop: Workshop, _ change: (inout ForgetRequest) -> Void
    ) throws -> ForgetReport {
        var request = ForgetRequest(table: "T")
        change(&request)
        return try ForgetOperation(shop.repository, request).run()
    }

    @Test func rulesKeepTheNewestOfEachPeriod() throws {
        let shop = try Workshop()
        // Twice a day for ten days, from Monday 2024-01-01 on.
        for half in 0..<20 {
            let second = 1_704_067_200 + Int64(half) * Self.day / 2
            try shop.backUp("b\(half)", Self.lines, second: second)
        }
        func kept(_ change: (inout ForgetRequest) -> Void) throws -> [String] {
            try forget(shop) {
                $0.isDryRun = true
                change(&$0)
            }.kept.map(\.name)
        }
        #expect(try kept { $0.keepLast = 3 } == ["b17", "b18", "b19"])
        #expect(try kept { $0.keepDaily = 3 } == ["b15", "b17", "b19"])
        #expect(try kept { $0.keepWeekly = 5 } == ["b13", "b19"])
        #expect(try kept { $0.keepMonthly = 5 } == ["b19"])
        #expect(
            try kept { $0.keepWithin = Self.day * 1_000_000 } == ["b17", "b18", "b19"])
        #expect(try kept { $0.names = ["b3"] }.count == 19)
        #expect(try shop.repository.history(of: "T").backups.count == 20)
        #expect(try forget(shop) { $0.keepWeekly = 5 }.forgotten.count == 18)
        #expect(
            try shop.repository.history(of: "T").backups.map(\.name) == ["b13", "b19"])
        #expect(try shop.restore(.backup("b13")).receipt.isEqual)
    }

    @Test func promisesAreKept() throws {
        let shop = try Workshop()
        let hour: Int64 = 3_600_000_000
        try shop.backUp("one", Self.lines, second: 1_000) { $0.keepFor = hour }
        try shop.backUp("two", Self.lines, second: 2_000)
        #expect(errorCode { _ = try forget(shop) { $0.names = ["one"] } } == .refused)
        let report = try forget(shop) { $0.keepLast = 1 }
        #expect(report.forgotten.isEmpty && report.promised.map(\.name) == ["one"])
        #expect(try forget(shop) { $0.expired = true }.forgotten.isEmpty)
        shop.time.advance(microseconds: hour)
        #expect(try forget(shop) { $0.expired = true }.forgotten.map(\.name) == ["one"])
        #expect(errorCode { _ = try forget(shop) { _ in } } == .invalidInput)
        #expect(errorCode { _ = try forget(shop) { $0.names = ["nothing"] } } == .notFound)
    }
}
