import Testing
import VarveBytes
import VarveModel
import VarveStorage
@testable import VarveArchive

/// The merging of runs, against sorting all their changes.
struct MergingTests {
    /// One change.
    struct Version: Equatable {
        var key: [UInt8]
        var stamp: ChangeStamp
        var value: [UInt8]
    }

    /// How keys look.
    enum Keys: CaseIterable {
        /// Few short ones: each is a prefix of others, and most stand in several runs.
        case prefixes
        /// Bytes 00 in them and at their ends, which padding with zeros could hide.
        case zeros
        /// Long, with the same long beginning; they differ only far behind a word.
        case longShared
        /// Groups with long beginnings of their own, so that what is shared changes on the way.
        case groups
        /// One key, in all runs.
        case single

        func make(_ random: SeededRandom) -> [UInt8] {
            func bytes(_ count: UInt64, _ alphabet: [UInt8]) -> [UInt8] {
                (0..<count).map { _ in alphabet[Int(random.next() % UInt64(alphabet.count))] }
            }
            switch self {
            case .prefixes: return bytes(1 + random.next() % 12, [97])
            case .zeros: return bytes(1 + random.next() % 11, [0, 0, 0, 1])
            case .longShared:
                return [UInt8](repeating: 120, count: 40) + bytes(random.next() % 20, [0, 98, 255])
            case .groups:
                let group = UInt8(random.next() % 4)
                let head = [UInt8](repeating: 65 + group, count: 3 * Int(group) + 1)
                return head + bytes(random.next() % 10, [0, 1, 255])
            case .single: return [1, 2, 3]
            }
        }
    }

    /// Runs with stretches of time of their own, oldest first.
    private static func runs(_ count: Int, _ keys: Keys, _ random: SeededRandom) -> [[Version]] {
        (0..<count).map { run in
            let size = Int(random.next() % (count > 9 ? 12 : 60))
            return (0..<size).map { index in
                let time = Int64(run * 100) + Int64(random.next() % 100)
                let isPut = random.next() % 5 > 0
                return Version(
                    key: keys.make(random),
                    stamp: ChangeStamp(
                        time: time, sequence: UInt64(index), kind: isPut ? .put : .tombstone),
                    value: isPut ? Array("\(run)/\(index)".utf8) : [])
            }.sorted(by: precedes)
        }
    }

    private static func precedes(_ a: Version, _ b: Version) -> Bool {
        if a.key != b.key { return a.key.lexicographicallyPrecedes(b.key) }
        return (a.stamp.time, a.stamp.sequence) < (b.stamp.time, b.stamp.sequence)
    }

    /// Changes in blocks of one to a few, so that blocks end between changes of a key.
    private final class Blocks: ChangeSource {
        private var left: ArraySlice<Version>
        private let random: SeededRandom
        private let most: UInt64

        init(_ changes: [Version], _ random: SeededRandom, most: UInt64) {
            left = changes[...]
            self.random = random
            self.most = most
        }

        func nextBlock() -> ChangeBlock? {
            if left.isEmpty { return nil }
            let part = left.prefix(1 + Int(random.next() % most))
            left = left.dropFirst(part.count)
            var changes = ChangeBuffer(capacity: 32)
            for change in part {
                changes.rows.append(key: change.key.raw, value: change.value.raw)
                changes.stamps.append(change.stamp)
            }
            return ChangeBlock(changes)
        }
    }

    private static func sources(
        _ runs: [[Version]], _ random: SeededRandom
    ) -> [any ChangeSource] {
        runs.map { Blocks($0, random, most: [1, 3, 40][Int(random.next() % 3)]) }
    }

    private static func version(_ place: ChangePlace) -> Version {
        Version(
            key: place.block.changes.rows.keyBytes(place.index), stamp: place.stamp,
            value: place.block.changes.rows.valueBytes(place.index))
    }

    static let cases: [(Keys, Int)] = Keys.allCases.flatMap { keys in
        [0, 1, 2, 3, 7, 120].map { (keys, $0) }
    }

    @Test(arguments: cases)
    func heapYieldsAllInOrder(keys: Keys, count: Int) throws {
        for seed in 0..<8 {
            let random = SeededRandom(seed: UInt64(seed))
            let runs = Self.runs(count, keys, random)
            var heap = try RunHeap(Self.sources(runs, random), newestFirst: false)
            var found: [Version] = []
            var before: ChangePlace?
            while !heap.isEmpty {
                let top = heap.top
                if let before {
                    let isSame = Self.version(before).key == Self.version(top).key
                    #expect(heap.isTop(at: before) == isSame, "seed \(seed)")
                }
                before = top
                found.append(Self.version(top))
                try heap.advance()
            }
            #expect(found == runs.flatMap { $0 }.sorted(by: Self.precedes), "seed \(seed)")
        }
    }

