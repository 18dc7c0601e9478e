import VarveBytes
public import VarveFormat
import VarveModel

/// Lays history out anew while it grows: covers commits, merges runs, writes images. No version is
/// dropped, and change digests prove it. Source: Spec 10, Later layouts; Spec 11, Compaction.
///
/// A step is bounded in work, and in memory whatever the table's size. It never stands in the way
/// of a writer: it covers the commits that it has read, and those that come meanwhile stay beside
/// the new layout. Killed at any moment it leaves at most packs that nobody names. So a recorder
/// calls `step` on another thread, again and again, and then `collectIfDue`. One compactor serves
/// all tables of a repository.
public struct Compactor: Sendable {
    /// What a step did.
    public struct Step: Hashable, Sendable {
        /// Commits that the new layout covers and the one before did not, and their checkpoints.
        public var coveredCommits = 0
        public var coveredCheckpoints = 0
        /// Whether there were commits to cover that it left to the next step.
        public var leavesCommits = false
        /// Runs that were merged, the runs that they became, and the stored bytes of those.
        public var mergedRuns = 0
        public var newRuns = 0
        public var newRunBytes: UInt64 = 0
        /// Changes that were written anew.
        public var rewrittenChanges: UInt64 = 0
        /// Stored bytes of the image that was written; nil if none was.
        public var imageBytes: UInt64?
        /// The number of the new layout.
        public var layoutNumber: UInt64 = 0
    }

    /// When a layout is due. Source: Spec 11.
    public struct Limits: Hashable, Sendable {
        /// So many uncovered commits.
        public var commits = 256
        /// More checkpoints of uncovered commits. A step covers about so many at most: they are in
        /// memory, for it as for whoever opens the table.
        public var checkpoints = 1 << 17

        public init() {}
    }

    /// Stored bytes of runs that are merged beside other work; more get a step of their own.
    private static let sideWorkBytesMax: UInt64 = 64 << 20

    let repository: Repository
    let garbage: CompactionGarbage
    private let limits: Limits
    private let check: @Sendable () throws -> Void

    public init(_ repository: Repository, limits: Limits = Limits()) {
        self.init(repository, garbage: CompactionGarbage(), limits: limits)
    }

    /// - Parameter check: is called often; what it throws ends a step, of which nothing is left.
    init(
        _ repository: Repository, garbage: CompactionGarbage, limits: Limits = Limits(),
        check: @escaping @Sendable () throws -> Void = {}
    ) {
        self.repository = repository
        self.garbage = garbage
        self.limits = limits
        self.check = check
    }

    /// Takes steps until none is due.
    /// - Parameter isForced: cover commits however few there are.
    @discardableResult
    public func run(
        _ id: TableID, _ record: TableRecord, isForced: Bool = false
    ) throws -> [Step] {
        var steps: [Step] = []
        var forces = isForced
        while let step = try step(id, record, isForced: forces) {
            steps.append(step)
            // What is recorded meanwhile may wait; what one step was too little for may not.
            if step.coveredCommits > 0 { forces = isForced && step.leavesCommits }
        }
        return steps
    }

    /// Takes the step that is due most.
    /// - Returns: nil if none is due, or if another writer has laid the table out meanwhile.
    public func step(
        _ id: TableID, _ record: TableRecord, isForced: Bool = false
    ) throws -> Step? {
        try repository.blobs.loadIndexes()
        let history = try repository.history(
            id, record, for: .compacting(checkpointsMax: limits.checkpoints))
        var layout = LayoutWriter(repository, history, purpose: "compact", check: check)
        do {
            var step = Step(layoutNumber: history.layoutNumber + 1)
            // An image is of the last state covered: before more is.
            var draft: LayoutDraft?
            var failure: VarveError?
            do {
                draft = try writeImage(history, layout, &step)
            } catch let error as VarveError
                where error.code == .damaged || error.code == .proofFailed
            {
                // What is damaged must not keep commits from being covered; it is told when there
                // is nothing else to do.
                failure = error
                layout.abandon()
                layout = LayoutWriter(repository, history, purpose: "compact", check: check)
            }
            draft = try draft ?? cover(history, layout, isForced, &step)
                ?? merge(history, layout, &step)
            guard let draft else {
                if let failure { throw failure }
                return nil
            }
            if try layout.publish(draft) { return step }
            layout.abandon()
            return nil
        } catch {
            layout.abandon()
            throw error
        }
    }

