import Testing
import VarveBytes
import VarveFormat
import VarveStorage
@testable import VarveArchive

/// Pages held to the cut rule by their summaries alone, against the rule itself. Source: Spec 06.
@Suite("Verification: the cut rule")
struct CutCheckTests {
    private static let window: UInt64 = 100

    private static func ends(_ entries: [CutSummary.Entry]) -> [Int] {
        var cutter = PageCutter(window: window)
        var ends: [Int] = []
        for entry in entries { cutter.append(weight: entry.weight, hash: entry.hash) }
        cutter.finish()
        while let end = cutter.takeEnd() { ends.append(end) }
        return ends
    }

    private static func faults(_ entries: [CutSummary.Entry], _ ends: [Int]) -> Int {
        var check = CutCheck(window: window)
        var start = 0
        for end in ends {
            check.append(CutSummary(Array(entries[start..<end]), window: window))
            start = end
        }
        return check.faults().count
    }

    /// Whatever is cut elsewhere than the rule says is found, and nothing else.
    @Test(arguments: 0..<60) func findsEveryOtherCut(seed: UInt64) {
        let random = SeededRandom(seed: 700 + seed)
        func below(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }
        let count = 1 + below(400)
        // Few hashes make equal ones, and so pages of the greatest weight.
        let hashes: UInt64 = [UInt64.max, 1, 3, 40, 1000][Int(seed % 5)]
        let entries = (0..<count).map { _ in
            CutSummary.Entry(weight: 1 + UInt64(below(60)), hash: random.next() % hashes)
        }
        let right = Self.ends(entries)
        #expect(Self.faults(entries, right) == 0, "seed \(seed)")
        for _ in 0..<40 {
            var other = Set(right)
            for _ in 0..<1 + below(2) {
                let end = 1 + below(count)
                if below(2) == 0 { other.insert(end) } else { other.remove(end) }
            }
            other.insert(count)
            if other == Set(right) { continue }
            #expect(Self.faults(entries, other.sorted()) > 0, "seed \(seed), \(other.sorted())")
        }
    }
}
