import VarveModel

/// Which changes of runs that become one stay.
struct ChangeSelection {
    /// Instants in microseconds, ascending, that must stay apart: of a key's changes between two of
    /// them the last stays, and none from the last of them on. Nil: every change stays.
    var kept: [Int64]?
    /// Nothing older holds a key, so that a tombstone before any put says nothing. Matters only
    /// beside `kept`.
    var dropsLeadingTombstones = false
    /// Only changes from this time on; microseconds.
    var from = Int64.min

    static let all = ChangeSelection()

    /// Whether every change stays.
    var keepsAll: Bool { kept == nil && from == .min }

    /// Which stretch between kept instants the time is in; nil outside of what stays.
    fileprivate func interval(of time: Int64) -> Int? {
        if time < from { return nil }
        guard let kept else { return 0 }
        var low = 0
        var high = kept.count
        while low < high {
            let middle = (low + high) / 2
            if kept[middle] <= time { low = middle + 1 } else { high = middle }
        }
        return low < kept.count ? low : nil
    }
}

/// Several runs as one: their changes in (key, time, sequence) order, of which those that no kept
/// instant tells apart are dropped.
///
/// Runs are given from the oldest to the newest and do not overlap in time. Complexity: see
/// `RunHeap`, however many versions a key has.
final class MergedRuns: ChangeSource {
    private var heap: RunHeap
    private let selection: ChangeSelection
    private static let blockBytes = 1 << 18

    /// The key at hand: one row.
    private var key = RowBuffer(capacity: 256)
    /// The key's last change so far in `interval`, if any; it stays unless another follows.
    private let candidate = ChangeBlock(capacity: 256)
    private var interval = 0
    /// Whether a change of the key has been passed on.
    private var keyHasChange = false

    init(_ runs: [any ChangeSource], _ selection: ChangeSelection) throws {
        self.selection = selection
        heap = try RunHeap(runs, newestFirst: false)
    }

    func nextBlock() throws -> ChangeBlock? {
        let result = ChangeBlock()
        while result.changes.rows.byteCount < Self.blockBytes, let top = heap.top {
            if selection.kept == nil {
                if top.stamp.time >= selection.from { result.append(top.block, top.position) }
            } else {
                weigh(top, into: result)
            }
            heap.settleTop(hasMore: try top.advance())
        }
        if heap.top == nil { passCandidate(to: result) }
        return result.changes.count == 0 ? nil : result
    }

    /// Takes a change as the key's last so far.
    private func weigh(_ cursor: RunHeap.Cursor, into result: ChangeBlock) {
        if key.count == 0 || !cursor.isAt(key) {
            passCandidate(to: result)
            key.removeAll()
            key.append(cursor.block.changes.rows, cursor.position..<cursor.position + 1)
            keyHasChange = false
        }
        guard let found = selection.interval(of: cursor.stamp.time) else { return }
        if found != interval { passCandidate(to: result) }
        candidate.changes.removeAll()
        candidate.hasOutlined = false
        interval = found
        let saysNothing = selection.dropsLeadingTombstones && !keyHasChange
            && cursor.stamp.kind == .tombstone
        if !saysNothing { candidate.append(cursor.block, cursor.position) }
    }

    private func passCandidate(to result: ChangeBlock) {
        if candidate.changes.count == 0 { return }
        result.append(candidate, 0)
        candidate.changes.removeAll()
        keyHasChange = true
    }
}

extension ChangeBlock {
    fileprivate func append(_ other: ChangeBlock, _ index: Int) {
        changes.rows.append(other.changes.rows, index..<index + 1)
        changes.stamps.append(other.changes.stamps[index])
        if other.hasOutlined { hasOutlined = true }
    }
}
