import Testing
import VarveArchive
import VarveBackups
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// A table that was deleted and made again under its name, and again.
@Suite("Incarnations of a table")
struct IncarnationTests {
    let shop: Workshop
    static let first = Workshop.lines(40)
    static let second = Workshop.lines(60, salt: 1)

    init() throws {
        shop = try Workshop()
        try backUp("monday", Self.first, second: 1_000, id: "aaaa-1")
        try backUp("same", Self.first, second: 1_500, id: "aaaa-1")
        try backUp("tuesday", Self.second, second: 5_000, id: "bbbb-2")
        try backUp("same", Self.second, second: 6_000, id: "bbbb-2")
    }

    @discardableResult
    func backUp(
        _ name: String, _ lines: [String], second: Int64, id: String? = nil, of table: String = "T"
    ) throws -> FullBackupReport {
        let settings = try id.map { id in
            try shop.write("\(id).json", [TableTests.description(id: id)])
        }
        return try shop.backUp(name, lines, second: second) {
            $0.table = table
            if let settings { $0.settingsFiles = [settings] }
        }
    }

    func restored(_ state: StateSelection, of table: String = "T") throws -> RestoreReceipt {
        try shop.restore(state) { $0.table = table }.receipt
    }

    func instant(_ second: Int64) throws -> Instant { try #require(Instant(second: second)) }

    // MARK: Addresses

    @Test func everyAddressOfATable() throws {
        let tables = try shop.repository.tables()
        #expect(tables.map(\.record.title) == ["T (1)", "T (2)"])
        for (number, table) in tables.enumerated() {
            let id = table.id.description
            for text in [table.record.title, id, String(id.prefix(8)), table.record.serviceID] {
                let found = try shop.repository.tableChoice(text)
                #expect(found.entries.map(\.id) == [table.id], "\(text)")
                #expect(try restored(.latest, of: text).items == (number == 0 ? 40 : 60))
            }
        }
        for text in ["T", tables[0].record.arn] {
            #expect(try shop.repository.tableChoice(text).entries.map(\.id) == tables.map(\.id))
            #expect(try shop.repository.history(of: text).id == tables[1].id)
        }
        for text in ["T (0)", "T (3)", "T (+1)", "T ()", "T (1) ", "t (1)", "", "(1)", "x", "U"] {
            #expect(errorCode { _ = try shop.repository.tableChoice(text) } == .notFound, "\(text)")
        }
    }

    @Test func tooFewDigitsAreTold() throws {
        for body in [
            { _ = try shop.repository.tableChoice("f") },
            { _ = try restored(.backup("f")) },
        ] {
            let error = #expect(throws: VarveError.self, performing: body)
            #expect(error?.code == .notFound)
            #expect(error?.message.contains("at least 2 digits") == true)
        }
    }

    @Test func namesThatAreDirectoriesAreRefused() {
        for name in [".", ".."] {
            #expect(errorCode { try backUp("x", Self.first, second: 1, of: name) } == .invalidInput)
            #expect(errorCode { try backUp(name, Self.first, second: 1) } == .invalidInput)
        }
    }

    // MARK: States

    @Test func backupsAreFoundInAllIncarnations() throws {
        let older = try shop.repository.history(of: "T (1)").backups[0]
        #expect(older.name == "monday")
        let id = older.id.description
        for text in ["monday", id, String(id.prefix(8)), older.arn] {
            let receipt = try restored(.backup(text))
            #expect(receipt.items == 40 && receipt.title == "T (1)" && receipt.incarnation == 0)
        }
        #expect(try restored(.backup("tuesday")).title == "T (2)")
        let error = #expect(throws: VarveError.self) { _ = try restored(.backup("same")) }
        #expect(error?.code == .ambiguous)
        #expect(error?.message.contains("of T (1)") == true)
        #expect(error?.message.contains("of T (2)") == true)
        #expect(try restored(.backup("same"), of: "T (1)").items == 40)
        #expect(errorCode { _ = try restored(.backup("monday"), of: "T (2)") } == .notFound)
    }

    @Test func timesAreOfTheIncarnationThatHasThem() throws {
        #expect(try restored(.instant(instant(1_000))).title == "T (1)")
        #expect(try restored(.instant(instant(5_000))).title == "T (2)")
        #expect(try restored(.latest).title == "T (2)")
        let error = #expect(throws: VarveError.self) { _ = try restored(.instant(instant(3_000))) }
        #expect(error?.code == .notFound)
        #expect(error?.message.contains("T (1) has states from") == true)
        #expect(
            errorCode { _ = try restored(.instant(instant(1_000)), of: "T (2)") } == .notFound)
        for (second, items) in [(Int64(1_000), UInt64(40)), (6_000, 60)] {
            var request = RestoreRequest(
                table: "", state: .instant(try instant(second)), target: shop.path("all-\(second)"))
            request.format = .dynamoDBJSON
            let found = try RestoreAllOperation(shop.repository, request).run()
            #expect(found.receipts.map(\.items) == [items])
            #expect(found.receipts.map(\.target) == [shop.path("all-\(second)") + "/T.jsonl"])
        }
    }

