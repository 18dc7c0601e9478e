import Testing
import VarveArchive
import VarveBackups
import VarveBytes
import VarveFormat
import VarveStorage

/// Which tables' histories move on without changes, and when they must not.
@Suite("Quiet tables")
struct QuietTablesTests {
    /// Begins at 2025-06-01T00:00:00Z, when the exports' windows begin.
    private static let start: Int64 = 1_748_736_000

    private static func change(_ table: String, _ second: Int64) -> String {
        "{\"tableName\":\"\(table)\","
            + "\"Metadata\":{\"WriteTimestampMicros\":{\"N\":\"\((start + second) * 1_000_000)\"}},"
            + "\"Keys\":{\"P\":{\"S\":\"\(second)\"},\"S\":{\"N\":\"1\"}},"
            + "\"NewImage\":{\"P\":{\"S\":\"\(second)\"},\"S\":{\"N\":\"1\"}}}"
    }

    private static func record(_ shop: Workshop, _ sources: [String]) throws -> RecordReport {
        var request = RecordRequest(table: nil, sources: sources)
        request.schema = Workshop.schema
        request.rejectsPath = shop.path("rejects.jsonl")
        request.unchangedSeconds = 60
        return try RecordOperation(shop.repository, request).run()
    }

    private static func end(_ report: RecordReport, _ table: String) throws -> Int64 {
        let head = try #require(report.tables.first { $0.table == table }).head
        return try #require(head.to) / 1_000_000 - start
    }

    /// A source that is read later may tell of an earlier time.
    @Test func nothingMovesOnWhileASourceIsUnread() throws {
        let shop = try Workshop()
        var lines = [Self.change("Quiet", 0)] + (0..<10).map { Self.change("Busy", $0) }
        let busy = try shop.write("busy.jsonl", lines)
        #expect(try Self.end(Self.record(shop, [busy]), "Quiet") == 1)

        lines += (2_000..<2_010).map { Self.change("Busy", $0) }
        let file = try FileDescriptor(overwriting: busy)
        try file.write(Array((lines.joined(separator: "\n") + "\n{\"tableName\":").utf8).raw)
        try file.close()
        let other = try shop.write("other.jsonl", [Self.change("Quiet", 1_500)])
        let cutOff = try Self.record(shop, [busy, other])
        #expect(cutOff.cutOff.count == 1)
        #expect(try Self.end(cutOff, "Quiet") == 1)

        _ = try shop.write("busy.jsonl", lines + [Self.change("Busy", 3_000)])
        let whole = try Self.record(shop, [busy, other])
        #expect(whole.rejectedCount == 0)
        #expect(try Self.end(whole, "Quiet") == 2_940)
        #expect(try Self.end(whole, "Busy") == 3_001)
    }

    /// The next export tells what is behind the last one, however late it comes.
    @Test func whatExportsTellOfDoesNotMoveOn() throws {
        let shop = try Workshop()
        let export = try IncrementalExportTests.export(shop, 0)
        let lines = [Self.change("Busy", 100), Self.change("Busy", 9_000)]
        let report = try Self.record(shop, [export, try shop.write("busy.jsonl", lines)])
        #expect(try Self.end(report, "Busy") == 9_001)
        #expect(try Self.end(report, "T") == 900)
        let next = try Self.record(shop, [try IncrementalExportTests.export(shop, 1)])
        #expect(next.tables.map(\.statistics.commits) == [1])
        #expect(try Self.end(next, "T") == 1_800)
    }
}
