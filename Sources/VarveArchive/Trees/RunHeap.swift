import VarveModel

/// Several runs that are read side by side, ordered by the keys of their next changes.
///
/// A binary heap: O(log runs) comparisons a change, one block a run in memory.
struct RunHeap {
    /// A run's reading position.
    final class Cursor {
        private let source: any ChangeSource
        /// Place among the runs, from the oldest; negative if newer ones come first.
        private let rank: Int
        private(set) var block: ChangeBlock
        private(set) var position = 0

        fileprivate init(_ source: any ChangeSource, rank: Int, first: ChangeBlock) {
            self.source = source
            self.rank = rank
            block = first
        }

        /// Moves to the next change; false at the end.
        func advance() throws -> Bool {
            position += 1
            if position < block.changes.count { return true }
            guard let next = try source.nextBlock() else { return false }
            block = next
            position = 0
            return true
        }

        var stamp: ChangeStamp { block.changes.stamps[position] }

        /// Whether the change has the key of the only row of `other`.
        func isAt(_ other: borrowing RowBuffer) -> Bool {
            block.changes.rows.order(position, other, 0) == 0
        }

        fileprivate func precedes(_ other: Cursor) -> Bool {
            let order = block.changes.rows.order(
                position, other.block.changes.rows, other.position)
            return order != 0 ? order < 0 : rank < other.rank
        }
    }

    private var cursors: [Cursor] = []

    /// - Parameters:
    ///   - runs: from the oldest to the newest.
    ///   - newestFirst: of runs at the same key the newest is on top, not the oldest.
    init(_ runs: [any ChangeSource], newestFirst: Bool) throws {
        for (age, run) in runs.enumerated() {
            guard let first = try run.nextBlock() else { continue }
            cursors.append(Cursor(run, rank: newestFirst ? -age : age, first: first))
        }
        for index in stride(from: cursors.count / 2 - 1, through: 0, by: -1) { siftDown(index) }
    }

    /// The run whose change comes first; nil if all are at their ends.
    var top: Cursor? { cursors.first }

    /// Finds the place of the run on top, which has moved on.
    /// - Parameter hasMore: false if it is at its end: it goes.
    mutating func settleTop(hasMore: Bool) {
        if !hasMore {
            let last = cursors.removeLast()
            if cursors.isEmpty { return }
            cursors[0] = last
        }
        siftDown(0)
    }

    private mutating func siftDown(_ start: Int) {
        var index = start
        while true {
            var least = index
            let left = 2 * index + 1
            if left < cursors.count, cursors[left].precedes(cursors[least]) { least = left }
            if left + 1 < cursors.count, cursors[left + 1].precedes(cursors[least]) {
                least = left + 1
            }
            if least == index { return }
            cursors.swapAt(index, least)
            index = least
        }
    }
}