    // MARK: Covering commits

    private func cover(
        _ history: TableHistory, _ layout: LayoutWriter, _ isForced: Bool, _ step: inout Step
    ) throws -> LayoutDraft? {
        let coverable = history.coverable(repository.blobs)
        if coverable.commits.isEmpty { return nil }
        let isDue = isForced || history.commits.count >= limits.commits
            || coverable.uncovered.count > limits.checkpoints
            || Stretch.all(history.pieces, history.storedRanges).contains {
                !$0.isExact && $0.runs.count > CompactionPlan.copiesMax
            }
        if !isDue { return nil }
        let covered = coverable.toNextImage(repository.blobs)
        step.coveredCommits = covered.commits.count
        step.coveredCheckpoints = covered.uncovered.count
        step.leavesCommits = covered.commits.count < coverable.commits.count
            || covered.uncovered.count > limits.checkpoints
        let pieces = covered.pieces.filter { $0.kind == .image || $0.from < $0.to }
        let plan = CompactionPlan(
            pieces: pieces, fresh: Set(covered.commits.flatMap(\.pieces)),
            ranges: covered.storedRanges)
        let merges = plan.merges.filter { $0.storedBytes <= Self.sideWorkBytesMax }
        return LayoutDraft(
            ranges: covered.storedRanges,
            pieces: try merged(pieces, merges, layout.compaction, &step),
            checkpoints: try layout.checkpointTree.append(
                covered.uncovered.joined, to: history.layout?.checkpoints),
            nextSequence: covered.nextSequence, head: covered.head)
    }

    /// The pieces with some runs merged.
    private func merged(
        _ pieces: [Piece], _ merges: [[Piece]], _ compaction: Compaction, _ step: inout Step
    ) throws -> [Piece] {
        var gone: Set<Piece> = []
        var result: [Piece] = []
        for runs in merges {
            let run = try compaction.merge(runs)
            gone.formUnion(runs)
            result.append(run)
            step.mergedRuns += runs.count
            step.newRuns += 1
            step.newRunBytes += run.tree.storedBytes
            step.rewrittenChanges += run.tree.entries
        }
        return pieces.filter { !gone.contains($0) } + result
    }

    // MARK: Merging and folding what is covered

    /// Merges that were too much work for the step that covered their runs.
    private func merge(
        _ history: TableHistory, _ layout: LayoutWriter, _ step: inout Step
    ) throws -> LayoutDraft? {
        guard let now = history.layout else { return nil }
        let plan = CompactionPlan(pieces: now.pieces, ranges: now.ranges)
        if plan.isEmpty { return nil }
        var merges: [[Piece]] = []
        var bytes: UInt64 = 0
        for runs in plan.merges {
            bytes |+= runs.storedBytes
            if !merges.isEmpty, bytes > Self.sideWorkBytesMax { break }
            merges.append(runs)
        }
        return draft(now, try merged(now.pieces, merges, layout.compaction, &step))
    }

    /// Writes the image of the last state covered, if the runs since the last image are worth it.
    private func writeImage(
        _ history: TableHistory, _ layout: LayoutWriter, _ step: inout Step
    ) throws -> LayoutDraft? {
        guard let now = history.layout,
            let range = now.ranges.max(by: { $0.to < $1.to }),
            let chain = PieceChain(now.pieces, to: range.to.microseconds),
            CompactionPlan.deservesImage(
                imageBytes: chain.image.storedBytes,
                runBytes: chain.runs.storedBytes)
        else { return nil }
        let state = RecordedCheckpoint(
            instant: range.to, changes: 0, items: range.items, bytes: range.bytes,
            digest: .whole(range.digest))
        let image = try layout.compaction.fold(chain, to: state)
        step.imageBytes = image.tree.storedBytes
        return draft(now, now.pieces + [image])
    }

