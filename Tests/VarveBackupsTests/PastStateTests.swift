import Testing
import VarveArchive
import VarveBackups
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// Recorded history of the table T: at second n of the test the item `count` is n, for those n that
/// changed.
private final class RecordedShop {
    static let start: Int64 = 1_749_000_000
    let shop: Workshop
    private let publisher: CommitPublisher

    init(_ shop: Workshop) throws {
        self.shop = shop
        let history = try shop.repository.beginHistory(
            name: "T", schema: Workshop.schema, at: Self.instant(0))
        publisher = CommitPublisher(shop.repository, history: history)
    }

    static func instant(_ second: Int64) -> Instant {
        guard let instant = Instant(second: start + second) else {
            preconditionFailure("a second beyond the year 9999")
        }
        return instant
    }

    static func line(_ second: Int64) -> String {
        "{\"Item\":{\"P\":{\"S\":\"p\"},\"S\":{\"N\":\"1\"},\"V\":{\"S\":\"v\(second)\"}}}"
    }

    static let key = "{\"P\":{\"S\":\"p\"},\"S\":{\"N\":\"1\"}}"

    /// Commits a change in the middle of the second before each of these, up to the last.
    func record(_ seconds: [Int64]) throws {
        var checkpoints: [Checkpoint] = []
        var changes = ChangeBuffer()
        for second in seconds {
            var parser = ItemParser(schema: Workshop.schema)
            var rows = RowBuffer()
            var offsets: [UInt32] = []
            try parser.parse(
                lines: Array(Self.line(second).utf8).raw, into: &rows, lineOffsets: &offsets)
            changes.rows.append(rows, 0..<1)
            changes.stamps.append(
                ChangeStamp(
                    time: Self.instant(second).microseconds - 500_000, sequence: 0, kind: .put))
            let size =
                try ItemMeasure.itemBytes(of: rows.value(0))
                + ItemMeasure.keyBytes(of: rows.key(0), KeyCodec(Workshop.schema))
            checkpoints.append(
                Checkpoint(
                    instant: Self.instant(second), changes: 1, items: 1, bytes: UInt64(size),
                    digest: ItemDigest.tableDigest(of: rows)))
        }
        guard let last = checkpoints.last else { return }
        var content = CommitPublisher.Content(
            to: last.instant.microseconds, items: 1, bytes: last.bytes, digest: last.digest)
        content.checkpoints = checkpoints
        content.changes = UInt64(seconds.count)
        _ = try publisher.publish(content, changes)
    }

    func restored(_ second: Int64) throws -> String {
        try shop.restore(.instant(Self.instant(second))).text
    }
}

