import Testing
import VarveArchive
import VarveBackups
import VarveBytes
import VarveFormat
import VarveStorage

@Suite("What cannot be recorded")
struct RejectionTests {
    private static func change(_ name: String, _ second: Int64) -> String {
        "{\"Metadata\":{\"WriteTimestampMicros\":{\"N\":\"\(second * 1_000_000)\"}},"
            + "\"Keys\":{\"P\":{\"S\":\"\(name)\"},\"S\":{\"N\":\"1\"}},"
            + "\"NewImage\":{\"P\":{\"S\":\"\(name)\"},\"S\":{\"N\":\"1\"}}}"
    }
    private static let malformed = "{\"Keys\": broken"

    private static func record(
        _ shop: Workshop, _ lines: [String], table: String? = "T", rejects: String? = nil
    ) throws -> RecordReport {
        let path = try shop.write("changes-\(lines.count).jsonl", lines)
        var request = RecordRequest(table: table, sources: [path])
        request.schema = Workshop.schema
        request.rejectsPath = rejects ?? shop.path("rejects.jsonl")
        return try RecordOperation(shop.repository, request).run()
    }

    private static func rejects(_ shop: Workshop) throws -> Int {
        try shop.read("rejects.jsonl").split(separator: "\n").count
    }

    /// Nothing could be recorded of these: no table is made, and all is told.
    @Test(arguments: [
        [malformed],
        [malformed, change("a", 1_000), malformed],
        // The second of the last change may have had more: it is not complete.
        [change("a", 1_000), change("b", 1_000), malformed, change("c", 2_000)],
    ])
    func aTableOfWhichNothingCanBeRecordedIsNotMade(lines: [String]) throws {
        let shop = try Workshop()
        let before = try shop.listing()
        let report = try Self.record(shop, lines)
        #expect(report.tables.isEmpty && report.unmadeTables == ["T"])
        #expect(report.rejectedCount == UInt64(lines.count))
        #expect(try Self.rejects(shop) == lines.count)
        let first = try #require(report.firstRejected)
        #expect(first.place.contains("changes-\(lines.count).jsonl"))
        #expect(!first.reason.isEmpty)
        #expect(try shop.listing() == before)
        #expect(try shop.repository.tables().isEmpty)
        // Without the malformed line all of it is recorded.
        let sound = lines.filter { $0 != Self.malformed }
        if sound.isEmpty { return }
        let again = try Self.record(shop, sound)
        #expect(again.tables.map(\.statistics.recorded) == [UInt64(sound.count)])
        #expect(again.unmadeTables.isEmpty && again.rejectedCount == 0)
    }

    /// The clock of a `Workshop`, and what is more than a day ahead of it; seconds.
    private static let now: Int64 = 1_750_000_000
    private static let farAhead: Int64 = now + 86_402

    /// A table that began far ahead of the clock could take nothing in for as long, not even a
    /// full copy.
    @Test func aTimeFarAheadBeginsNoTable() throws {
        let shop = try Workshop()
        let before = try shop.listing()
        let report = try Self.record(
            shop, [Self.change("a", Self.farAhead), Self.change("b", Self.farAhead + 5)])
        #expect(report.unmadeTables == ["T"] && report.rejectedCount == 2)
        #expect(report.firstRejected?.reason.contains("ahead of this machine's clock") == true)
        #expect(try Self.rejects(shop) == 2)
        #expect(try shop.listing() == before)
        // What is not as far ahead is recorded, and so is what comes after such a beginning.
        let sound = try Self.record(shop, [Self.change("a", Self.now - 10)])
        #expect(sound.tables.map(\.statistics.recorded) == [1])
    }

    /// Of several tables it stays known that a change was lost: in the present, so that a full
    /// copy can follow.
    @Test func aTimeFarAheadClosesATableOfSeveralInThePresent() throws {
        let shop = try Workshop()
        func line(_ table: String, _ key: String, _ second: Int64) -> String {
            "{\"TableName\":\"\(table)\"," + Self.change(key, second).dropFirst()
        }
        let report = try Self.record(
            shop, [line("T", "a", Self.farAhead), line("B", "b", 1_000)], table: nil)
        #expect(report.tables.count == 2 && report.rejectedCount == 1)
        let range = try #require(try shop.repository.history(of: "T").ranges.last)
        #expect(range.isClosed && range.to.second == Self.now)
        shop.time.advance(seconds: 2)
        try shop.backUp("full", Workshop.lines(4))
        #expect(try shop.repository.history(of: "T").ranges.last?.isClosed == false)
    }