    private func draft(_ now: LayoutRecord, _ pieces: [Piece]) -> LayoutDraft {
        LayoutDraft(
            ranges: now.ranges, pieces: pieces,
            checkpoints: CheckpointTree.Outcome(root: now.checkpoints),
            nextSequence: now.nextSequence, head: now.before)
    }
}

/// The pieces that a state is made of. Source: Spec 10, State at T.
struct PieceChain {
    var image: TreeReference
    /// Instant of the image; microseconds.
    var base: Int64
    /// From the oldest to the newest.
    var runs: [Piece] = []

    init(image: TreeReference, base: Int64, runs: [Piece]) {
        self.image = image
        self.base = base
        self.runs = runs
    }

    /// Nil if pieces are missing.
    /// - Parameter time: microseconds.
    init?(_ pieces: [Piece], to time: Int64) {
        var wanted = time
        while true {
            if let found = pieces.last(where: { $0.kind == .image && $0.to == wanted }) {
                image = found.tree
                base = wanted
                runs.reverse()
                return
            }
            let run = pieces.last { $0.kind == .run && $0.from < wanted && wanted <= $0.to }
            guard let run else { return nil }
            runs.append(run)
            wanted = run.from
        }
    }
}

extension [Piece] {
    var storedBytes: UInt64 { reduce(0) { $0.saturated(adding: $1.tree.storedBytes) } }
}

extension TableHistory {
    /// The history without the commits that the next layout leaves alone: the newest, which tells
    /// where its source goes on, and a tail that ends within a second. Source: Spec 09, Layout.
    func coverable(_ blobs: BlobStore) -> TableHistory {
        var end = (layout?.ranges.map(\.to.microseconds).max()) ?? .min
        var count = 0
        for (index, commit) in commits.dropLast().enumerated() {
            end = max(end, commit.logical.to)
            if Instant(microseconds: end) != nil { count = index + 1 }
        }
        return keeping(commits: count, blobs)
    }

    /// The history up to where so many bytes of runs follow an image that the next is worth it; all
    /// of it if they do not. Its commits are such as can be covered.
    func toNextImage(_ blobs: BlobStore) -> TableHistory {
        let known = layout?.pieces ?? []
        let last = known.filter { $0.kind == .image }.max { $0.to < $1.to }
        var imageBytes = last?.tree.storedBytes ?? 0
        var runBytes = known.filter { $0.kind == .run && $0.from >= last?.to ?? .min }.storedBytes
        var end = (layout?.ranges.map(\.to.microseconds).max()) ?? .min
        var added: UInt64 = 0
        for (index, commit) in commits.enumerated() {
            for piece in commit.pieces {
                if piece.kind == .image {
                    (imageBytes, runBytes) = (piece.tree.storedBytes, 0)
                } else {
                    let bytes = CompactionPlan.mergedBytes(piece.tree.storedBytes)
                    runBytes |+= bytes
                    added |+= bytes
                }
            }
            end = max(end, commit.logical.to)
            if Instant(microseconds: end) != nil,
                CompactionPlan.deservesImage(imageBytes: imageBytes, runBytes: runBytes),
                // Merged, they may not be worth it yet; a step more must bring something.
                added >= runBytes / 8
            {
                return keeping(commits: index + 1, blobs)
            }
        }
        return self
    }

    private func keeping(commits count: Int, _ blobs: BlobStore) -> TableHistory {
        TableHistory(
            id: id, record: record, layoutNumber: layoutNumber, layout: layout,
            commits: Array(commits.prefix(count)), backups: backups, blobs: blobs)
    }
}
