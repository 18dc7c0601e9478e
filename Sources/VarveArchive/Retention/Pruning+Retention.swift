import VarveBytes
import VarveFormat
import VarveModel

// Recorded history: what its retention promises stays.

extension Pruning {
    /// What a table's retention leaves of its history.
    func pruneRecorded(
        _ history: TableHistory, _ policy: RetentionPolicy, _ expired: [BackupRecord],
        spared: Instant?
    ) throws -> (report: PruningReport.Table, pieces: [Piece])? {
        var report = PruningReport.Table(unchanged: history, expired)
        report.statesBefore = try history.checkpointCount()
        report.statesAfter = report.statesBefore
        if policy.keepsEverything, !policy.isShortened { return (report, history.pieces) }
        let covered = history.coverable(repository.blobs)
        guard let newest = try history.latest else { return (report, history.pieces) }
        let window = try RetentionWindow(
            covered, policy, newest: newest.instant, now: repository.now(),
            allowsShrinking: request.allowsShrinking, spared: spared)
        report.notes = window.notes
        guard let plan = try RetentionPlan(covered, window), plan.changes else {
            if try wouldFree(history, policy, newest.instant, spared) {
                report.notes.append(
                    "what could go stands in the newest commit, which says where its source goes "
                        + "on: it goes once another commit follows it")
            }
            return (report, history.pieces)
        }
        report.isLaidOut = true
        report.rewrittenRuns = plan.chains.flatMap(\.merges).filter(\.isRewritten)
            .reduce(0) { $0 + $1.runs.count }
        report.movedImages = plan.chains.count { $0.fold != nil }
        report.statesAfter = try plan.statesAfter(history)
        let uncovered = history.commits.dropFirst(covered.commits.count)
        report.rangesAfter = RestorableRange.all(
            plan.ranges(covered, pieces: []), Array(uncovered))
        if request.isDryRun { return (report, plan.remainingPieces) }
        if policy.isShortened, request.allowsShrinking, var agreed = policy.newest {
            agreed.endsEarlierPromises = true
            agreed.written = repository.now()
            try repository.promise(agreed, of: history.id)
        }
        if !covered.commits.isEmpty {
            // Compaction lays out what pruning cuts; then the plan is made anew.
            try Compactor(repository).run(history.id, history.record, isForced: true)
            return nil
        }
        return try apply(plan, history, covered) ? (report, []) : nil
    }

    /// Whether something would go if the newest commit could be covered, too.
    private func wouldFree(
        _ history: TableHistory, _ policy: RetentionPolicy, _ newest: Instant, _ spared: Instant?
    ) throws -> Bool {
        guard let last = history.commits.last, last.endsAtInstant else { return false }
        let window = try RetentionWindow(
            history, policy, newest: newest, now: repository.now(),
            allowsShrinking: request.allowsShrinking, spared: spared)
        return try RetentionPlan(history, window)?.changes == true
    }

    /// - Returns: false if a writer was faster.
    private func apply(
        _ plan: RetentionPlan, _ history: TableHistory, _ covered: TableHistory
    ) throws -> Bool {
        guard let now = history.layout else { return false }
        let layout = LayoutWriter(repository, history, purpose: "prune")
        do {
            var plan = plan
            try prove(&plan, history)
            let pieces = try rewrite(plan, layout.compaction)
            let draft = LayoutDraft(
                ranges: plan.ranges(covered, pieces: pieces), pieces: pieces,
                checkpoints: try layout.checkpointTree.write(
                    try leaves(plan, now.checkpoints, layout.checkpointTree)),
                nextSequence: now.nextSequence, head: now.before)
            if try layout.publish(draft, dropsStates: true) { return true }
            layout.abandon()
            return false
        } catch {
            layout.abandon()
            throw error
        }
    }

    /// Proves the states that stay, before what lies between them goes: whole digests for those
    /// that are told in part.
    private func prove(_ plan: inout RetentionPlan, _ history: TableHistory) throws {
        plan = RetentionPlan(
            plan, start: try proven(plan.start, history),
            kept: try plan.kept.map { try proven($0, history) })
    }

    private func proven(
        _ state: RecordedCheckpoint, _ history: TableHistory
    ) throws -> RecordedCheckpoint {
        if state.digest.whole != nil { return state }
        let digest = try repository.digestByReading(
            try history.plan(at: state.instant), history)
        var result = state
        result.digest = .whole(digest)
        return result
    }

    private func rewrite(_ plan: RetentionPlan, _ compaction: Compaction) throws -> [Piece] {
        var pieces = plan.staying
        func add(_ piece: Piece) {
            if !pieces.contains(piece) { pieces.append(piece) }
        }
        for chain in plan.chains {
            if let fold = chain.fold {
                add(try compaction.fold(fold.chain, to: fold.to))
            } else {
                add(chain.image)
            }
            for merge in chain.merges {
                if merge.isRewritten {
                    add(try compaction.merge(merge.runs, merge.selection))
                } else {
                    merge.runs.forEach(add)
                }
            }
        }
        if let parted = plan.parted {
            add(
                try compaction.merge(
                    [parted], ChangeSelection(from: plan.start.instant.microseconds)))
        }
        return pieces
    }

    /// Leaves of the checkpoints that stay: each state before the window begins one of its own, so
    /// that its whole digest is told.
    private func leaves(
        _ plan: RetentionPlan, _ root: Hash256?, _ tree: CheckpointTree
    ) throws -> [CheckpointTree.Leaf] {
        var leaves = plan.kept.compactMap(\.whole).flatMap { CheckpointTree.leaves(of: [$0]) }
        guard let root, let start = plan.start.whole else { return leaves }
        var first = CheckpointRecord(start)
        var isWritten = false
        for entry in try tree.entries(root) where entry.last >= first.second {
            if entry.first > first.second {
                if !isWritten { leaves += CheckpointTree.leaves(of: [start]) }
                leaves.append(.known(entry))
            } else {
                let records = try tree.leaf(entry.id).checkpoints
                let rest = records.filter { $0.second > first.second }
                if let own = records.first(where: { $0.second == first.second }) {
                    first.changes = own.changes
                }
                leaves.append(.made([first] + rest, start.digest))
            }
            isWritten = true
        }
        if !isWritten { leaves += CheckpointTree.leaves(of: [start]) }
        return leaves
    }
}

extension RetentionPlan {
    /// The same with checkpoints whose digests are told whole.
    fileprivate init(
        _ plan: RetentionPlan, start: RecordedCheckpoint, kept: [RecordedCheckpoint]
    ) {
        self = plan
        self.start = start
        self.kept = kept
    }

    /// Pieces that stay as they are.
    fileprivate var remainingPieces: [Piece] {
        staying
            + chains.flatMap { chain in
                (chain.fold == nil ? [chain.image] : [])
                    + chain.merges.filter { !$0.isRewritten }.flatMap(\.runs)
            }
    }

    /// How many states stay. Complexity: O(states of the window).
    fileprivate func statesAfter(_ history: TableHistory) throws(VarveError) -> Int {
        var count = kept.count
        var states = history.storedCheckpoints(from: start.instant)
        while try states.next() != nil { count += 1 }
        return count
    }
}