@Suite("Past states by their time")
struct PastStateTests {
    @Test func backupsOfPastStates() throws {
        let shop = try Workshop()
        let recorded = try RecordedShop(shop)
        try recorded.record([2, 3, 7])
        let before = try shop.storedBytes
        var request = NamedBackupRequest(table: "T", name: "past")
        request.state = .instant(RecordedShop.instant(5))
        let report = try NamedBackupOperation(shop.repository, request).run()
        #expect(report.backup.instant == RecordedShop.instant(3))
        #expect(report.warnings.count == 1)
        #expect(report.backup.commitSequence == 1)
        let latest = try NamedBackupOperation(
            shop.repository, NamedBackupRequest(table: "T", name: "latest")
        ).run()
        #expect(latest.backup.instant == RecordedShop.instant(7))
        #expect(latest.warnings.isEmpty)
        #expect(try shop.storedBytes - before < 1_200)
        #expect(try shop.restore(.backup("past")).text == RecordedShop.line(3) + "\n")
        #expect(try shop.restore(.backup("latest")).text == RecordedShop.line(7) + "\n")
        #expect(shop.repository.verify().problems == [])
        request.state = .instant(RecordedShop.instant(8))
        #expect(
            errorCode { _ = try NamedBackupOperation(shop.repository, request).run() }
                == .notFound)
    }

    @Test func everySecondIsRestored() throws {
        let shop = try Workshop()
        let recorded = try RecordedShop(shop)
        try recorded.record([2, 3])
        try recorded.record([6, 9])
        for (second, expected) in zip(Int64(0)...9, [0, 0, 2, 3, 3, 3, 6, 6, 6, 9]) {
            let text = expected == 0 ? "" : RecordedShop.line(Int64(expected)) + "\n"
            #expect(try recorded.restored(second) == text)
            let item = try ItemReading(shop.repository, table: "T").item(
                RecordedShop.key, at: .instant(RecordedShop.instant(second)))
            #expect(item.json.map { $0 + "\n" } ?? "" == text)
        }
        let receipt = try shop.restore(.instant(RecordedShop.instant(5))).receipt
        #expect(receipt.instant == RecordedShop.instant(5))
        #expect(receipt.checkpoint == RecordedShop.instant(3))
        #expect(receipt.proof == .textAgainstRecord)
        #expect(errorCode { _ = try recorded.restored(10) } == .notFound)
        var versions: [String] = []
        try ItemHistoryOperation(shop.repository, table: "T", key: RecordedShop.key).run {
            #expect($0.kind == .put && $0.isExact)
            versions.append("\($0.time / 1_000_000 - RecordedShop.start + 1)")
            #expect($0.item?.contains("\"v\(versions.last ?? "")\"") == true)
        }
        #expect(versions == ["2", "3", "6", "9"])
        var difference = DifferenceRequest(
            table: "T", from: RecordedShop.instant(2).description,
            to: String(RecordedShop.start + 7))
        #expect(try DifferenceOperation(shop.repository, difference).run(nil).replaced == 1)
        difference.from = RecordedShop.instant(0).description
        #expect(try DifferenceOperation(shop.repository, difference).run(nil).added == 1)
        difference.to = "2025-06-04T00:00:00"
        #expect(
            errorCode { _ = try DifferenceOperation(shop.repository, difference).run(nil) }
                == .notFound)
    }

    @Test func allTablesAtOneInstant() throws {
        let shop = try Workshop()
        let recorded = try RecordedShop(shop)
        try recorded.record([2, 3, 7])
        var other = try shop.request("one", Workshop.lines(8))
        other.table = "U"
        other.instant = RecordedShop.instant(5)
        _ = try FullBackupOperation(shop.repository, other).run()
        func restore(
            _ second: Int64, _ target: String, skips: Bool = false
        ) throws -> (receipts: [RestoreReceipt], skipped: [String]) {
            try RestoreAllOperation(
                shop.repository,
                RestoreRequest(
                    table: "", state: .instant(RecordedShop.instant(second)),
                    target: shop.path(target)), skipsUnknown: skips
            ).run()
        }
        let all = try restore(5, "all")
        #expect(all.receipts.map(\.table) == ["T", "U"])
        #expect(all.skipped.isEmpty)
        #expect(try shop.read("all/T.jsonl") == RecordedShop.line(3) + "\n")
        #expect(try shop.read("all/U.jsonl") == Workshop.text(Workshop.lines(8)))
        #expect(errorCode { _ = try restore(5, "all") } == .exists)
        #expect(errorCode { _ = try restore(6, "some") } == .notFound)
        #expect((try? FileSystem.metadata(shop.path("some"))) == nil)
        let some = try restore(6, "some", skips: true)
        #expect(some.receipts.map(\.table) == ["T"])
        #expect(some.skipped.count == 1)
        #expect(errorCode { _ = try restore(60, "none", skips: true) } == .notFound)
        #expect(
            try FileSystem.names(in: shop.directory).allSatisfy { !$0.hasSuffix(".partial") })
    }

    @Test func verificationRestoresTimes() throws {
        let shop = try Workshop()
        let recorded = try RecordedShop(shop)
        try recorded.record([2, 3, 7])
        func states(_ text: String) throws -> Int {
            var request = VerifyRequest()
            request.restores = try VerifyRequest.Restores(text)
            let report = try VerifyOperation(shop.repository, request).run()
            #expect(report.problems == [])
            return Int(report.counts.states)
        }
        #expect(try states("random:5") == 5)
        #expect(try states("random:500") == 8)
        #expect(try states(RecordedShop.instant(4).description) == 1)
        #expect(errorCode { _ = try states(RecordedShop.instant(9).description) } == .notFound)
        #expect(errorCode { _ = try states("nothing") } == .notFound)
        for count in ["", "0", "-1", "x", "100001", "9223372036854775807"] {
            #expect(errorCode { _ = try states("random:\(count)") } == .invalidInput, "\(count)")
        }
    }

    @Test(arguments: [
        ("now", 0), ("90s ago", 90), ("2h ago", 7_200), ("3 days ago", 259_200),
        ("1 Week ago", 604_800), ("5 min ago", 300), ("  1 minute  ago", 60),
    ])
    func timesAgo(text: String, seconds: Int64) throws {
        let now: Int64 = 1_750_000_000_300_000
        #expect(try TimeText.instant(text, now: now).second == 1_750_000_000 - seconds)
    }

    @Test(arguments: [
        "2 fortnights ago", "ago", "h ago", "-2h ago", "2.5h ago", "2h", "yesterday",
        "99999999999999999999h ago", "9999999999999999h ago", "2025-09-25T10:00:00",
        "2025-09-25T10:00:00.5Z", "1750000000.5", "",
    ])
    func timesThatAreNone(text: String) {
        #expect(errorCode { _ = try TimeText.instant(text, now: 1_750_000_000_300_000) }
            == .invalidInput)
    }
}
