import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

@testable import VarveArchive

/// Checkpoints under a layout: searched by time in pages, few of them.
struct CheckpointPagesTests {
    /// So many checkpoints, with gaps of a few seconds.
    private static func points(_ count: Int, _ random: SeededRandom) -> [Checkpoint] {
        var second: Int64 = 0
        return (0..<count).map { index in
            second += 1 + Int64(random.next() % 3)
            return Checkpoint(
                instant: TestRepository.instant(second), changes: UInt64(index % 7),
                items: UInt64(1000 + index), bytes: UInt64(50 * index),
                digest: sha256([UInt8(truncatingIfNeeded: index), UInt8(index >> 8 & 255)].raw))
        }
    }

    private static func layout(
        _ test: TestRepository, _ root: Hash256, _ points: [Checkpoint]
    ) throws -> TableHistory {
        let planned = try test.repository.plannedTable(
            name: "orders", schema: TestTable.schemas[0], arn: "", serviceID: "")
        let last = points[points.count - 1]
        let layout = LayoutRecord(
            table: planned.id, number: 1, written: 0, nextSequence: 1, before: .zero,
            ranges: [
                LayoutRecord.Range(
                    isExactAtCheckpointsOnly: false, from: points[0].instant, to: last.instant,
                    firstSequence: 0, lastSequence: 0, lastHash: .zero, items: last.items,
                    bytes: last.bytes, digest: last.digest, changeDigest: .zero)
            ],
            pieces: [.image(at: points[0].instant, .empty)], checkpoints: root, inline: [])
        return TableHistory(
            id: planned.id, record: planned.record, layoutNumber: 1, layout: layout, commits: [],
            backups: [], blobs: test.repository.blobs)
    }

    private static func write(
        _ points: [Checkpoint], _ test: TestRepository
    ) throws -> Hash256 {
        let writer = BlobWriter(test.repository, purpose: "test")
        let tree = CheckpointTree(blobs: test.repository.blobs, writer: writer)
        let root = try #require(try tree.write(CheckpointTree.leaves(of: points)).root)
        test.repository.blobs.addInline(try writer.finish())
        try writer.end()
        return root
    }

