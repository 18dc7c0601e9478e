public import VarveBytes
import VarveFormat

/// Where a table's chain of commits ends: what the next commit follows from. Source: Spec 09,
/// Commit; Spec 10.
public struct ChainHead: Hashable, Sendable {
    /// Sequence of the next commit.
    public var nextSequence: UInt64
    /// Hash of the last commit, or of the table record.
    public var hash: Hash256
    /// Greatest `to` of the commits, microseconds since 1970; nil if there is no state to go on
    /// from.
    public var to: Int64?
    /// Items, their sizes and the table digest at `to`.
    public var items: UInt64 = 0
    public var bytes: UInt64 = 0
    public var digest = Hash256.zero
    /// From here to `to` the history is exact at every second; microseconds since 1970. Equals `to`
    /// after a full copy.
    public var exactFrom: Int64 = 0
    /// Whether the range that ends here is exact at checkpoints only.
    public var isExactAtCheckpointsOnly = false
    /// Whether only a full copy may follow.
    public var isClosed = false
    /// The last instant before which no change is missing, if that is before `to`; microseconds.
    public var soundTo: Int64?
    /// Where a recorder goes on; empty if the last commit is told by a layout alone.
    public var sourceKind = ""
    public var sourcePosition: [UInt8] = []

    init(nextSequence: UInt64, hash: Hash256) {
        self.nextSequence = nextSequence
        self.hash = hash
    }

    /// Moves behind a commit.
    mutating func follow(_ commit: CommitRecord, hash: Hash256) {
        let logical = commit.logical
        nextSequence = logical.sequence &+ 1
        self.hash = hash
        sourceKind = logical.sourceKind
        sourcePosition = logical.sourcePosition
        if commit.pieces.isEmpty {
            // A fence: the state that it names is gone.
            to = nil
            return
        }
        // An older copy that was brought in stands for itself.
        if let to, logical.to < to { return }
        let follows = to != nil && !logical.beginsRange
        if logical.isExactAtCheckpointsOnly {
            exactFrom = logical.to
        } else if !follows {
            exactFrom = logical.from
        }
        to = logical.to
        (items, bytes, digest) = (logical.items, logical.bytes, logical.digest)
        isExactAtCheckpointsOnly = logical.isExactAtCheckpointsOnly
        isClosed = logical.closesRange
        soundTo = isClosed && logical.from < logical.to ? logical.from : nil
    }

    /// The same with `to` before what is in doubt: for whoever asks what can be restored.
    public var restorable: ChainHead {
        var result = self
        result.to = soundTo ?? to
        return result
    }
}

extension TableHistory {
    /// Where the chain ends.
    public var chainHead: ChainHead {
        var head = ChainHead(
            nextSequence: layout?.nextSequence ?? 0, hash: layout?.before ?? record.hash)
        if let range = layout?.ranges.max(by: { ($0.to, $0.from) < ($1.to, $1.from) }) {
            head.to = range.to.microseconds
            (head.items, head.bytes, head.digest) = (range.items, range.bytes, range.digest)
            head.isExactAtCheckpointsOnly = range.isExactAtCheckpointsOnly
            let exactFrom = range.isExactAtCheckpointsOnly ? range.to : range.from
            head.exactFrom = exactFrom.microseconds
            head.isClosed = range.isClosed
            head.soundTo = range.soundTo?.microseconds
        }
        for commit in commits { head.follow(commit, hash: commit.hash) }
        return head
    }
}
