import VarveBytes
import VarveFormat

/// Holds the checkpoints of a layout, as they are read in order of time, to what else tells of
/// them. There may be millions: only those that are asked for are kept.
struct CheckpointAudit {
    /// What is found false, in words.
    private(set) var faults: [String] = []
    /// Checkpoints that were asked for, by second.
    private(set) var found: [Int64: CheckpointRecord] = [:]
    /// Whether every page could be read.
    var isWhole = true

    private let ranges: [LayoutRecord.Range]
    private let sought: Set<Int64>
    /// What commits recorded of ranges that are exact at every second, ascending.
    private let recorded: [CommitRecord.Checkpoint]
    private var last: Int64?
    private var range = 0
    private var next = 0
    private var stretch = 0
    /// Faults of which one is told for all.
    private var told: Set<Fault> = []

    private enum Fault { case order, range, lack, difference }

    /// - Parameters:
    ///   - covered: commits that are known to be those that the layout covers, ascending.
    ///   - sought: seconds of the checkpoints to keep.
    init(_ layout: LayoutRecord?, covered: [CommitRecord.Logical], sought: Set<Int64>) {
        ranges = layout?.ranges ?? []
        self.sought = sought
        recorded = covered.filter { $0.isExact && layout?.exactRange(holding: $0) != nil }
            .flatMap(\.checkpoints)
    }

    /// Takes in a leaf of the checkpoint pages.
    mutating func add(_ leaf: CheckpointLeaf, _ stretches: inout [CountedStretch]) {
        for (index, point) in leaf.checkpoints.enumerated() {
            if let last, last >= point.second { note(.order, "its checkpoints are not in order") }
            last = point.second
            if sought.contains(point.second) { found[point.second] = point }
            place(point)
            compare(point, index == 0 ? leaf.firstDigest : nil)
            count(point.second, point.changes, &stretches)
        }
    }

    /// Says that no checkpoint follows.
    mutating func finish() {
        if isWhole, next < recorded.count { lack(recorded[next]) }
    }

    /// Adds what a checkpoint counts to the stretch that it lies in.
    mutating func count(
        _ second: Int64, _ changes: UInt64, _ stretches: inout [CountedStretch]
    ) {
        let instant = second * 1_000_000
        while stretch < stretches.count, stretches[stretch].to < instant { stretch += 1 }
        if stretch < stretches.count, stretches[stretch].from < instant {
            stretches[stretch].add(second: second, changes: changes)
        }
    }

    private mutating func place(_ point: CheckpointRecord) {
        while range < ranges.count, ranges[range].to.second < point.second { range += 1 }
        if range == ranges.count || point.second < ranges[range].from.second {
            note(.range, "a checkpoint, second \(point.second), lies in no range")
        }
    }

    /// Holds a checkpoint to the commit that recorded it, if that is still there.
    private mutating func compare(_ point: CheckpointRecord, _ digest: Hash256?) {
        while next < recorded.count, recorded[next].instant.second <= point.second {
            let told = recorded[next]
            next += 1
            if told.instant.second < point.second {
                if isWhole { lack(told) }
                continue
            }
            if !point.isState(told.items, told.bytes, told.digest)
                || digest.map({ $0 != told.digest }) ?? false || point.changes != told.changes
            {
                note(
                    .difference,
                    "its checkpoint \(told.instant) is not the one that a commit recorded")
            }
        }
    }

    private mutating func lack(_ point: CommitRecord.Checkpoint) {
        note(.lack, "it lacks the checkpoint \(point.instant), which a commit recorded")
    }

    private mutating func note(_ fault: Fault, _ message: String) {
        if told.insert(fault).inserted { faults.append(message) }
    }
}

extension LayoutRecord {
    /// The range that is exact at every second and holds all of a commit.
    func exactRange(holding commit: CommitRecord.Logical) -> Range? {
        ranges.first {
            !$0.isExactAtCheckpointsOnly && $0.from.microseconds <= commit.from
                && commit.to <= $0.to.microseconds
        }
    }
}