    @Test(arguments: [1, 2, 255, 256, 257, 1000])
    func everySearchFindsWhatAScanFinds(count: Int) throws {
        let test = try TestRepository(seed: UInt64(count))
        let points = Self.points(count, test.random)
        let history = try Self.layout(test, try Self.write(points, test), points)
        #expect(try history.checkpointCount() == count)
        let last = points[count - 1]
        var before: Int?
        var next = 0
        for second in -2...(last.instant.second - TestRepository.start + 2) {
            let instant = TestRepository.instant(second)
            if next < count, points[next].instant == instant {
                before = next
                next += 1
            }
            let found = try history.checkpoint(upTo: instant)
            #expect(found?.instant == before.map { points[$0].instant })
            #expect(found?.items == before.map { points[$0].items })
            if let found, let before {
                #expect(found.digest.agrees(with: points[before].digest))
                let isWhole = before % 256 == 0 || before == count - 1
                #expect((found.digest.whole != nil) == isWhole)
            }
            #expect(
                try history.checkpoint(after: instant)?.instant
                    == (next < count ? points[next].instant : nil))
            #expect(
                try history.checkpoint(at: instant)?.instant
                    == (before.map { points[$0].instant } == instant ? instant : nil))
        }
        for (from, through) in [(0, count), (3, 9), (250, 260), (600, 600), (0, 0)] {
            let first = TestRepository.instant(Int64(from))
            let end = TestRepository.instant(Int64(through))
            var sequence = history.checkpoints(from: first, through: end)
            #expect(
                try sequence.rest().map(\.instant)
                    == points.map(\.instant).filter { $0 >= first && $0 <= end })
        }
    }

    /// A month with a change every second: opening and searching read few pages.
    @Test func aMonthOfSecondsIsSearchedInFewPages() throws {
        let counting = FaultyStore(MemoryStore(clock: ManualTime()))
        let test = try TestRepository(seed: 6, packBytes: 1 << 24, store: counting)
        let random = test.random
        // Leaves that exist; the others are told of by index pages alone.
        let count = 2_600_000
        let leafCount = count / 256
        let writer = BlobWriter(test.repository, purpose: "test")
        var entries: [SpanEntry] = []
        let digest = sha256([1].raw)
        for leaf in 0..<leafCount {
            let start = TestRepository.start + Int64(leaf * 256)
            var id = Hash256(words: (UInt64(leaf), 1, 2, 3))
            if leaf % 500 == 17 {
                let records = (0..<256).map { index in
                    CheckpointRecord(
                        second: start + Int64(index), items: 5, bytes: 100, changes: 1,
                        digestLow: index == 0 ? UInt16(truncatingIfNeeded: digest.words.0) : 9)
                }
                var plain = ByteWriter()
                CheckpointLeaf(checkpoints: records, firstDigest: digest).encode(into: &plain)
                let blob = EncodedBlob(.checkpointLeaf, plain: plain.bytes)
                try writer.add(blob)
                id = blob.id
            }
            entries.append(SpanEntry(first: start, last: start + 255, entries: 256, id: id))
        }
        var level: UInt8 = 0
        while entries.count > 1 {
            level += 1
            var above: [SpanEntry] = []
            for start in stride(from: 0, to: entries.count, by: 1024) {
                let part = Array(entries[start..<min(start + 1024, entries.count)])
                var plain = ByteWriter()
                SpanIndexPage(kind: .checkpoints, level: level, children: part)
                    .encode(into: &plain)
                let blob = EncodedBlob(.checkpointIndex, plain: plain.bytes)
                try writer.add(blob)
                above.append(
                    SpanEntry(
                        first: part[0].first, last: part[part.count - 1].last,
                        entries: part.reduce(0) { $0 + $1.entries }, id: blob.id))
            }
            entries = above
        }
        _ = try writer.finish()
        try writer.end()
        let point = Checkpoint(
            instant: TestRepository.instant(0), changes: 0, items: 5, bytes: 100, digest: digest)
        var end = point
        end.instant = TestRepository.instant(Int64(leafCount * 256 - 1))
        let history = try Self.layout(test, entries[0].id, [point, end])
        #expect(try history.checkpointCount() == leafCount * 256)
        for _ in 0..<20 {
            let leaf = Int64(17 + 500 * (random.next() % 20))
            let second = leaf * 256 + Int64(random.next() % 255)
            let before = counting.operations.count
            let found = try history.exactCheckpoint(for: TestRepository.instant(second))
            #expect(found?.instant == TestRepository.instant(second))
            // A leaf, and the index pages on the way; each by a search in the pack's index.
            #expect(counting.operations.count - before <= 24)
        }
    }

    /// Pages that contradict the index above them end a search at once.
    @Test func hostilePagesEndTheSearch() throws {
        let test = try TestRepository(seed: 8)
        let writer = BlobWriter(test.repository, purpose: "test")
        func put(_ level: UInt8, _ children: [SpanEntry]) throws -> Hash256 {
            var plain = ByteWriter()
            SpanIndexPage(kind: .checkpoints, level: level, children: children)
                .encode(into: &plain)
            let blob = EncodedBlob(.checkpointIndex, plain: plain.bytes)
            try writer.add(blob)
            return blob.id
        }
        let points = Self.points(20, test.random)
        let (first, last) = (points[0].instant.second, points[19].instant.second)
        let tree = CheckpointTree(blobs: test.repository.blobs, writer: writer)
        let leaf = try #require(try tree.write(CheckpointTree.leaves(of: points)).root)
        func entry(_ first: Int64, _ last: Int64, _ count: UInt64, _ id: Hash256) -> SpanEntry {
            SpanEntry(first: first, last: last, entries: count, id: id)
        }
        var high = leaf
        for level in 1...16 { high = try put(UInt8(level), [entry(first, last, 20, high)]) }
        let roots = [
            try put(1, [entry(first, last, 21, leaf)]),
            try put(1, [entry(first - 1, last, 20, leaf)]),
            try put(1, [entry(first, last + 1, 20, leaf)]),
            // The same leaf twice.
            try put(1, [entry(first, last, 20, leaf), entry(last + 1, last + 9, 20, leaf)]),
            try put(3, [entry(first, last, 20, leaf)]),
            try put(2, [entry(first, last, 20, try put(2, [entry(first, last, 20, leaf)]))]),
        ]
        test.repository.blobs.addInline(try writer.finish())
        try writer.end()
        let sound = try Self.layout(test, high, points)
        #expect(try sound.checkpoint(upTo: points[3].instant)?.instant == points[3].instant)
        for root in roots {
            let history = try Self.layout(test, root, points)
            #expect(throws: VarveError(.damaged, "")) {
                var all = history.checkpoints()
                _ = try all.rest()
            }
        }
    }
}
