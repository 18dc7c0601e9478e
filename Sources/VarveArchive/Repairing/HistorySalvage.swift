import VarveBytes
import VarveFormat

/// What can be made of a history with holes: pure.
struct HistorySalvage {
    /// Commits whose states can be restored, by sequence.
    private(set) var usable: [CommitRecord] = []
    /// Those whose states need something that is lost.
    private(set) var unusable: [CommitRecord] = []
    private(set) var ranges: [RestorableRange] = []
    private(set) var nextSequence: UInt64 = 0
    private(set) var head = Hash256.zero
    /// In words.
    private(set) var losses: [String] = []
    /// Of each usable commit: the last time whose state is there with it, and what it made.
    private var ends: [Int64?] = []
    private var steps: [ReachedTimes.Step] = []

    /// - Parameters:
    ///   - history: as it was read, with what is missing left out.
    ///   - lost: pieces that cannot be read.
    ///   - isCut: whether something that the layout names is lost already.
    ///   - lacksEnd: whether the state at the end of the layout is lost.
    /// - Returns: nil if nothing is missing, or the commits that are there contradict each other.
    /// - Complexity: O(n log n) for n commits and pieces, and O(n) for each range that they make.
    init?(
        _ history: TableHistory, lost: Set<Piece> = [], isCut: Bool = false, lacksEnd: Bool = false
    ) {
        let first = history.layout?.nextSequence ?? 0
        let commits = history.commits
        for (commit, next) in zip(commits, commits.dropFirst())
        where commit.logical.sequence &+ 1 == next.logical.sequence
            && commit.hash != next.logical.before
        {
            return nil
        }
        if let next = commits.first, next.logical.sequence == first,
            next.logical.before != history.layout?.before ?? history.record.hash
        {
            return nil
        }
        let named = history.backups.max { $0.commitSequence < $1.commitSequence }
        nextSequence = commits.last.map { $0.logical.sequence &+ 1 } ?? first
        head = history.head
        if let named, named.commitSequence >= nextSequence {
            nextSequence = named.commitSequence &+ 1
            head = named.commitHash
        }
        guard
            nextSequence &- first > UInt64(commits.count) || !lost.isEmpty || isCut || lacksEnd
        else { return nil }
        choose(history, first, lost)
        leaveTail()
        ranges = RestorableRange.all(history.layout, usable)
        beginAnew(history, lacksEnd)
        closeEnd(lacksEnd && usable.isEmpty || usable.last?.logical.sequence ?? first &- 1
            != nextSequence &- 1)
        for commit in unusable where commit.logical.closesRange { keepDoubt(of: commit.logical) }
    }

    /// What a closing commit says is in doubt stays so, though the end that it closes is lost.
    private mutating func keepDoubt(of closing: CommitRecord.Logical) {
        guard closing.from < closing.to, let sound = Instant(microseconds: closing.from) else {
            return
        }
        for index in ranges.indices
        where ranges[index].to > sound && ranges[index].to.microseconds <= closing.to {
            ranges[index].soundTo = min(ranges[index].soundTo ?? sound, sound)
        }
    }

    /// Parts the commits into those whose states can be put together and the others.
    private mutating func choose(
        _ history: TableHistory, _ first: UInt64, _ lost: Set<Piece>
    ) {
        var hole = Hole()
        var expected = first
        var reach = ReachedTimes(history.layout?.pieces ?? [])
        let coveredEnd = history.layout?.ranges.map(\.to.microseconds).max()
        for commit in history.commits {
            let sequence = commit.logical.sequence
            if expected < sequence {
                dropTail(&reach)
                hole.add(expected..<sequence, after: ends.last ?? coveredEnd)
            }
            expected = sequence &+ 1
            if commit.pieces.contains(where: lost.contains) {
                hole.add(sequence, after: ends.last ?? coveredEnd)
                unusable.append(commit)
                continue
            }
            guard let step = reach.step(by: commit.pieces) else {
                hole.unusable += 1
                unusable.append(commit)
                continue
            }
            if !commit.pieces.isEmpty, let text = hole.text(until: commit.logical.to) {
                losses.append(text)
                hole = Hole()
            }
            usable.append(commit)
            steps.append(step)
            let end = ends.last ?? coveredEnd
            ends.append(commit.pieces.isEmpty ? end : max(end ?? .min, commit.logical.to))
        }
        if expected < nextSequence {
            dropTail(&reach)
            hole.add(expected..<nextSequence, after: ends.last ?? coveredEnd)
        }
        if let text = hole.text(until: nil) { losses.append(text) }
    }

    /// Commits that are lost, and what depends on them.
    private struct Hole {
        var lost: [UInt64] = []
        /// The last time before it whose state is there.
        var after: Int64?
        /// Commits that are there and need those that are lost.
        var unusable = 0

        mutating func add(_ sequences: Range<UInt64>, after end: Int64?) {
            if lost.isEmpty { after = end }
            lost += Array(sequences.prefix(1_000))
        }

        /// One of which something is lost.
        mutating func add(_ sequence: UInt64, after end: Int64?) {
            if lost.isEmpty { after = end }
            lost.append(sequence)
        }

        func text(until next: Int64?) -> String? {
            if lost.isEmpty { return nil }
            let numbers = lost.prefix(5).map(String.init).joined(separator: ", ")
            let commits = lost.count == 1 ? "commit \(numbers) is" : "commits \(numbers) are"
            let more = lost.count > 5 ? " and others" : ""
            let from = after.map { "after \(Instant.text($0))" } ?? "from the beginning on"
            let to = next.map { " and before \(Instant.text($0))" } ?? ""
            let needed =
                unusable == 0 ? "" : ", and \(unusable) more that build on them are set aside"
            return "the states \(from)\(to): \(commits) lost, in whole or in part\(more)\(needed)"
        }
    }

    /// A second that is not complete before a hole never will be.
    private mutating func dropTail(_ reach: inout ReachedTimes) {
        while let last = usable.last, !last.endsAtInstant {
            usable.removeLast()
            ends.removeLast()
            reach.undo(steps.removeLast())
            unusable.append(last)
        }
    }

    /// A second that is not complete at the end is left to its commits.
    private mutating func leaveTail() {
        while let last = usable.last, !last.endsAtInstant {
            usable.removeLast()
            nextSequence = last.logical.sequence
            head = last.logical.before
        }
    }

    /// A full copy behind a hole is known at its own instant alone: its range begins there.
    private mutating func beginAnew(_ history: TableHistory, _ lacksEnd: Bool) {
        let sequences = Set(usable.map(\.logical.sequence))
        var begins: [UInt64: Instant] = [:]
        for commit in usable where commit.pieces.contains(where: { $0.kind == .image }) {
            let sequence = commit.logical.sequence
            if commit.logical.beginsRange || sequences.contains(sequence &- 1)
                || sequence == history.layout?.nextSequence ?? 0 && !lacksEnd
            {
                continue
            }
            begins[sequence] = Instant(microseconds: commit.logical.to)
        }
        for index in ranges.indices {
            if let to = begins[ranges[index].firstSequence] { ranges[index].from = to }
        }
    }

    /// What comes next must not follow from a state before the hole.
    private mutating func closeEnd(_ isDue: Bool) {
        guard isDue,
            let last = ranges.indices.max(by: { ranges[$0].to < ranges[$1].to })
        else { return }
        ranges[last].isClosed = true
    }
}
