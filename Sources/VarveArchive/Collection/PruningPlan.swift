import VarveBytes
import VarveFormat
import VarveModel

/// How a table's pieces shrink to what its kept instants need: pure, without reading a page.
struct PruningPlan {
    /// Runs that become one, or stay as they are.
    struct Group {
        var runs: [Piece]
        /// Instants in them that stay apart, ascending; the last is the end of what stays.
        var kept: [Instant]
        var isRewritten: Bool
        /// The state that the group builds on is the empty table.
        var nothingBefore: Bool
    }

    /// An image and the runs that build on it.
    struct Chain {
        var image: Piece
        /// Where the image moves to: the first kept instant, by the runs before it.
        var fold: StatePlan?
        var groups: [Group]
    }

    /// Images move if what that frees for good is at least this share of what must be written now.
    ///
    /// Moving writes the image's pages that the runs change, and frees as many old ones: what it
    /// gains is the runs. A share below one spends some writing once to have fewer bytes, and
    /// faster restores, ever after.
    static let foldShare: UInt64 = 8
    /// Average weight of a leaf. Source: Spec 06.
    private static let leafWeight: UInt64 = 262_144

    var kept: [Checkpoint]
    var chains: [Chain]
    /// Pieces that no kept instant needs.
    var dropsPieces: Bool
    var dropsCheckpoints: Bool

    /// Whether a new layout says something else than what is there.
    var changes: Bool {
        dropsPieces || dropsCheckpoints
            || chains.contains { $0.fold != nil || $0.groups.contains(where: \.isRewritten) }
    }

    /// - Parameters:
    ///   - kept: instants that stay restorable.
    ///   - former: every instant that layout and commits record.
    init(
        _ history: TableHistory, kept wanted: Set<Instant>, former: [Instant]
    ) throws(VarveError) {
        kept = history.wholeCheckpoints.filter { wanted.contains($0.instant) }
        dropsCheckpoints = former.contains { !wanted.contains($0) }
        var plans: [Int64: (plan: StatePlan, kept: [Checkpoint])] = [:]
        for checkpoint in kept {
            let plan = try history.plan(at: checkpoint.instant)
            let base = plan.runs.first?.from ?? plan.before
            plans[base, default: (plan, [])].kept.append(checkpoint)
            plans[base]?.plan = plan
        }
        chains = []
        var used: Set<Piece> = []
        let pieces = history.pieces
        for (base, found) in plans.sorted(by: { $0.key < $1.key }) {
            guard let image = pieces.last(where: { $0.kind == .image && $0.to == base }) else {
                throw VarveError(
                    .damaged, "an image is missing", at: "table \(history.record.name)")
            }
            used.insert(image)
            used.formUnion(found.plan.runs)
            chains.append(
                Self.chain(image, found.plan.runs, found.kept, former))
        }
        dropsPieces = pieces.contains { !used.contains($0) }
    }

    private static func chain(
        _ image: Piece, _ runs: [Piece], _ kept: [Checkpoint], _ former: [Instant]
    ) -> Chain {
        var runs = runs
        var chain = Chain(image: image, fold: nil, groups: [])
        var isEmpty = image.tree.isEmpty
        let first = kept[0]
        let before = runs.prefix { $0.to <= first.instant.microseconds }
        if let last = before.last, last.to == first.instant.microseconds,
            paysOff(image, Array(before))
        {
            chain.fold = StatePlan(
                instant: first.instant, before: last.to, image: image.tree, runs: Array(before),
                checkpoint: RecordedCheckpoint(first))
            runs.removeFirst(before.count)
            isEmpty = first.items == 0
        }
        var group: [Piece] = []
        for run in runs {
            group.append(run)
            let isLast = run == runs[runs.count - 1]
            if !isLast, !kept.contains(where: { $0.instant.microseconds == run.to }) { continue }
            chain.groups.append(
                Self.group(group, kept, former, nothingBefore: isEmpty && chain.groups.isEmpty))
            group = []
        }
        if chain.groups.count > CompactionPlan.copiesMax {
            let merged = Self.group(
                chain.groups.flatMap(\.runs), kept, former, nothingBefore: isEmpty)
            chain.groups = [merged]
        }
        return chain
    }

    private static func group(
        _ runs: [Piece], _ kept: [Checkpoint], _ former: [Instant], nothingBefore: Bool
    ) -> Group {
        let (from, to) = (runs[0].from, runs[runs.count - 1].to)
        func isWithin(_ instant: Instant) -> Bool {
            instant.microseconds > from && instant.microseconds <= to
        }
        let kept = kept.map(\.instant).filter(isWithin)
        return Group(
            runs: runs, kept: kept,
            isRewritten: runs.count > 1 || former.filter(isWithin).contains { !kept.contains($0) },
            nothingBefore: nothingBefore)
    }

    /// Whether moving an image by runs frees enough for what it writes.
    static func paysOff(_ image: Piece, _ runs: [Piece]) -> Bool {
        let entries = runs.reduce(UInt64(0)) { $0.saturated(adding: $1.tree.entries) }
        let gain = runs.reduce(UInt64(0)) { $0.saturated(adding: $1.tree.storedBytes) }
        let leaves = max(1, image.tree.weight / leafWeight)
        let cost = image.tree.storedBytes / leaves * min(leaves, entries)
        return gain >= cost / foldShare
    }

    // MARK: Ranges

    /// What stays restorable: each range of before, from its first kept instant to its last.
    func ranges(_ history: TableHistory, pieces: [Piece]) -> [RestorableRange] {
        LayoutWriter.joined(history.storedRanges).compactMap { range in
            let within = kept.filter { range.from <= $0.instant && $0.instant <= range.to }
            guard let first = within.first, let last = within.last else { return nil }
            let origins = within.map { history.origin(of: $0.instant) }
            guard let newest = origins.max(by: { $0.sequence < $1.sequence }),
                let oldest = origins.min(by: { $0.sequence < $1.sequence })
            else { return nil }
            let runs = pieces.filter {
                $0.kind == .run && $0.from >= first.instant.microseconds
                    && $0.to <= last.instant.microseconds
            }
            return RestorableRange(
                isExactAtCheckpointsOnly: true, from: first.instant, to: last.instant,
                firstSequence: oldest.sequence, lastSequence: newest.sequence,
                lastHash: newest.hash, items: last.items, bytes: last.bytes, digest: last.digest,
                changeDigest: runs.reduce(Hash256.zero) { $0 &+ $1.tree.digest },
                soundTo: range.soundTo.flatMap { $0 < last.instant ? $0 : nil })
        }
    }
}
