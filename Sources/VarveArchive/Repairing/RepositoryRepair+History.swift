import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

// Tables with holes in their chains of commits: what can still be restored is laid out anew, so
// that the table can be used again.

extension RepositoryRepair {
    /// Lays out the tables whose histories have holes that nothing can fill: commits that are
    /// missing, or pages.
    func layOut(_ repository: Repository) throws {
        for (id, record) in try repository.catalog(for: .reading).tables {
            let history = try repository.history(id, record, for: .reading)
            if history.isEmpty { tellOfBareRecord(record.name) }
            var lost = lostParts[id] ?? LostParts()
            if !lost.isEmpty, !dropsLost {
                report.notes.append(
                    "table \(record.name): pages of it are lost. What is sound of its states can "
                        + "still be restored by parts; 'varve repair --drop-lost' gives the states "
                        + "up that lack a page, so that the table can go on without them"
                        + (other == nil ? "; if there is a replica, use --from first" : ""))
                lost = LostParts()
            } else if !lost.isEmpty, other == nil {
                report.notes.append(
                    "table \(record.name): if there is a replica, name it with --from before "
                        + "states are given up: afterwards only those of backups come back from it")
            }
            if history.damage.isEmpty, lost.isEmpty { continue }
            if lost.isEmpty, HistorySalvage(history) == nil {
                report.notes.append(
                    "table \(record.name): its commits do not follow from each other; no program "
                        + "can tell which of them are true")
                continue
            }
            do throws(VarveError) {
                try publish(history, lost, repository)
                lostParts[id] = nil
            } catch {
                guard error.code == .damaged || error.code == .proofFailed else { throw error }
                report.notes.append(
                    "table \(record.name) cannot be laid out anew, and stays read-only: "
                        + error.description)
            }
        }
        // What no layout names any more is missed by nobody.
        let needed = lostParts.values.reduce(into: Set<Hash256>()) { $0.formUnion($1.blobs) }
        lostBlobs = lostBlobs.filter { needed.contains($0.key) }
    }

    /// Of a table's pages alone nobody can tell which table they are of, and of which instant.
    private func tellOfBareRecord(_ name: String) {
        let pages =
            unnamed.blobs == 0
            ? "no pack holds anything that could be its"
            : "packs hold \(unnamed.blobs) pages and large values, \(unnamed.bytes) bytes, that "
                + "no record names and that may be its: 'varve copy --from' a replica makes use of "
                + "them, 'varve prune' frees them"
        report.notes.append(
            "table \(name) has a record and no commit, layout or backup: its first backup did not "
                + "come to its end, or all its states are lost; \(pages)")
    }

    private func publish(
        _ history: TableHistory, _ lost: LostParts, _ repository: Repository
    ) throws(VarveError) {
        let name = history.record.name
        do {
            var cut: LayoutSalvage?
            if let layout = history.layout, !lost.isEmpty {
                cut = try LayoutSalvage(repository, history, layout, lost)
            }
            guard
                let salvage = HistorySalvage(
                    cut?.history ?? history, lost: lost.pieces, isCut: cut != nil,
                    lacksEnd: cut?.lacksEnd ?? false)
            else {
                throw VarveError(.damaged, "its commits do not follow from each other")
            }
            if let layout = history.layout, !lost.isEmpty {
                // Pieces that it names and the next one does not may be of use to people.
                let path = ObjectName.layout(history.id, number: layout.number).path
                try setAside(path, try layout.seal())
            }
            for commit in salvage.unusable {
                let path = ObjectName.commit(
                    history.id, sequence: commit.logical.sequence
                ).path
                try setAside(path, try commit.seal())
            }
            try layOut(salvage, cut, history, repository)
            for text in (cut?.losses ?? []) + salvage.losses {
                report.losses.append(RepairReport.Loss(table: name, text: text))
            }
        } catch let error as VarveError {
            throw error
        } catch {
            throw VarveError(.storage, "\(error)")
        }
        note(.laidOutTable, "table \(name)", "without what is lost of its history")
    }

    private func layOut(
        _ salvage: HistorySalvage, _ cut: LayoutSalvage?, _ history: TableHistory,
        _ repository: Repository
    ) throws {
        let number = max(history.layoutNumber, lostLayouts[history.id] ?? 0)
        let former = cut?.history.layout ?? history.layout
        let layout = LayoutWriter(
            repository,
            TableHistory(
                id: history.id, record: history.record, layoutNumber: number,
                layout: former, commits: salvage.usable, backups: history.backups,
                blobs: repository.blobs), purpose: "repair")
        do {
            let (tree, points) = (
                layout.checkpointTree,
                TableHistory.latest(salvage.usable.flatMap(\.logical.checkpoints))
            )
            let checkpoints =
                try cut.map {
                    let all = TableHistory.latest($0.bounds + points)
                    return try tree.write(tree.insert(all, into: $0.leaves(tree)))
                }
                ?? tree.append(points, to: former?.checkpoints)
            let draft = LayoutDraft(
                ranges: salvage.ranges,
                pieces: (former?.pieces ?? []) + salvage.usable.flatMap(\.pieces),
                checkpoints: checkpoints,
                nextSequence: salvage.nextSequence, head: salvage.head)
            guard try layout.publish(draft) else {
                throw VarveError(
                    .conflict,
                    "another program lays out table \(history.record.name); run this again")
            }
        } catch {
            layout.abandon()
            throw error
        }
    }
}

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

    /// - Parameters:
    ///   - history: as it was read, with what is missing left out.
    ///   - lost: pieces that cannot be read.
    ///   - isCut: whether something that the layout names is lost already.
    ///   - lacksEnd: whether the state at the end of the layout is lost.
    /// - Returns: nil if nothing is missing, or the commits that are there contradict each other.
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
        let covered = history.layout?.pieces ?? []
        var hole = Hole()
        var expected = first
        func end(_ usable: [CommitRecord]) -> Int64? {
            (usable.filter { !$0.pieces.isEmpty }.map(\.logical.to)
                + (history.layout?.ranges.map(\.to.microseconds) ?? [])).max()
        }
        for commit in history.commits {
            let sequence = commit.logical.sequence
            if expected < sequence {
                dropTail()
                hole.add(expected..<sequence, after: end(usable))
            }
            expected = sequence &+ 1
            if commit.pieces.contains(where: lost.contains) {
                hole.add(sequence, after: end(usable))
                unusable.append(commit)
                continue
            }
            let pieces = covered + usable.flatMap(\.pieces)
            let isUsable = commit.pieces.allSatisfy {
                $0.kind == .image || PieceChain(pieces, to: $0.from) != nil
            }
            if !isUsable {
                hole.unusable += 1
                unusable.append(commit)
                continue
            }
            if !commit.pieces.isEmpty, let text = hole.text(until: commit.logical.to) {
                losses.append(text)
                hole = Hole()
            }
            usable.append(commit)
        }
        if expected < nextSequence {
            dropTail()
            hole.add(expected..<nextSequence, after: end(usable))
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
    private mutating func dropTail() {
        while let last = usable.last, !last.endsAtInstant {
            usable.removeLast()
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
        for commit in usable where commit.pieces.contains(where: { $0.kind == .image }) {
            let sequence = commit.logical.sequence
            if commit.logical.beginsRange || sequences.contains(sequence &- 1)
                || sequence == history.layout?.nextSequence ?? 0 && !lacksEnd
            {
                continue
            }
            guard let to = Instant(microseconds: commit.logical.to) else { continue }
            for index in ranges.indices where ranges[index].firstSequence == sequence {
                ranges[index].from = to
            }
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