    @Test func completeSecondsBeforeItAreRecorded() throws {
        let shop = try Workshop()
        let lines = [
            Self.change("a", 1_000), Self.change("b", 1_001), Self.malformed,
            Self.change("c", 2_000),
        ]
        let report = try Self.record(shop, lines)
        #expect(report.tables.map(\.statistics.recorded) == [1])
        #expect(report.tables.map(\.head.isClosed) == [true])
        #expect(report.unmadeTables.isEmpty)
        #expect(report.rejectedCount == 3)
        #expect(try Self.rejects(shop) == 3)
    }

    @Test func ofSeveralTablesTheOthersAreRecorded() throws {
        let shop = try Workshop()
        _ = try Self.record(shop, [Self.change("a", 1_000)], table: "A")
        let report = try Self.record(shop, [Self.malformed, Self.malformed], table: nil)
        #expect(report.tables.isEmpty && report.unmadeTables.isEmpty)
        #expect(report.unassignedCount == 2 && report.rejectedCount == 2)
        #expect(report.firstRejected != nil)
    }

    /// The others' commits say that the source is done: the next run must not take a table for new
    /// of which a change was lost.
    @Test(arguments: [true, false])
    func aTableOfWhichAChangeWasLostIsNotBegunLater(hasSound: Bool) throws {
        let shop = try Workshop()
        func line(_ table: String, _ key: String, _ second: Int64) -> String {
            "{\"TableName\":\"\(table)\"," + Self.change(key, second).dropFirst()
        }
        let lost = line("X", "x9", 1_003)
            .replacing("{\"N\":\"1\"}}}", with: "{\"N\":\"one\"}}}")
        var lines = (0..<8).map { line("A", "a\($0)", 1_000 + Int64($0)) }
        lines.insert(lost, at: 4)
        if hasSound { lines.insert(line("X", "x0", 1_003), at: 4) }
        let path = try shop.write("changes.jsonl", lines)
        var request = RecordRequest(table: nil, sources: [path])
        request.schema = Workshop.schema
        request.rejectsPath = shop.path("rejects.jsonl")
        let first = try RecordOperation(shop.repository, request).run()
        #expect(first.rejectedCount == (hasSound ? 2 : 1))
        _ = try shop.write(
            "changes.jsonl", lines + (1..<4).map { line("X", "x\($0)", 1_010 + Int64($0)) })
        let second = try RecordOperation(shop.repository, request).run()
        #expect(second.rejectedCount > 0)
        if let made = try shop.repository.newestTable("X") {
            let history = try shop.repository.history(made.id, made.record)
            #expect(history.ranges.last?.isClosed == true)
            #expect((history.ranges.last?.to.second ?? .max) <= 1_003)
        } else {
            #expect(second.unmadeTables == ["X"])
        }
    }

    /// A record of which not even the table is known may be of any: none is recorded beyond it,
    /// whether it was met before, in the same part of the source, or later.
    @Test func aRecordOfNoKnownTableEndsAllThatAreMet() throws {
        let shop = try Workshop()
        for table in ["A", "B", "C"] {
            _ = try Self.record(shop, [Self.change("a", 1_000)], table: table)
        }
        func line(_ table: String, _ key: String, _ second: Int64) -> String {
            "{\"TableName\":\"\(table)\"," + Self.change(key, second).dropFirst()
        }
        let many = (0..<4_000).map { line("A", "k\($0)", 2_000 + Int64($0)) }
        let report = try Self.record(
            shop,
            many + [line("B", "b", 7_000), line("A", "l", 7_000), Self.malformed]
                + (0..<4_000).map { line("A", "m\($0)", 8_000 + Int64($0)) }
                + [line("C", "c", 20_000), line("D", "d", 20_000), line("A", "n", 20_000)],
            table: nil)
        #expect(report.tables.map(\.head.isClosed) == [true, true, true])
        #expect(report.unmadeTables == ["D"])
        #expect(report.unassignedCount == 1)
        let recorded = Dictionary(
            uniqueKeysWithValues: report.tables.map { ($0.table, $0.statistics.recorded) })
        // The second that the record may be of is not complete.
        #expect(recorded == ["A": 4_000, "B": 0, "C": 0])
        for (table, end) in [("A", Int64(7_000)), ("B", 1_001), ("C", 1_001)] {
            let history = try shop.repository.history(of: table)
            #expect((history.ranges.last?.to.second ?? 0) <= end, "table \(table)")
            #expect(history.ranges.last?.isClosed == true)
        }
        #expect(try shop.repository.newestTable("D") == nil)
        #expect(report.rejectedCount == 1 + 2 + 4_000 + 3)
    }

