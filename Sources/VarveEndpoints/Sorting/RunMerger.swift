import VarveBytes
import VarveModel

/// Merges sorted runs into one sequence, by a tournament tree of losers.
///
/// Each inner node holds the run that lost there; the winner stands in front of all. Replacing the
/// winner's row costs one comparison a level. Rows of one key come out in the order of their
/// places.
final class RunMerger {
    /// A reader in an array: a reference, because arrays hold copyable values only.
    private final class Runner {
        var reader: SpillRunReader
        init(_ reader: consuming SpillRunReader) { self.reader = reader }
    }

    private let runners: [Runner]
    /// Eight bytes of each run's current key, behind what all keys of all runs begin with.
    private var words: [UInt64]
    private var exhausted: [Bool]
    private var losers: [Int]
    private let shared: Int
    private var winner = 0
    private var isFresh = true

    /// - Parameter shared: how many bytes all keys have in common at their start.
    init(_ file: SpillFile, _ runs: [SpillRun], shared: Int) throws(VarveError) {
        precondition(!runs.isEmpty)
        runners = runs.map { Runner(SpillRunReader(file, $0)) }
        words = Array(repeating: 0, count: runs.count)
        exhausted = Array(repeating: false, count: runs.count)
        losers = Array(repeating: -1, count: runs.count)
        self.shared = shared
        for index in runs.indices { try step(index) }
        build()
    }

    /// Hands on the row that `advance()` went to.
    func withCurrent<Failure>(
        _ body: (_ row: borrowing SpillRunReader) throws(Failure) -> Void
    ) throws(Failure) {
        try body(runners[winner].reader)
    }

    /// Goes to the next row in key order.
    func advance() throws(VarveError) -> Bool {
        if isFresh {
            isFresh = false
        } else {
            try step(winner)
            replay(winner)
        }
        return !exhausted[winner]
    }

    private func step(_ index: Int) throws(VarveError) {
        if try runners[index].reader.advance() {
            words[index] = runners[index].reader.keyWord(from: shared)
        } else {
            exhausted[index] = true
            words[index] = .max
        }
    }

    private func precedes(_ a: Int, _ b: Int) -> Bool {
        if words[a] != words[b] { return words[a] < words[b] }
        if exhausted[a] || exhausted[b] {
            return exhausted[a] == exhausted[b] ? a < b : exhausted[b]
        }
        let order = runners[a].reader.keyOrder(runners[b].reader)
        if order != 0 { return order < 0 }
        // Runs are made one after another: the lower run came first.
        return a < b
    }

    private func build() {
        for index in runners.indices {
            var candidate = index
            var node = (index + runners.count) / 2
            while node > 0 {
                if losers[node] < 0 {
                    losers[node] = candidate
                    candidate = -1
                    break
                }
                if precedes(losers[node], candidate) { swap(&losers[node], &candidate) }
                node /= 2
            }
            if candidate >= 0 { winner = candidate }
        }
    }

    private func replay(_ index: Int) {
        var candidate = index
        var node = (index + runners.count) / 2
        while node > 0 {
            if precedes(losers[node], candidate) { swap(&losers[node], &candidate) }
            node /= 2
        }
        winner = candidate
    }
}