    @Test func itemsAndDifferences() throws {
        let key = #"{"P":{"S":"100000"},"S":{"N":"3"}}"#
        let reading = ItemReading(shop.repository, table: "T")
        #expect(try reading.item(key, at: .backup("monday")).json?.contains("v3-0") == true)
        #expect(try reading.item(key, at: .backup("tuesday")).json?.contains("v3-1") == true)
        let across = DifferenceRequest(table: "T", from: "monday", to: "tuesday")
        let summary = try DifferenceOperation(shop.repository, across).run(nil)
        #expect((summary.added, summary.removed, summary.replaced) == (20, 0, 4))
        let back = DifferenceRequest(table: "T", from: "tuesday", to: "monday")
        let reversed = try DifferenceOperation(shop.repository, back).run(nil)
        #expect((reversed.added, reversed.removed, reversed.replaced) == (0, 20, 4))
    }

    @Test func namingAPastStateGoesToItsIncarnation() throws {
        var request = NamedBackupRequest(
            table: "T", name: "again", state: .instant(try instant(1_000)))
        #expect(try NamedBackupOperation(shop.repository, request).run().table.record.ordinal == 0)
        request.state = .latest
        #expect(try NamedBackupOperation(shop.repository, request).run().table.record.ordinal == 1)
        request.table = "T (1)"
        #expect(try NamedBackupOperation(shop.repository, request).run().table.record.ordinal == 0)
    }

    @Test func verificationRestoresAnyOfThem() throws {
        for name in ["monday", "tuesday", "1970-01-01T00:16:40Z", "all", "random:2"] {
            var request = VerifyRequest()
            request.restores = try VerifyRequest.Restores(name)
            let report = try VerifyOperation(shop.repository, request).run()
            #expect(report.isClean, "\(name)")
        }
    }

    // MARK: Forgetting

    func forget(_ change: (inout ForgetRequest) -> Void) throws -> ForgetReport {
        var request = ForgetRequest(table: "T")
        change(&request)
        return try ForgetOperation(shop.repository, request).run()
    }

    func left() throws -> [[String]] {
        try ["T (1)", "T (2)"].map { try shop.repository.history(of: $0).backups.map(\.name) }
    }

    @Test func forgettingByName() throws {
        #expect(errorCode { _ = try forget { $0.names = ["same"] } } == .ambiguous)
        #expect(try left() == [["monday", "same"], ["tuesday", "same"]])
        let several = errorCode { _ = try forget { $0.names = ["monday", "tuesday"] } }
        #expect(several == .ambiguous)
        #expect(try forget { $0.names = ["monday"] }.table.ordinal == 0)
        #expect(try forget { $0.names = ["tuesday"] }.table.ordinal == 1)
        #expect(try left() == [["same"], ["same"]])
    }

    @Test func rulesJudgeOneIncarnation() throws {
        let report = try forget { $0.keepLast = 1 }
        #expect(report.forgotten.map(\.name) == ["tuesday"])
        #expect(report.untouched == ["T (1)"])
        #expect(try left() == [["monday", "same"], ["same"]])
        let older = try forget {
            $0.table = "T (1)"
            $0.keepLast = 1
        }
        #expect(older.forgotten.map(\.name) == ["monday"])
        #expect(try left() == [["same"], ["same"]])
    }

    // MARK: Writing

    @Test func aKnownTableIDGoesToItsIncarnation() throws {
        let late = try backUp("late", Workshop.lines(41), second: 7_000, id: "aaaa-1")
        #expect(late.table.record.ordinal == 0 && !late.isNewTable)
        #expect(late.warnings.contains { $0.contains("T (1)") })
        let early = try backUp("early", Workshop.lines(39), second: 500, id: "aaaa-1")
        #expect(early.table.record.ordinal == 0)
        #expect(try backUp("new", Self.second, second: 8_000).table.record.ordinal == 1)
        #expect(try shop.repository.tables().count == 2)
        #expect(try restored(.latest).items == 60)
        #expect(try restored(.latest, of: "T (1)").items == 41)
        #expect(try restored(.backup("early")).items == 39)
    }

    @Test func copiesToOneIncarnation() throws {
        let report = try backUp("more", Workshop.lines(45), second: 2_000, of: "T (1)")
        #expect(report.table.record.ordinal == 0)
        let wrong = errorCode {
            try backUp("wrong", Self.first, second: 2_500, id: "bbbb-2", of: "T (1)")
        }
        #expect(wrong == .refused)
        let missing = errorCode { try backUp("wrong", Self.first, second: 2_500, of: "T (3)") }
        #expect(missing == .invalidInput)
        #expect(try shop.repository.tables().count == 2)
    }

