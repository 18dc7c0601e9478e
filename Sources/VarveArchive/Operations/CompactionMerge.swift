import VarveModel

/// Several runs as one: their changes in (key, time, sequence) order, of which those that no kept
/// instant tells apart are dropped.
///
/// Runs are given from the oldest to the newest and do not overlap in time. A binary heap of runs:
/// O(log runs) comparisons a change, one block a run in memory.
final class MergedRuns: ChangeSource {
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

        func advance() throws -> Bool {
            position += 1
            if position < block.changes.count { return true }
            guard let next = try source.nextBlock() else { return false }
            block = next
            position = 0
            return true
        }

        var stamp: ChangeStamp { block.changes.stamps[position] }

        /// By key, then oldest run first.
        func precedes(_ other: Cursor) -> Bool {
            let order = block.changes.rows.order(
                position, other.block.changes.rows, other.position)
            return order != 0 ? order < 0 : age < other.age
        }
    }

    private var heap: [Cursor] = []
    /// Kept instants in microseconds, ascending: of a key's changes between two of them the last
    /// stays.
    private let kept: [Int64]?
    private let dropsLeadingTombstones: Bool
    private static let blockBytes = 1 << 18

    /// - Parameters:
    ///   - kept: instants in microseconds, ascending, that must stay apart; changes from the last
    ///     of them on are dropped. Nil: every change stays.
    ///   - dropsLeadingTombstones: nothing older holds a key, so that a tombstone before any put
    ///     says nothing.
    init(
        _ runs: [any ChangeSource], kept: [Int64]?, dropsLeadingTombstones: Bool
    ) throws {
        self.kept = kept
        self.dropsLeadingTombstones = dropsLeadingTombstones
        for (age, run) in runs.enumerated() {
            guard let first = try run.nextBlock() else { continue }
            heap.append(Cursor(run, age: age, first: first))
        }
        for index in stride(from: heap.count / 2 - 1, through: 0, by: -1) { siftDown(index) }
    }

    func nextBlock() throws -> ChangeBlock? {
        let result = ChangeBlock()
        while result.changes.rows.byteCount < Self.blockBytes, !heap.isEmpty {
            try takeKey(into: result)
        }
        if result.changes.count > 0 { return result }
        return nil
    }

    /// Takes all changes of the least key.
    private func takeKey(into result: ChangeBlock) throws {
        let first = result.changes.count
        var key = RowBuffer(capacity: 256)
        key.append(heap[0].block.changes.rows, heap[0].position..<heap[0].position + 1)
        var last = -1
        while let top = heap.first, top.block.changes.rows.order(top.position, key, 0) == 0 {
            let interval = interval(of: top.stamp.time)
            if let interval {
                if kept != nil, interval == last { result.removeLast() }
                last = interval
                let isNothing = dropsLeadingTombstones && top.stamp.kind == .tombstone
                    && result.changes.count == first
                if isNothing {
                    last = -1
                } else {
                    result.append(top.block, top.position)
                }
            }
            try step()
        }
    }

    /// Which stretch between kept instants the time is in; nil after the last of them.
    private func interval(of time: Int64) -> Int? {
        guard let kept else { return 0 }
        var low = 0
        var high = kept.count
        while low < high {
            let middle = (low + high) / 2
            if kept[middle] <= time { low = middle + 1 } else { high = middle }
        }
        return low < kept.count ? low : nil
    }

    private func step() throws {
        if try !heap[0].advance() {
            let last = heap.removeLast()
            if heap.isEmpty { return }
            heap[0] = last
        }
        siftDown(0)
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

extension ChangeBlock {
    fileprivate func removeLast() {
        changes.rows.truncate(to: changes.count - 1)
        changes.stamps.removeLast()
    }

    fileprivate func append(_ other: ChangeBlock, _ index: Int) {
        changes.rows.append(other.changes.rows, index..<index + 1)
        changes.stamps.append(other.changes.stamps[index])
        if other.hasOutlined { hasOutlined = true }
    }
}
