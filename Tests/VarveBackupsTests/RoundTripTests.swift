import Testing
import VarveArchive
import VarveBackups
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

@Suite("What is backed up comes back")
struct RoundTripTests {
    static let everyType = [
        #"{"Item":{"P":{"S":"a"},"S":{"N":"-1.5"},"B":{"B":"AAEC/w=="},"Bool":{"BOOL":true},"#
            + #""BS":{"BS":["AA==","AQ=="]},"L":{"L":[{"N":"1"},{"L":[]},{"NULL":true}]},"#
            + #""M":{"M":{"x":{"S":""},"é":{"M":{}}}},"N":{"N":"12345678901234567890.5"},"#
            + #""NS":{"NS":["-1","2"]},"Null":{"NULL":true},"SS":{"SS":["a","ü"]}}}"#,
        #"{"Item":{"P":{"S":"a"},"S":{"N":"0"}}}"#,
        #"{"Item":{"P":{"S":"b\"\n"},"S":{"N":"1"},"E":{"S":"\u0001"}}}"#,
    ]

    @Test(arguments: [1, 2])
    func everyTypeRoundTrips(workers: Int) throws {
        let shop = try Workshop(workers: workers)
        try shop.backUp("one", Self.everyType)
        let restored = try shop.restore(.backup("one"))
        #expect(restored.receipt.isEqual)
        #expect(restored.receipt.items == 3)
        #expect(restored.receipt.proof == .textAgainstRecord)
        // What was restored is the same table: its digest is known already.
        let lines = restored.text.split(separator: "\n").map(String.init)
        let second = restored.receipt.instant.second
        #expect(try shop.backUp("two", lines, second: second).outcome.wasKnown)
    }

    @Test func aDirectoryServesAsWell() throws {
        let directory = try FileSystem.makeTemporaryDirectory(prefix: "varve-test")
        defer { try? FileSystem.removeTree(directory) }
        let shop = try Workshop(store: DirectoryStore(directory + "/repository"), workers: 2)
        let lines = Workshop.lines(30_000)
        let report = try shop.backUp("one", lines)
        #expect(report.isNewTable && report.outcome.wroteImage)
        #expect(try shop.restore(.latest).text == Workshop.text(lines))
    }

    @Test func anEmptyTableRoundTrips() throws {
        let shop = try Workshop()
        try shop.backUp("one", [])
        let restored = try shop.restore(.backup("one"))
        #expect(restored.text.isEmpty && restored.receipt.items == 0)
    }

