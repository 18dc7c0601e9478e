import VarveBytes
public import VarveFormat
import VarveModel
import VarveStorage

/// Drops what retention no longer promises, and frees it: what `varve prune` does.
///
/// History that was recorded second by second stays whole. Of another table the kept
/// instants are those of its backups. Runs between two of them are merged into the
/// net changes; the image moves to the first of them if that pays off (`PruningPlan.foldShare`); a
/// new layout is written only if something changes. Then `Collection` frees what no root reaches.
/// Source: Spec 10, Backups, Later layouts; Spec 11, Collection.
///
/// Safe beside writers and other collectors, and safe to kill at any moment: run it again.
public struct Pruning {
    public struct Request: Sendable {
        /// Microseconds that a condemned pack stays. It saves work only; 0 is as safe.
        public var grace: Int64
        /// Share of dead bytes from which on a pack is written anew.
        public var deadShareMax: Double
        /// Work out the plan and change nothing.
        public var isDryRun: Bool
        /// Drop also what an earlier retention promised, and trust a clock that is far ahead.
        public var allowsShrinking: Bool
        /// Of a dry run: backups that count as forgotten.
        public var forgotten: Set<BackupID> = []

        /// Seven days.
        public static let graceDefault: Int64 = 604_800_000_000

        public init(
            grace: Int64 = graceDefault, deadShareMax: Double = 0.2, isDryRun: Bool = false,
            allowsShrinking: Bool = false
        ) {
            self.grace = grace
            self.deadShareMax = deadShareMax
            self.isDryRun = isDryRun
            self.allowsShrinking = allowsShrinking
        }
    }

    /// Times that a table is planned anew because a writer was faster.
    private static let attemptsMax = 5

    let repository: Repository
    let request: Request

    public init(_ repository: Repository, _ request: Request = Request()) {
        self.repository = repository
        self.request = request
    }

    /// - Throws: `damaged` if pages are missing that a backup needs: then nothing is freed.
    public func run() throws -> PruningReport {
        var report = PruningReport(isDryRun: request.isDryRun)
        try repository.blobs.reload()
        var planned: [TableID: [Piece]] = [:]
        for table in try repository.tables() {
            let result = try prune(table.id, table.record)
            report.tables.append(result.report)
            if request.isDryRun { planned[table.id] = result.pieces }
        }
        let collection = Collection(
            repository, grace: request.grace, deadShareMax: request.deadShareMax)
        report.collection =
            request.isDryRun ? try collection.estimate(planned) : try collection.run()
        return report
    }

    // MARK: One table

    private func prune(
        _ id: TableID, _ record: TableRecord
    ) throws -> (report: PruningReport.Table, pieces: [Piece]) {
        var expired: [BackupRecord] = []
        if !request.isDryRun {
            // An earlier pruning may have ended between its layout and this.
            try NamedStates(repository: repository, id: id, record: record).bringBack()
        }
        for _ in 0..<Self.attemptsMax {
            // Commits, then intents, then backups: a writer that is gone from the intents has left
            // its backup's record.
            let seen = try repository.history(id, record).nextSequence
            let intents = try LiveIntents(repository, onlyReads: request.isDryRun)
            var history = try repository.history(id, record)
            let old = repository.expiredBackups(history, now: repository.now())
            if !old.isEmpty {
                if !request.isDryRun { try repository.forget(id, old) }
                expired += old
                history = history.without(old, blobs: repository.blobs)
            }
            if request.isDryRun, !request.forgotten.isEmpty {
                let gone = history.backups.filter { request.forgotten.contains($0.id) }
                history = history.without(gone, blobs: repository.blobs)
            }
            let policy = try repository.retention(of: id)
            let young = try youngCommits(history, seen, intents)
            if history.isRecorded || !policy.records.isEmpty {
                let spared = young.flatMap(\.logical.checkpoints).map(\.instant).min()
                if let done = try pruneRecorded(history, policy, expired, spared: spared) {
                    return done
                }
                continue
            }
            let plan = try plan(history, young)
            var report = PruningReport.Table(
                history, plan, expired, former: history.wholeCheckpoints.map(\.instant))
            if !plan.changes || request.isDryRun {
                return (report, plan.chains.flatMap(\.remainingPieces))
            }
            if try apply(plan, history, &report) { return (report, []) }
        }
        throw VarveError(
            .conflict, "other writers kept changing table \(record.name); run prune again")
    }

    /// Commits whose writers may be about to name their states.
    private func youngCommits(
        _ history: TableHistory, _ seen: UInt64, _ intents: LiveIntents
    ) throws -> [CommitRecord] {
        var times: [UInt64: Int64] = [:]
        for entry in try repository.store.list(ObjectName.commitsPrefix(of: history.id)) {
            if case .commit(_, let sequence)? = ObjectName(path: entry.name) {
                times[sequence] = entry.modified
            }
        }
        return history.commits.filter { commit in
            commit.logical.sequence >= seen
                || !intents.areAfter(times[commit.logical.sequence] ?? .max)
        }
    }

