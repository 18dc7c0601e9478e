import VarveBytes
import VarveFormat

// What the commits of a table say of each other and of their own pieces. Source: Spec 09, Commit.

extension Verification {
    /// Where the commits read so far end.
    struct ChainEnd {
        /// The greatest `to`, and what is said of the state there; nil where that is not known.
        var to: Int64?
        var items: UInt64 = 0
        var bytes: UInt64 = 0
        var digest = Hash256.zero
        /// Whether the range that the newest commit belongs to is closed.
        var isClosed = false
        /// Ranges at whose ends the next commit may go on instead, the nearest first: behind them
        /// there are only single states.
        private var earlier: [RestorableRange] = []
        /// Ranges that are exact at every second.
        private var exact: [ClosedRange<Int64>] = []

        /// Where a layout ends.
        init(_ layout: LayoutRecord?) {
            guard let layout else {
                to = .min
                return
            }
            if let last = layout.ranges.max(by: { $0.to < $1.to }) {
                to = last.to.microseconds
                (items, bytes, digest) = (last.items, last.bytes, last.digest)
            }
            for place in layout.ranges.indices.dropFirst().reversed() {
                let range = layout.ranges[place]
                guard range.isExactAtCheckpointsOnly, range.from == range.to else { break }
                earlier.append(layout.ranges[place - 1])
            }
            exact = layout.ranges.filter { !$0.isExactAtCheckpointsOnly }
                .map { $0.from.microseconds...$0.to.microseconds }
            let newest = layout.ranges.max { $0.lastSequence < $1.lastSequence }
            isClosed = newest?.isClosed ?? false
        }

        /// A replica keeps states of its backups that the source has dropped: commits that it takes
        /// from the source later may go on before them. Source: Spec 11, Copying.
        mutating func goOn(with commit: CommitRecord.Logical) {
            guard !commit.beginsRange || commit.from == commit.to, let now = to,
                now != commit.changesFrom,
                let end = earlier.first(where: { $0.to.microseconds == commit.changesFrom })
            else { return }
            (to, items, bytes, digest) = (end.to.microseconds, end.items, end.bytes, end.digest)
        }

        mutating func add(_ commit: CommitRecord.Logical) {
            isClosed = commit.closesRange
            earlier = []
            if commit.isExact {
                if let last = exact.last, last.upperBound == commit.from {
                    exact[exact.count - 1] = last.lowerBound...max(commit.to, commit.from)
                } else {
                    exact.append(commit.from...max(commit.to, commit.from))
                }
            }
            guard let end = to, commit.to >= end else { return }
            (to, items, bytes, digest) =
                (commit.to, commit.items, commit.bytes, commit.digest)
        }

        /// Whether every second around an instant is recorded.
        func isExact(at time: Int64) -> Bool { exact.contains { $0.contains(time) } }

        /// What follows a commit that cannot be read.
        mutating func lose() {
            to = nil
            isClosed = false
        }
    }

    /// Holds a commit to those before it.
    func checkOrder(_ commit: CommitRecord, _ end: ChainEnd, _ name: String) {
        let logical = commit.logical
        if logical.beginsRange {
            if commit.pieces.isEmpty {
                checkEmpty(commit, end, name)
            } else if end.isExact(at: logical.to) {
                note(name, "the commit is a copy of an instant whose range is exact already")
            }
            return
        }
        if logical.sequence == 0 {
            note(name, "the first commit does not begin a range")
        } else if let to = end.to, to != logical.changesFrom {
            note(name, "the commit does not go on where the commits before it end")
        }
        if end.isClosed { note(name, "the commit goes on where the range was closed") }
        if logical.closesRange, end.to != nil, !isSameState(logical, end) {
            note(name, "the commit closes the range with another state than the range ends with")
        }
    }

    /// The commit without pieces, which takes a sequence and nothing else.
    private func checkEmpty(_ commit: CommitRecord, _ end: ChainEnd, _ name: String) {
        let logical = commit.logical
        if !logical.isExactAtCheckpointsOnly || logical.from != logical.to
            || !logical.checkpoints.isEmpty || logical.changes != 0
            || logical.changeDigest != .zero
        {
            note(name, "the commit has no piece, and is not the empty one of a collector")
        }
        guard let to = end.to else { return }
        if logical.to != to || !isSameState(logical, end) {
            note(name, "the empty commit does not have the end or the state before it")
        }
    }

    private func isSameState(_ logical: CommitRecord.Logical, _ end: ChainEnd) -> Bool {
        logical.items == end.items && logical.bytes == end.bytes && logical.digest == end.digest
    }

    /// A commit has one piece, which is of its stretch of time and holds what it counts.
    func checkPieces(of commit: CommitRecord, _ name: String) {
        let logical = commit.logical
        guard let piece = commit.pieces.first, commit.pieces.count == 1 else {
            let isEmptyOne = commit.pieces.isEmpty && logical.beginsRange
            if !isEmptyOne { note(name, "the commit has \(commit.pieces.count) pieces, not one") }
            return
        }
        if logical.beginsRange, piece.kind == .run || logical.from != logical.to {
            note(name, "the commit begins a range, and is no image of one instant")
        }
        if logical.isExactAtCheckpointsOnly,
            logical.checkpoints.count > 1
                || logical.checkpoints.contains(where: { $0.instant.microseconds != logical.to })
        {
            note(name, "the commit is exact at its end alone, and has other checkpoints")
        }
        if piece.to != logical.to || piece.kind == .run && piece.from != logical.changesFrom {
            note(name, "the commit's piece is of another stretch of time")
        }
        if piece.kind == .run {
            if piece.tree.entries != logical.changes {
                note(name, "the commit counts other changes than its run has")
            }
            if logical.closesRange, !piece.tree.isEmpty {
                note(name, "the commit closes a range and has changes")
            }
            return
        }
        if logical.changeDigest != .zero {
            note(name, "the commit has an image, and yet a change digest")
        }
        if logical.beginsRange,
            logical.changes != 0 || logical.checkpoints.contains(where: { $0.changes != 0 })
        {
            note(name, "the commit begins a range, and yet counts changes")
        }
        if piece.tree.entries != logical.items || piece.tree.digest != logical.digest {
            note(name, "the commit's image is not the state that it ends with")
        }
    }

    /// The commit below a layout's next sequence must be its last: one that goes on from the
    /// layout's end is not covered by it.
    func checkCovered(_ commit: CommitRecord, _ layout: LayoutRecord, _ id: TableID) {
        let logical = commit.logical
        if logical.sequence &+ 1 == layout.nextSequence, logical.before == layout.before {
            note(
                ObjectName.layout(id, number: layout.number).path,
                "its next sequence passes over the commit \(logical.sequence)")
        }
    }
}

extension CommitRecord.Logical {
    /// Where the stretch of its changes begins: one that closes a range has none, and its `from`
    /// says what is in doubt.
    fileprivate var changesFrom: Int64 { closesRange ? to : from }

    /// Whether another commit names this one as the one before it.
    func isFollowed(by other: Self) -> Bool {
        sequence &+ 1 == other.sequence && hash == other.before
    }
}