    @Test func largeValuesRoundTrip() throws {
        let shop = try Workshop(workers: 2)
        let lines = (0..<20).map { index in
            let text = String(repeating: "abc\(index)", count: 10_000)
            return #"{"Item":{"P":{"S":"p"},"S":{"N":"\#(index)"},"V":{"S":"\#(text)"}}}"#
        }
        try shop.backUp("one", lines)
        #expect(try shop.restore(.latest).text == Workshop.text(lines))
        #expect(
            try shop.restore(.latest) {
                $0.format = .csv
                $0.isLossy = true
            }.receipt.isEqual)
    }

    @Test func aSecondCopyIsARun() throws {
        let shop = try Workshop(workers: 2)
        let first = Workshop.lines(20_000)
        var second = Workshop.lines(20_000, salt: 1)
        second.removeSubrange(100..<110)
        let one = try shop.backUp("one", first, second: 1_000)
        let two = try shop.backUp("two", second, second: 2_000)
        #expect(!two.outcome.wroteImage)
        #expect(two.outcome.counts?.removals == 10)
        #expect(two.outcome.counts?.puts == 1_999)
        #expect(two.outcome.addedBytes < one.outcome.addedBytes)
        #expect(try shop.restore(.backup("one")).text == Workshop.text(first))
        #expect(try shop.restore(.backup("two")).text == Workshop.text(second))
    }

    @Test func anUnchangedCopyCostsLittle() throws {
        let shop = try Workshop()
        let lines = Workshop.lines(5_000)
        try shop.backUp("one", lines, second: 1_000)
        let before = try shop.storedBytes
        let report = try shop.backUp("two", lines, second: 2_000)
        #expect(report.outcome.counts == FullBackup.Counts(puts: 0, removals: 0))
        let cost = try shop.storedBytes - before
        #expect(cost < 1_200, "an unchanged copy took \(cost) bytes")
        #expect(try shop.restore(.backup("two")).text == Workshop.text(lines))
    }

    @Test func anOlderCopyAfterANewerOne() throws {
        let shop = try Workshop()
        let newer = Workshop.lines(300, salt: 2)
        let older = Workshop.lines(250, salt: 1)
        try shop.backUp("newer", newer, second: 2_000)
        try shop.backUp("older", older, second: 1_000)
        try shop.backUp("newest", newer, second: 3_000)
        #expect(try shop.restore(.backup("older")).text == Workshop.text(older))
        #expect(try shop.restore(.backup("newer")).text == Workshop.text(newer))
        #expect(try shop.restore(.latest).receipt.instant.second == 3_000)
        let instant = try #require(Instant(second: 1_000))
        #expect(try shop.restore(.instant(instant)).text == Workshop.text(older))
    }

    @Test func rowsInAnyOrderAreSorted() throws {
        let shop = try Workshop(workers: 2)
        let lines = Workshop.lines(2_000)
        try shop.backUp("one", lines.reversed())
        #expect(try shop.restore(.latest).text == Workshop.text(lines))
    }

    @Test func aPartIsRestored() throws {
        let shop = try Workshop()
        let lines = Workshop.lines(400)
        try shop.backUp("one", lines)
        let partition = try shop.restore(.latest) { $0.partition = "100003" }
        #expect(partition.text == Workshop.text(Array(lines[12..<16])))
        #expect(partition.receipt.isPart && partition.receipt.isEqual)
        #expect(partition.receipt.proof == .textAgainstPages)
        let range = try shop.restore(.latest) {
            $0.partition = "100003"
            $0.keyRange = "1..3"
        }
        #expect(range.text == Workshop.text(Array(lines[13..<15])))
        let partitions = try shop.restore(.latest) { $0.keyRange = "100001..100003" }
        #expect(partitions.text == Workshop.text(Array(lines[4..<12])))
        #expect(try shop.restore(.latest) { $0.keyRange = "100099.." }.receipt.items == 4)
        #expect(try shop.restore(.latest) { $0.partition = "none" }.receipt.items == 0)
    }

    @Test func formatsWithoutTypesMustBeAllowed() throws {
        let shop = try Workshop()
        try shop.backUp("one", Self.everyType)
        for format in [RestoreRequest.Format.plainJSON, .csv] {
            let code = errorCode { _ = try shop.restore(.latest) { $0.format = format } }
            #expect(code == .refused)
            let restored = try shop.restore(.latest) {
                $0.format = format
                $0.isLossy = true
            }
            #expect(restored.receipt.proof == .rowsAgainstRecord && restored.receipt.isEqual)
        }
        let header = try shop.restore(.latest) {
            $0.format = .csv
            $0.isLossy = true
        }.text.split(separator: "\n")[0]
        #expect(header == "P,S,B,BS,Bool,E,L,M,N,NS,Null,SS")
    }

    @Test func anExportIsRestoredAndReadAgain() throws {
        let shop = try Workshop()
        let lines = Workshop.lines(1_000)
        try shop.backUp("one", lines, second: 1_000)
        var request = RestoreRequest(
            table: "T", state: .latest, target: shop.path("export"))
        request.format = .export
        let receipt = try RestoreOperation(shop.repository, request).run()
        #expect(receipt.isEqual && receipt.proof == .textAgainstRecord)
        var again = FullBackupRequest(table: "T", source: shop.path("export"), name: "two")
        again.schema = Workshop.schema
        let report = try FullBackupOperation(shop.repository, again).run()
        #expect(report.outcome.wasKnown)
        #expect(report.backup.instant.second == 1_000)
    }

    @Test func singleItems() throws {
        let shop = try Workshop()
        try shop.backUp("one", Workshop.lines(2_000), second: 1_000)
        try shop.backUp("two", Workshop.lines(2_000, salt: 1), second: 2_000)
        let reading = ItemReading(shop.repository, table: "T")
        let key = #"{"P":{"S":"100000"},"S":{"N":"3.0"}}"#
        #expect(try reading.item(key, at: .backup("one")).json?.contains("v3-0") == true)
        #expect(try reading.item(key, at: .backup("two")).json?.contains("v3-1") == true)
        let none = #"{"P":{"S":"100000"},"S":{"N":"4"}}"#
        #expect(try reading.item(none, at: .latest).json == nil)
        for wrong in [
            #"{"P":{"S":"1"}}"#, #"{"P":{"S":"1"},"S":{"N":"1"},"X":{"S":"1"}}"#, "", "{",
        ] {
            #expect(errorCode { _ = try reading.item(wrong, at: .latest) } == .invalidInput)
        }
    }

    @Test func differences() throws {
        let shop = try Workshop()
        let first = Workshop.lines(500)
        var second = Workshop.lines(500, salt: 1)
        second.removeFirst(2)
        try shop.backUp("one", first, second: 1_000)
        try shop.backUp("two", second, second: 2_000)
        let file = try shop.write("second.jsonl", second.reversed())
        for (from, to, added, removed) in [
            ("one", "two", 0, 2), ("two", "one", 2, 0), ("one", file, 0, 2), (file, "one", 2, 0),
            (file, "two", 0, 0), ("two", "two", 0, 0),
        ] {
            var text = ""
            let summary = try DifferenceOperation(
                shop.repository, DifferenceRequest(table: "T", from: from, to: to)
            ).run { text += String(decoding: $0.copyBytes(), as: UTF8.self) }
            #expect(summary.added == UInt64(added) && summary.removed == UInt64(removed))
            let lines = text.split(separator: "\n")
            #expect(lines.count == Int(summary.added + summary.removed + summary.replaced))
            #expect(lines.filter { !$0.contains("OldImage") }.count == added)
            #expect(lines.filter { !$0.contains("NewImage") }.count == removed)
            #expect(summary.replaced == (from == "one" || to == "one" ? 50 : 0))
        }
    }
}