    private func plan(
        _ history: TableHistory, _ young: [CommitRecord]
    ) throws -> PruningPlan {
        var kept = Set(history.backups.map(\.instant))
        kept.formUnion(young.flatMap(\.logical.checkpoints).map(\.instant))
        // A replica goes on from the source's last commit: none of its own may follow that.
        if try repository.isMarked(history.head, of: history.id),
            let last = try history.storedLatest
        {
            kept.insert(last.instant)
        }
        var former = Set(history.wholeCheckpoints.map(\.instant))
        var recorded = history.storedCheckpoints()
        while let point = try recorded.next() { former.insert(point.instant) }
        return try PruningPlan(history, kept: kept, former: former.sorted())
    }

    /// - Returns: false if a writer was faster: plan again.
    private func apply(
        _ plan: PruningPlan, _ history: TableHistory, _ report: inout PruningReport.Table
    ) throws -> Bool {
        var next = history.nextSequence
        var head = history.head
        let layout = LayoutWriter(repository, history, purpose: "prune")
        do {
            let pieces = try rewrite(plan, layout.compaction)
            let latest = history.wholeCheckpoints.last
            if let latest, latest.instant != plan.kept.last?.instant {
                guard let fence = try fence(history, latest) else {
                    layout.abandon()
                    return false
                }
                next += 1
                head = fence
            }
            let ranges = plan.ranges(history, pieces: pieces)
            let draft = LayoutDraft(
                ranges: ranges, pieces: pieces,
                checkpoints: try layout.checkpointTree.write(CheckpointTree.leaves(of: plan.kept)),
                nextSequence: next, head: head)
            if try !layout.publish(draft, dropsStates: true) {
                layout.abandon()
                return false
            }
            report.rangesAfter = LayoutWriter.joined(ranges)
            return true
        } catch {
            layout.abandon()
            throw error
        }
    }

    private func rewrite(_ plan: PruningPlan, _ compaction: Compaction) throws -> [Piece] {
        var pieces: [Piece] = []
        for chain in plan.chains {
            if let fold = chain.fold {
                pieces.append(
                    try compaction.fold(
                        PieceChain(image: fold.image, base: 0, runs: fold.runs),
                        to: fold.checkpoint))
            } else {
                pieces.append(chain.image)
            }
            for group in chain.groups {
                if group.isRewritten {
                    pieces.append(
                        try compaction.merge(
                            group.runs,
                            ChangeSelection(
                                kept: group.kept.map(\.microseconds),
                                dropsLeadingTombstones: group.nothingBefore)))
                } else {
                    pieces += group.runs
                }
            }
        }
        return pieces
    }

    /// The state that the next backup would build on goes. An empty commit takes its sequence, so
    /// that a backup under way that builds on that state loses the race and says so.
    /// - Returns: the fence's hash; nil if a backup was faster.
    private func fence(_ history: TableHistory, _ latest: Checkpoint) throws -> Hash256? {
        let time = latest.instant.microseconds
        let logical = CommitRecord.Logical(
            table: history.id, sequence: history.nextSequence, before: history.head,
            beginsRange: true, isExactAtCheckpointsOnly: true, from: time, to: time,
            checkpoints: [], changes: 0, items: latest.items, bytes: latest.bytes,
            digest: latest.digest, changeDigest: .zero, sourceKind: "prune")
        let commit = CommitRecord(
            logical: logical, written: repository.now(), pieces: [], inline: [])
        let name = ObjectName.commit(history.id, sequence: logical.sequence).path
        let isFirst = try repository.store.createIfAbsent(name, try commit.seal())
        return isFirst ? commit.hash : nil
    }
}

extension PruningReport.Table {
    /// Of a table whose history stays whole.
    init(unchanged history: TableHistory, _ expired: [BackupRecord]) {
        self.init(
            id: history.id, name: history.record.name, expired: expired, instantsBefore: [],
            instantsAfter: [], rangesBefore: history.ranges, rangesAfter: history.ranges,
            isLaidOut: false, rewrittenRuns: 0, movedImages: 0, statesBefore: 0, statesAfter: 0)
    }

    fileprivate init(
        _ history: TableHistory, _ plan: PruningPlan, _ expired: [BackupRecord],
        former: [Instant]
    ) {
        self.init(
            id: history.id, name: history.record.name, expired: expired, instantsBefore: former,
            instantsAfter: plan.kept.map(\.instant), rangesBefore: history.ranges,
            rangesAfter: plan.changes ? plan.ranges(history, pieces: []) : history.ranges,
            isLaidOut: plan.changes,
            rewrittenRuns: plan.chains.flatMap(\.groups).filter(\.isRewritten)
                .reduce(0) { $0 + $1.runs.count },
            movedImages: plan.chains.count { $0.fold != nil }, statesBefore: former.count,
            statesAfter: plan.kept.count)
    }
}

extension PruningPlan.Chain {
    /// Pieces that stay as they are.
    fileprivate var remainingPieces: [Piece] {
        (fold == nil ? [image] : []) + groups.filter { !$0.isRewritten }.flatMap(\.runs)
    }
}

extension TableHistory {
    /// Whether seconds between checkpoints can be restored: then no backup stands for what is kept.
    var isRecorded: Bool { ranges.contains { !$0.isExactAtCheckpointsOnly } }

    /// The same without some backups.
    fileprivate func without(_ gone: [BackupRecord], blobs: BlobStore) -> TableHistory {
        let ids = Set(gone.map(\.id))
        return TableHistory(
            id: id, record: record, layoutNumber: layoutNumber, layout: layout, commits: commits,
            backups: backups.filter { !ids.contains($0.id) }, blobs: blobs)
    }
}
