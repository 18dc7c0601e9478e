import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

/// Pages that are lost of a range whose end is in doubt.
@Suite("Repair of what is in doubt")
struct LostDoubtTests {
    /// Changes of each second: values so large that their pages are in packs, not in the commits.
    private static let busy = 40

    private static func source(
        _ versions: [(key: String, second: Int64)], value: () -> [UInt8] = { [0] }
    ) -> RecordedSource {
        let start = TestRepository.instant(0).microseconds
        let last = versions.map(\.second).max() ?? 0
        return RecordedSource(
            versions.map { version in
                HistoryModel.Version(
                    key: Array(version.key.utf8) + [0, 1],
                    time: start + version.second * 1_000_000 + 500_000, value: value())
            }, seconds: Int(last) + 1)
    }

    /// Commits up to 2, to 5 and to 10, each with a pack of its own; then a change
    /// comes too late.
    private static func scene(late: Int64) throws -> (test: TestRepository, packs: [String]) {
        let test = try TestRepository(seed: 71)
        _ = try test.repository.beginHistory(
            name: "orders", schema: TestTable.schemas[0], at: TestRepository.instant(0))
        let recorder = try test.recorder()
        recorder.begin(source: "pipe", isLasting: false)
        let random = SeededRandom(seed: 72)
        let source = Self.source(
            (0..<10 * busy).map { (random.bytes(12).raw.hexadecimal, Int64($0 / busy)) },
            value: {
                Item([(name: "noise", value: .binary(random.bytes(900)))]).canonicalBytes
            })
        var packs: [String] = []
        for part in [0..<3, 3..<6, 6..<10] {
            try recorder.append(try source.batch(part.lowerBound * busy..<part.upperBound * busy))
            try recorder.flush()
            let names = try test.store.list("packs/").map(\.name)
            packs += names.filter { !packs.contains($0) }
        }
        try #require(packs.count == 3)
        try recorder.append(try Self.source([("late", late)]).batch(0..<1))
        try recorder.finish()
        #expect(recorder.head.restorable.to == TestRepository.instant(late).microseconds)
        try recorder.end()
        return (test, packs)
    }

    /// What is left may end before what is in doubt begins, or behind it.
    @Test(arguments: [
        (pack: 1, late: 5, end: 2, good: 2), (1, 2, 2, 2), (1, 1, 2, 1), (2, 7, 5, 5),
        (2, 5, 5, 5), (2, 2, 5, 2),
    ] as [(pack: Int, late: Int64, end: Int64, good: Int64)])
    func whatIsLeftIsKept(pack: Int, late: Int64, end: Int64, good: Int64) throws {
        let (test, packs) = try Self.scene(late: late)
        try test.store.delete(packs[pack])
        let report = try repair(test.store)
        #expect(!report.losses.isEmpty)
        let repository = try test.reopened()
        let history = try repository.history(of: "orders")
        let start = TestRepository.start
        #expect(history.ranges.map { $0.from.second - start } == [0])
        #expect(history.ranges.map { $0.to.second - start } == [good])
        for second in 0...good {
            let found = try contents(repository, at: second)
            #expect(found.count == Int(second) * Self.busy)
        }
        let layout = try #require(history.layout)
        #expect(layout.ranges.map { $0.to.second - start } == [end])
        #expect(layout.ranges[0].soundTo == (good < end ? TestRepository.instant(good) : nil))
        #expect(repository.verify(VerificationOptions(data: .all)).problems == [])
        #expect(try repair(test.store).actions == [])
    }

    /// Of a layout's range nothing may be left of what is in doubt.
    @Test(arguments: [1, 4, 8] as [Int64]) func aLayoutsDoubtGoesWithItsEnd(late: Int64) throws {
        let (test, _) = try Self.scene(late: late)
        // The newest commit stays beside a layout.
        try test.backUp(TestTable(), at: 20, keep: false)
        try compact(try test.reopened(), isForced: true)
        let layout = try #require(try test.reopened().history(of: "orders").layout)
        #expect(layout.ranges.first?.soundTo == TestRepository.instant(late))
        for pack in try test.store.list("packs/") { try test.store.delete(pack.name) }
        #expect(try !repair(test.store).losses.isEmpty)
        let left = try test.reopened().history(of: "orders")
        let copied = TestRepository.instant(20)
        let sound = TestRepository.instant(late)
        #expect(left.ranges.allSatisfy { $0.to <= sound || $0.from == copied })
        #expect(left.layout?.ranges.contains { $0.soundTo != nil } == false)
        #expect(try test.reopened().verify(VerificationOptions(data: .all)).problems == [])
    }
}
