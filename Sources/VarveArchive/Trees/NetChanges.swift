import VarveModel

/// What several runs come to: for each key the last change before an instant.
///
/// Runs are given from the oldest to the newest and do not overlap in time, so that of two runs
/// with the same key the newer one decides. Merges with a binary heap of runs: O(log runs)
/// comparisons a change, one block a run in memory.
public final class NetChanges: ChangeSource {
    /// A run's reading position.
    private final class Cursor {
        let source: any ChangeSource
        /// Place among the runs: higher is newer.
        let age: Int
        var block: ChangeBlock
        var position = 0

        init(_ source: any ChangeSource, age: Int, first: ChangeBlock) {
            self.source = source
            self.age = age
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

        /// Whether the change has the key of the only row of `last`.
        func isAt(_ last: borrowing RowBuffer) -> Bool {
            block.changes.rows.order(position, last, 0) == 0
        }

        /// Whether this cursor's change comes before the other's: by key, then newest run first.
        func precedes(_ other: Cursor) -> Bool {
            let order = block.changes.rows.order(
                position, other.block.changes.rows, other.position)
            return order != 0 ? order < 0 : age > other.age
        }
    }

    private var heap: [Cursor] = []
    private let before: Int64
    /// One row with the key of the last change taken, to pass over older ones of the same key.
    private var last = RowBuffer(capacity: 512)
    private var hasLast = false
    private static let blockBytes = 1 << 18

    /// - Parameters:
    ///   - runs: from the oldest to the newest.
    ///   - before: only changes with a time less than this count; microseconds.
    public init(runs: [any ChangeSource], before: Int64) throws {
        self.before = before
        for (age, run) in runs.enumerated() {
            guard let first = try run.nextBlock() else { continue }
            heap.append(Cursor(run, age: age, first: first))
        }
        for index in stride(from: heap.count / 2 - 1, through: 0, by: -1) { siftDown(index) }
    }

    public func nextBlock() throws -> ChangeBlock? {
        let result = ChangeBlock()
        while result.changes.rows.byteCount < Self.blockBytes {
            guard let top = heap.first else { break }
            if try !takeNewest(of: top, into: result) { continue }
        }
        return result.changes.count == 0 ? nil : result
    }

    /// Takes the newest change of the key at the top of the heap, unless a newer run decided
    /// already, and moves that run behind the key.
    private func takeNewest(of cursor: Cursor, into result: ChangeBlock) throws -> Bool {
        let decided = hasLast && cursor.isAt(last)
        if !decided {
            last.removeAll()
            last.append(cursor.block.changes.rows, cursor.position..<cursor.position + 1)
            hasLast = true
        }
        var newest: ChangeStamp?
        var more = true
        let mark = result.changes.rows.count
        while more, cursor.isAt(last) {
            let stamp = cursor.block.changes.stamps[cursor.position]
            if !decided, stamp.time < before {
                result.changes.rows.truncate(to: mark)
                result.changes.rows.append(
                    cursor.block.changes.rows, cursor.position..<cursor.position + 1)
                if cursor.block.hasOutlined { result.hasOutlined = true }
                newest = stamp
            }
            more = try cursor.advance()
        }
        if more {
            siftDown(0)
        } else {
            let last = heap.removeLast()
            if !heap.isEmpty {
                heap[0] = last
                siftDown(0)
            }
        }
        guard let newest else {
            // Nothing of this key is old enough in this run: an older run may decide.
            if !decided { hasLast = false }
            return false
        }
        result.changes.stamps.append(newest)
        return true
    }

    private func siftDown(_ start: Int) {
        var index = start
        while true {
            var least = index
            let left = 2 * index + 1
            if left < heap.count, heap[left].precedes(heap[least]) { least = left }
            if left + 1 < heap.count, heap[left + 1].precedes(heap[least]) { least = left + 1 }
            if least == index { return }
            heap.swapAt(index, least)
            index = least
        }
    }
}