    /// A full disk: how many are not in the file is told, and the table is free for others.
    @Test func aRejectsFileThatCannotBeWrittenIsToldOf() throws {
        let shop = try Workshop()
        _ = try Self.record(shop, [Self.change("a", 1_000)])
        let lines = [Self.change("b", 2_000), Self.malformed, Self.change("c", 3_000)]
        do {
            _ = try Self.record(shop, lines, rejects: "/dev/full")
            Issue.record("a full disk was not told of")
        } catch let error as VarveError {
            #expect(error.code == .storage)
            #expect(error.location == "/dev/full")
            #expect(error.message.contains("3 rejected records are not in the rejects file"))
            #expect(!error.message.contains("besides"))
        }
        let leases = try shop.listing().filter { $0.contains("/lease ") }
        #expect(leases.isEmpty)
    }

    /// The earliest of those that come together counts; what comes afterwards moves nothing.
    @Test func lateChangesPutInDoubtWhatFollowsThem() throws {
        let shop = try Workshop()
        let sound = try Self.record(shop, (0..<50).map { Self.change("k\($0)", 1_000 + $0) })
        #expect(sound.tables.map(\.isInDoubt) == [false])
        let late = [("late", 1_030), ("later", 1_020), ("next", 1_100)] as [(String, Int64)]
        let closed = try Self.record(shop, late.map { Self.change($0.0, $0.1) })
        let table = try #require(closed.tables.first)
        #expect(table.isInDoubt && table.head.isClosed)
        #expect(table.head.to == 1_020_000_000)
        #expect(table.rejectedCount == 3)
        #expect(try shop.repository.history(of: "T").latest?.items == 20)
        let again = errorCode { _ = try Self.record(shop, [Self.change("latest", 1_010)]) }
        #expect(again == .refused)
        #expect(try shop.repository.history(of: "T").latest?.items == 20)
    }

    /// The report says why, not which record came first; and a place that is not known in lines is
    /// told in bytes.
    @Test func placesAreWhereTheRecordsStand() throws {
        func line(_ table: String, _ second: Int64) -> String {
            "{\"tableName\":\"\(table)\"," + Self.change("a\(second)", second).dropFirst()
        }
        let shop = try Workshop()
        let first = try Self.record(
            shop, ["{broken", line("A", 1_000), line("B", 1_000), line("A", 1_002)], table: nil)
        #expect(first.tables.isEmpty && first.rejectedCount == 4)
        let place = try #require(first.firstRejected)
        #expect(place.place.hasSuffix("jsonl: line 1, byte 0"))
        #expect(place.reason.hasPrefix("malformed JSON"))

        let other = try Workshop()
        let sound = (0..<30).map { Self.change("a\($0)", 1_000 + $0) }
        func append(_ lines: [String]) throws -> RecordReport {
            var request = RecordRequest(
                table: "T", sources: [try other.write("growing.jsonl", lines)])
            request.schema = Workshop.schema
            request.rejectsPath = other.path("rejects.jsonl")
            return try RecordOperation(other.repository, request).run()
        }
        #expect(try append(sound).rejectedCount == 0)
        let size = sound.reduce(0) { $0 + $1.utf8.count + 1 }
        let second = try append(sound + ["{broken"])
        #expect(second.firstRejected?.place.hasSuffix("growing.jsonl: byte \(size)") == true)
        let rejects = try other.read("rejects.jsonl")
        #expect(rejects.contains("\"byte\":\(size),") && !rejects.contains("\"line\""))
    }

    @Test func sourcesThatAreNotThereLeaveNoLease() throws {
        let shop = try Workshop()
        _ = try Self.record(shop, [Self.change("a", 1_000)])
        let before = try shop.listing()
        let request = RecordRequest(table: "T", sources: [shop.path("nothing.jsonl")])
        #expect(errorCode { _ = try RecordOperation(shop.repository, request).run() } != nil)
        #expect(try shop.listing() == before)
    }
}