    @Test func contradictingKeysAreRefused() throws {
        let settings = try shop.write("keys.json", [TableTests.description(id: "cccc-3")])
        let key = KeySchema(partition: KeyAttribute(name: "Q", type: .binary))
        let error = #expect(throws: VarveError.self) {
            try shop.backUp("keys", Self.first, second: 9_000) {
                $0.table = "Fresh"
                $0.schema = key
                $0.settingsFiles = [settings]
            }
        }
        #expect(error?.code == .refused)
        #expect(error?.message.contains("Q:B") == true)
        #expect(error?.message.contains("P:S S:N") == true)
        #expect(try shop.repository.newestTable("Fresh") == nil)
        var request = RecordRequest(
            table: "Fresh", sources: [try shop.write("changes.jsonl", [])])
        request.schema = key
        request.settingsFiles = [settings]
        request.rejectsPath = shop.path("rejects.jsonl")
        #expect(
            errorCode { _ = try RecordOperation(shop.repository, request).run() } == .refused)
    }

    // MARK: Recording

    func record(_ table: String, second: Int64, settings: String? = nil) throws -> RecordReport {
        let change =
            #"{"Metadata":{"WriteTimestampMicros":{"N":"\#(second)000000"}},"#
            + #""Keys":{"P":{"S":"new"},"S":{"N":"1"}},"#
            + #""NewImage":{"P":{"S":"new"},"S":{"N":"1"}}}"#
        var request = RecordRequest(
            table: table, sources: [try shop.write("changes-\(second).jsonl", [change])])
        if let settings {
            request.settingsFiles = [
                try shop.write("s.json", [TableTests.description(id: settings)])
            ]
        }
        request.rejectsPath = shop.path("rejects.jsonl")
        request.cacheDirectory = nil
        return try RecordOperation(shop.repository, request).run()
    }

    @Test func exportsGoToTheirIncarnation() throws {
        func record(_ number: Int, _ id: String, table: String? = "T") throws -> [TableID] {
            let path = try IncrementalExportTests.export(shop, number, id: id, day: "1970-01-01")
            var request = RecordRequest(table: table, sources: [path])
            request.rejectsPath = shop.path("rejects.jsonl")
            request.cacheDirectory = nil
            return try RecordOperation(shop.repository, request).run().tables.map(\.id)
        }
        let ids = try shop.repository.tables().map(\.id)
        // They begin before the newest copy of each, at 1,500 and 6,000 s, and end behind it.
        #expect(try record(1, "aaaa-1") == [ids[0]])
        #expect(try record(6, "bbbb-2", table: nil) == [ids[1]])
        #expect(try record(2, "aaaa-1", table: nil) == [ids[0]])
        #expect(errorCode { _ = try record(3, "aaaa-1", table: "T (2)") } == .refused)
        #expect(errorCode { _ = try record(3, "cccc-3") } == .refused)
        #expect(try restored(.instant(instant(2_700)), of: "T (1)").items == 40)
        #expect(try restored(.latest, of: "T (2)").instant == instant(6_300))
    }

    @Test func changesGoToTheirIncarnation() throws {
        #expect(try record("T (1)", second: 10_000).tables.map(\.head.items) == [41])
        #expect(
            try record("T", second: 10_001, settings: "aaaa-1").tables.map(\.head.items) == [41])
        #expect(try record("T", second: 10_002).tables.map(\.head.items) == [61])
        #expect(
            errorCode { _ = try record("T", second: 10_003, settings: "cccc-3") } == .refused)
        #expect(
            errorCode { _ = try record("T (2)", second: 10_003, settings: "aaaa-1") } == .refused)
        #expect(try restored(.latest, of: "T (1)").items == 41)
        #expect(try restored(.latest, of: "T").items == 61)
    }
}

/// What is told of a copy that is not compared with a state.
@Suite("Copies without a base")
struct UncomparedCopyTests {
    @Test func anOlderCopyIsJudgedByItsItems() throws {
        let shop = try Workshop()
        let lines = Workshop.lines(100)
        let whole = try shop.backUp("one", lines, second: 1_000)
        #expect(whole.outcome.counts == nil)
        try shop.backUp("three", lines, second: 3_000)
        let few = Array(lines[..<3])
        #expect(errorCode { try shop.backUp("two", few, second: 2_000) } == .refused)
        let forced = try shop.backUp("two", few, second: 2_000) { $0.force = true }
        #expect(forced.outcome.counts == nil && forced.outcome.wroteImage)
        // The same copy again is known; half of the items, and one before all others, may be gone.
        #expect(try shop.backUp("again", few, second: 2_000).outcome.wasKnown)
        let half = try shop.backUp("half", Array(lines[..<50]), second: 1_500)
        #expect(half.outcome.counts == nil)
        try shop.backUp("zero", few, second: 500)
        let compared = try shop.backUp("four", Array(lines[..<99]), second: 4_000)
        #expect(compared.outcome.counts == FullBackup.Counts(puts: 0, removals: 1))
    }
}