    @Test(arguments: cases)
    func netChangesAreTheNewest(keys: Keys, count: Int) throws {
        for seed in 0..<8 {
            let random = SeededRandom(seed: UInt64(100 + seed))
            let runs = Self.runs(count, keys, random)
            let before = Int64(random.next() % UInt64(count * 100 + 100))
            let start = seed % 2 == 0 ? Int64.min : Int64(random.next() % UInt64(before + 1))
            var net = try NetChanges(
                runs: Self.sources(runs, random), before: before, since: start)
            let sorted = runs.flatMap { $0 }.filter { $0.stamp.time < before }
                .sorted(by: Self.precedes)
            var place = 0
            while place < sorted.count {
                let key = sorted[place].key
                let versions = sorted[place...].prefix { $0.key == key }
                place += versions.count
                let newest = try #require(versions.last)
                let found = try #require(try net.next(), "seed \(seed), \(key)")
                #expect(Self.version(found) == newest, "seed \(seed)")
                var older: Version?
                if newest.stamp.time >= start {
                    older = versions.last { $0.stamp.time < start }
                }
                if start > .min {
                    #expect(net.older.map(Self.version) == older, "seed \(seed), \(key)")
                }
            }
            #expect(try net.next() == nil, "seed \(seed)")
        }
    }

    @Test(arguments: cases)
    func mergedRunsKeepTheSelected(keys: Keys, count: Int) throws {
        for seed in 0..<4 {
            let random = SeededRandom(seed: UInt64(200 + seed))
            let runs = Self.runs(count, keys, random)
            let kept = (0..<3).map { _ in Int64(random.next() % UInt64(count * 100 + 1)) }.sorted()
            var selection = ChangeSelection.all
            if seed > 0 { selection.kept = kept }
            let merged = try MergedRuns(Self.sources(runs, random), selection)
            var found: [Version] = []
            while let block = try merged.nextBlock() {
                for index in 0..<block.changes.count {
                    found.append(Self.version(ChangePlace(block: block, index: index)))
                }
            }
            var expected = runs.flatMap { $0 }.sorted(by: Self.precedes)
            if seed > 0 {
                func stretch(_ version: Version) -> Int {
                    kept.count { $0 <= version.stamp.time }
                }
                expected = expected.enumerated().filter { index, version in
                    if stretch(version) == kept.count { return false }
                    guard index + 1 < expected.count, expected[index + 1].key == version.key
                    else { return true }
                    return stretch(expected[index + 1]) != stretch(version)
                }.map(\.element)
            }
            #expect(found == expected, "seed \(seed)")
        }
    }

    /// An image with changes, against a dictionary; the image's blocks have random sizes, too.
    @Test(arguments: cases)
    func mergedStateIsTheImageWithTheChanges(keys: Keys, count: Int) throws {
        for seed in 0..<8 {
            let random = SeededRandom(seed: UInt64(300 + seed))
            let runs = Self.runs(count, keys, random)
            var state: [[UInt8]: [UInt8]] = [:]
            for _ in 0..<Int(random.next() % 80) { state[keys.make(random)] = [7] }
            var blocks: [RowBlock] = []
            var rows = RowBuffer(capacity: 32)
            for key in state.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
                rows.append(key: key.raw, value: [7].raw)
                if random.next() % 5 == 0 {
                    blocks.append(RowBlock(exchange(&rows, with: RowBuffer(capacity: 32))))
                }
            }
            if rows.count > 0 { blocks.append(RowBlock(rows)) }
            // Runs follow one another in time; a key's changes within one stand in that order.
            for version in runs.flatMap({ $0 }) {
                state[version.key] = version.stamp.kind == .put ? version.value : nil
            }
            let merged = try MergedState(
                image: BlockSource(blocks),
                net: NetChanges(runs: Self.sources(runs, random), before: .max))
            var last: [UInt8]?
            var found = 0
            while let block = try merged.nextBlock() {
                #expect(block.rows.count > 0)
                for index in 0..<block.rows.count {
                    let key = block.rows.keyBytes(index)
                    if let last { #expect(last.lexicographicallyPrecedes(key), "seed \(seed)") }
                    last = key
                    #expect(state[key] == block.rows.valueBytes(index), "seed \(seed), \(key)")
                    found += 1
                }
            }
            #expect(found == state.count, "seed \(seed)")
        }
    }
}
