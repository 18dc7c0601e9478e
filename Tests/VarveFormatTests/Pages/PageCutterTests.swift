import Testing
import VarveBytes
@testable import VarveFormat

/// The cut rule against the words of Spec 06.
struct PageCutterTests {
    struct Entry: Sendable {
        var weight: UInt64
        var hash: UInt64
    }

    static func cut(_ entries: [Entry], window: UInt64) -> [Int] {
        var cutter = PageCutter(window: window)
        var ends: [Int] = []
        for entry in entries {
            cutter.append(weight: entry.weight, hash: entry.hash)
            while let end = cutter.takeEnd() { ends.append(end) }
        }
        cutter.finish()
        while let end = cutter.takeEnd() { ends.append(end) }
        return ends
    }

    /// Spec 06, Rule, word for word.
    static func reference(_ entries: [Entry], window: UInt64) -> [Int] {
        let ends = entries.reduce(into: [UInt64]()) { $0.append(($0.last ?? 0) + $1.weight) }
        guard let total = ends.last else { return [] }
        func isNatural(_ i: Int) -> Bool {
            guard ends[i] >= window, total - ends[i] >= window else { return false }
            return entries.indices.allSatisfy { j in
                let distance = ends[i] > ends[j] ? ends[i] - ends[j] : ends[j] - ends[i]
                return j == i || distance > window || entries[i].hash > entries[j].hash
            }
        }
        let natural = entries.indices.filter(isNatural)
        var result: [Int] = []
        var start: UInt64 = 0
        var from = 0
        for last in natural + (natural.last == entries.count - 1 ? [] : [entries.count - 1]) {
            for i in from..<last where ends[i] - start >= 8 * 2 * window {
                result.append(i + 1)
                start = ends[i]
            }
            result.append(last + 1)
            start = ends[last]
            from = last + 1
        }
        return result
    }

    static func random(_ random: inout SeededRandom, _ count: Int, hashes: Int) -> [Entry] {
        (0..<count).map { index in
            let hash: UInt64 =
                switch hashes {
                case 0: random.next()
                case 1: UInt64(index)
                case 2: UInt64(count - index)
                case 3: 7
                default: UInt64(random.below(8))
                }
            let weight = random.chance(3) ? 1 + random.below(2000) : 1 + random.below(60)
            return Entry(weight: UInt64(weight), hash: hash)
        }
    }

    @Test(arguments: 0..<60)
    func followsTheRule(seed: Int) {
        var random = SeededRandom(UInt64(seed))
        let count = random.pick([0, 1, 2, 3, 17, 150, 400, 700])
        let entries = Self.random(&random, count, hashes: seed % 5)
        let window = UInt64(random.pick([1, 2, 40, 300, 1000]))
        #expect(
            Self.cut(entries, window: window) == Self.reference(entries, window: window),
            "seed \(seed), \(count) entries, window \(window)")
    }

    @Test func emptyLevelHasNoPage() {
        #expect(Self.cut([], window: 100) == [])
    }

    /// Less than 2W is one page; a page of exactly 2W can be cut in the middle.
    @Test func cutsNoEarlierThanTwoWindows() {
        let pair = { (w: UInt64) in
            [Entry(weight: 100, hash: 9), Entry(weight: w, hash: 1)]
        }
        #expect(Self.cut(pair(99), window: 100) == [2])
        // Both ends are within W of each other: the first has the greater hash.
        #expect(Self.cut(pair(100), window: 100) == [1, 2])
        #expect(Self.cut([Entry(weight: 1, hash: 0)], window: 100) == [1])
    }

    /// Equal hashes never cut, so that only the weight does: at 8T.
    @Test func forcesACutAtEightTimesTheTarget() {
        let entries = Array(repeating: Entry(weight: 10, hash: 5), count: 400)
        #expect(Self.cut(entries, window: 100) == [160, 320, 400])
        // The stretch's last entry ends its page by itself, and only once.
        #expect(Self.cut(Array(entries[..<160]), window: 100) == [160])
    }

    @Test(arguments: 0..<20)
    func anEditChangesAtMostThreePages(seed: Int) {
        var random = SeededRandom(UInt64(1000 + seed))
        let entries = Self.random(&random, 3000, hashes: 0).map {
            Entry(weight: min($0.weight, 60), hash: $0.hash)
        }
        let before = Self.pages(entries)
        for _ in 0..<40 {
            var edited = entries
            let at = random.below(entries.count)
            switch random.below(3) {
            case 0: edited.remove(at: at)
            case 1: edited.insert(Entry(weight: 30, hash: random.next()), at: at)
            default: edited[at] = Entry(weight: 20, hash: edited[at].hash)
            }
            let fresh = Self.pages(edited).subtracting(before)
            #expect(fresh.count <= 3, "seed \(1000 + seed), edit at \(at)")
        }
    }

    private static func pages(_ entries: [Entry]) -> Set<[UInt64]> {
        var from = 0
        var pages: Set<[UInt64]> = []
        for end in cut(entries, window: 400) {
            pages.insert(entries[from..<end].flatMap { [$0.weight, $0.hash] })
            from = end
        }
        return pages
    }

    /// An end is known once W more has come.
    @Test func tellsEndsEarly() {
        var random = SeededRandom(5)
        let entries = Self.random(&random, 2000, hashes: 0)
        var cutter = PageCutter(window: 300)
        var ends: [UInt64] = []
        var known = 0
        for entry in entries {
            cutter.append(weight: entry.weight, hash: entry.hash)
            ends.append(cutter.total)
            while let end = cutter.takeEnd() {
                known += 1
                #expect(cutter.total - ends[end - 1] < 300 + entry.weight)
            }
        }
        #expect(known > 20)
    }

    @Test func blocksOfEntriesEndPagesWhereEntriesDo() {
        var random = SeededRandom(6)
        let entries = Self.random(&random, 3000, hashes: 0)
        var cutter = PageCutter(window: 300)
        var ends: [Int] = []
        for block in stride(from: 0, to: entries.count, by: 77) {
            let part = entries[block..<min(block + 77, entries.count)]
            cutter.append(weights: part.map { UInt32($0.weight) }, hashes: part.map(\.hash))
            while let end = cutter.takeEnd() { ends.append(end) }
        }
        cutter.finish()
        while let end = cutter.takeEnd() { ends.append(end) }
        #expect(ends.count > 20)
        #expect(ends == Self.cut(entries, window: 300))
    }

    @Test func windowsAreThoseOfTheSpec() {
        #expect(PageCutter.window(level: 0) == 196_608)
        #expect(PageCutter.window(level: 1) == 16_384)
        #expect(PageCutter.window(level: 3) == 16_384)
    }
}
