import VarveBytes
public import VarveFormat

/// A stretch of time without a gap. Source: Spec 09, Layout; Spec 10.
public typealias RestorableRange = LayoutRecord.Range

extension RestorableRange {
    /// The ranges of a layout and of the commits after it, ascending.
    static func all(_ layout: LayoutRecord?, _ commits: [CommitRecord]) -> [RestorableRange] {
        all(layout?.ranges ?? [], commits)
    }

    /// Ranges with those of the commits after them, ascending.
    static func all(
        _ known: [RestorableRange], _ commits: [CommitRecord]
    ) -> [RestorableRange] {
        var ranges = known
        // Where the next commit of each goes on: a tail may end within a second.
        var ends = ranges.map(\.to.microseconds)
        for commit in commits {
            guard let range = RestorableRange(of: commit) else { continue }
            let logical = commit.logical
            let start = logical.closesRange ? logical.to : logical.from
            let place = ranges.indices.first {
                if ranges[$0].isExactAtCheckpointsOnly != range.isExactAtCheckpointsOnly
                    || ranges[$0].isClosed && ends[$0] == start
                {
                    return false
                }
                return logical.beginsRange
                    ? ranges[$0].from <= range.from && range.to <= ranges[$0].to
                    : ends[$0] == start
            }
            if let place {
                ranges[place].extend(by: range, commit)
                ends[place] = max(ends[place], logical.to)
            } else {
                ranges.append(range)
                ends.append(logical.to)
            }
        }
        return ranges.sorted { ($0.from, $0.to) < ($1.from, $1.to) }
    }

    /// Takes in a commit that follows it, or an older copy that lies within it.
    private mutating func extend(by other: RestorableRange, _ commit: CommitRecord) {
        firstSequence = min(firstSequence, other.firstSequence)
        if other.lastSequence > lastSequence {
            lastSequence = other.lastSequence
            lastHash = other.lastHash
        }
        changeDigest = changeDigest &+ other.changeDigest
        if other.isClosed {
            isClosed = true
            let sound = Instant(microseconds: commit.logical.from)
            if let sound, sound < to { soundTo = min(soundTo ?? sound, sound) }
        }
        guard other.to > to else { return }
        to = other.to
        if !commit.endsAtInstant, commit.logical.checkpoints.isEmpty { return }
        items = other.items
        bytes = other.bytes
        digest = other.digest
    }

    /// The range that a commit alone makes; nil if it holds no instant.
    init?(of commit: CommitRecord) {
        let logical = commit.logical
        let end = logical.to >= 0 ? logical.to / 1_000_000 : ~(~logical.to / 1_000_000)
        let begin = logical.closesRange ? logical.to : logical.from
        let start = begin >= 0 ? begin / 1_000_000 : ~(~begin / 1_000_000)
        guard let from = Instant(second: start), let to = Instant(second: end) else { return nil }
        // Of a tail the range ends before its last second: at the last checkpoint's state.
        let last = commit.endsAtInstant ? nil : logical.checkpoints.last
        self.init(
            isExactAtCheckpointsOnly: logical.isExactAtCheckpointsOnly, from: from, to: to,
            firstSequence: logical.sequence, lastSequence: logical.sequence,
            lastHash: commit.hash, items: last?.items ?? logical.items,
            bytes: last?.bytes ?? logical.bytes, digest: last?.digest ?? logical.digest,
            changeDigest: logical.changeDigest, isClosed: logical.closesRange)
    }
}

extension RestorableRange {
    /// What of it is not in doubt; nil if nothing is. Its counts and digests stay those of the
    /// whole.
    var sound: RestorableRange? {
        guard let soundTo else { return self }
        if soundTo < from { return nil }
        var result = self
        result.to = soundTo
        return result
    }

    /// Whether an instant in it is in doubt.
    func doubts(_ instant: Instant) -> Bool {
        guard let soundTo else { return false }
        return from <= instant && soundTo < instant && instant <= to
    }
}

extension [RestorableRange] {
    /// The runs that lie within one of these ranges. Where it ended within a second that was never
    /// completed, the run of that tail is one of them. Source: Spec 09, Layout.
    func runs(of range: RestorableRange, in pieces: [Piece]) -> [Piece] {
        let (from, to) = (range.from.microseconds, range.to.microseconds)
        return pieces.filter { piece in
            guard piece.kind == .run, piece.from >= from else { return false }
            if piece.to <= to { return true }
            return range.endsWithin(piece) && last { $0.endsWithin(piece) } == range
        }
    }

    /// The same with the change digests of these pieces.
    func withChangeDigests(of pieces: [Piece]) -> [RestorableRange] {
        map { range in
            var result = range
            result.changeDigest = runs(of: range, in: pieces).changeDigest
            return result
        }
    }
}

extension [Piece] {
    /// Sum over their changes.
    var changeDigest: Hash256 { reduce(.zero) { $0 &+ $1.tree.digest } }
}

extension RestorableRange {
    /// Whether a run holds the tail of this range: it ends within the second after its end.
    func endsWithin(_ run: Piece) -> Bool {
        !isExactAtCheckpointsOnly && from.microseconds <= run.from
            && to.microseconds < run.to && run.to - to.microseconds < 1_000_000
    }
}

extension CommitRecord {
    /// Whether it ends at a whole second; a tail does not. Source: Spec 10, Sealed.
    var endsAtInstant: Bool { Instant(microseconds: logical.to) != nil }
}

extension TableHistory {
    /// The range that holds an instant and is exact at every second.
    public func exactRange(holding instant: Instant) -> RestorableRange? {
        ranges.last {
            !$0.isExactAtCheckpointsOnly && $0.from <= instant && instant <= $0.to
        }
    }
}
