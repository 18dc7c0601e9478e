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
    private var merge: RunMerge

    init(_ runs: [any ChangeSource], _ selection: ChangeSelection) throws {
        merge = RunMerge(try RunHeap(runs, newestFirst: false), selection)
    }

    func nextBlock() throws -> ChangeBlock? { try merge.nextBlock() }
}

/// Where the merging of runs is. A struct, so that its parts are checked for exclusive access once
/// a block and not once a change.
private struct RunMerge: ~Copyable {
    private var heap: RunHeap
    private let selection: ChangeSelection
    private static let blockBytes = 1 << 18

    private var changes = ChangeBuffer(capacity: 32)
    private var hasOutlined = false
    /// A change of the key at hand.
    private var key: ChangePlace?
    /// The key's last change so far in `interval`, if any; it stays unless another follows.
    private var candidate: ChangePlace?
    private var interval = 0
    /// Whether a change of the key has been passed on.
    private var keyHasChange = false

    init(_ heap: consuming RunHeap, _ selection: ChangeSelection) {
        self.heap = heap
        self.selection = selection
    }

    mutating func nextBlock() throws -> ChangeBlock? {
        changes = ChangeBuffer(capacity: Self.blockBytes + 4096)
        hasOutlined = false
        while changes.rows.byteCount < Self.blockBytes, !heap.isEmpty {
            let top = heap.top
            if selection.kept == nil {
                if top.stamp.time >= selection.from { append(top) }
            } else {
                weigh(top)
            }
            try heap.advance()
        }
        if heap.isEmpty { passCandidate() }
        if changes.count == 0 { return nil }
        return ChangeBlock(
            exchange(&changes, with: ChangeBuffer(capacity: 32)), hasOutlined: hasOutlined)
    }

    /// Takes the change on top as its key's last so far.
    private mutating func weigh(_ top: ChangePlace) {
        let isSameKey = key.map { heap.isTop(at: $0) } ?? false
        if !isSameKey {
            passCandidate()
            key = top
            keyHasChange = false
        }
        let stamp = top.stamp
        guard let found = selection.interval(of: stamp.time) else { return }
        if found != interval { passCandidate() }
        interval = found
        let saysNothing = selection.dropsLeadingTombstones && !keyHasChange
            && stamp.kind == .tombstone
        candidate = saysNothing ? nil : top
    }

    private mutating func passCandidate() {
        guard let passed = candidate.take() else { return }
        append(passed)
        keyHasChange = true
    }

    private mutating func append(_ place: ChangePlace) {
        changes.append(place.block.changes, place.index)
        if place.block.hasOutlined { hasOutlined = true }
    }
}
