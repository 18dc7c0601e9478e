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
        #expect(report.kept.map(\.name) == ["one", "two"])
        #expect(try forget(shop) { $0.expired = true }.forgotten.isEmpty)
        shop.time.advance(microseconds: hour)
        #expect(try forget(shop) { $0.expired = true }.forgotten.map(\.name) == ["one"])
        #expect(errorCode { _ = try forget(shop) { _ in } } == .invalidInput)
        #expect(errorCode { _ = try forget(shop) { $0.names = ["nothing"] } } == .notFound)
    }

    /// Rules must not count what prune deletes anyway: else both together delete everything.
    @Test(arguments: [false, true])
    func rulesLookOnlyAtLastingBackups(isOver: Bool) throws {
        let shop = try Workshop()
        let hour: Int64 = 3_600_000_000
        for number in 1...3 { try shop.backUp("b\(number)", Self.lines, second: Int64(number)) }
        for number in 4...6 {
            try shop.backUp("t\(number)", Self.lines, second: Int64(number)) { $0.keepFor = hour }
        }
        if isOver { shop.time.advance(microseconds: 2 * hour) }
        let report = try forget(shop) {
            $0.keepLast = 1
            $0.keepYearly = 1
        }
        #expect(report.forgotten.map(\.name) == ["b1", "b2"])
        #expect(report.kept.map(\.name) == ["b3", "t4", "t5", "t6"])
        #expect((isOver ? report.over : report.promised).map(\.name) == ["t4", "t5", "t6"])
        #expect((isOver ? report.promised : report.over).isEmpty)
        let pruned = try Pruning(shop.repository).run()
        #expect(!pruned.tables[0].leavesNothing)
        let left = try shop.repository.history(of: "T").backups.map(\.name)
        #expect(left == (isOver ? ["b3"] : ["b3", "t4", "t5", "t6"]))
        #expect(try shop.restore(.backup("b3")).receipt.isEqual)
        // One that is named, the newest, does not stand for the others either.
        try shop.backUp("b7", Self.lines, second: 7)
        let named = try forget(shop) {
            $0.names = ["b7"]
            $0.keepLast = 1
        }
        #expect(named.forgotten.map(\.name) == ["b7"] && named.kept.contains { $0.name == "b3" })
    }

    @Test func everyTableByItself() throws {
        let shop = try Workshop()
        for table in ["A", "B"] {
            for number in 1...3 {
                var request = try shop.request("\(table)\(number)", Self.lines)
                request.table = table
                request.instant = Instant(second: Int64(number) * 3_600)
                _ = try FullBackupOperation(shop.repository, request).run()
            }
        }
        var request = ForgetRequest()
        #expect(errorCode { _ = try ForgetOperation(shop.repository, request).runAll() } != nil)
        request.keepHourly = 2
        let reports = try ForgetOperation(shop.repository, request).runAll()
        #expect(reports.map { $0.forgotten.map(\.name) } == [["A1"], ["B1"]])
        request.names = ["A2"]
        #expect(errorCode { _ = try ForgetOperation(shop.repository, request).runAll() } != nil)
    }

    @Test func pruneSaysWhenNothingIsLeft() throws {
        let shop = try Workshop()
        try shop.backUp("only", Self.lines, second: 1) { $0.keepFor = 1_000_000 }
        var request = Pruning.Request(isDryRun: true)
        #expect(try !Pruning(shop.repository, request).run().tables[0].leavesNothing)
        shop.time.advance(microseconds: 2_000_000)
        #expect(try Pruning(shop.repository, request).run().tables[0].leavesNothing)
        request.isDryRun = false
        #expect(try Pruning(shop.repository, request).run().tables[0].leavesNothing)
    }

    /// A dry run of `forget --prune` tells what prune would find.
    @Test func dryRunCountsWhatWouldBeForgotten() throws {
        let shop = try Workshop()
        let backup = try shop.backUp("only", Self.lines, second: 1).backup
        var request = Pruning.Request(isDryRun: true)
        request.forgotten = [backup.id]
        #expect(try Pruning(shop.repository, request).run().tables[0].leavesNothing)
        #expect(try shop.repository.history(of: "T").backups.count == 1)
    }
}
