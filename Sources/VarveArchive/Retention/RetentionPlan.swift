import VarveBytes
import VarveFormat
import VarveModel

/// How the pieces of recorded history shrink to what its retention keeps. Reads few pages of
/// checkpoints. Source: Spec 10, Retention, Later layouts.
struct RetentionPlan {
    /// Runs that become one, with the changes that the kept instants tell apart.
    struct Merge {
        var runs: [Piece]
        var selection: ChangeSelection
        var isRewritten: Bool
    }

    /// An image and the runs before the window that build on it.
    struct Chain {
        var image: Piece
        /// Where the image moves to, and by which runs.
        var fold: (chain: PieceChain, to: RecordedCheckpoint)?
        var merges: [Merge] = []
    }

    var start: RecordedCheckpoint
    var kept: [RecordedCheckpoint]
    var chains: [Chain] = []
    /// Pieces of the window, which stay what they are.
    var staying: [Piece]
    /// A run that begins before the window and ends in it: its later changes stay.
    var parted: Piece?
    /// Whether a new layout says something else than what is there.
    private(set) var changes: Bool

    /// Nil if everything stays.
    /// - Throws: `damaged` if pieces are missing.
    init?(_ history: TableHistory, _ window: RetentionWindow) throws(VarveError) {
        guard let start = window.start else { return nil }
        self.start = start
        kept = window.kept
        let begin = start.instant.microseconds
        let pieces = history.pieces
        staying = pieces.filter { $0.from >= begin }
        parted = pieces.last { $0.kind == .run && $0.from < begin && begin < $0.to }
        var found: [Int64: (chain: PieceChain, states: [RecordedCheckpoint])] = [:]
        for state in kept + [start] {
            guard let chain = PieceChain(pieces, to: state.instant.microseconds) else {
                throw VarveError(
                    .damaged, "the archive has no piece for the state at \(state.instant)",
                    at: "table \(history.record.name)")
            }
            found[chain.base, default: (chain, [])].states.append(state)
            found[chain.base]?.chain = chain
        }
        var used = Set(staying)
        changes = parted != nil
        for (base, (chain, states)) in found.sorted(by: { $0.key < $1.key }) {
            guard let image = pieces.last(where: { $0.kind == .image && $0.to == base }) else {
                continue
            }
            used.insert(image)
            used.formUnion(chain.runs)
            let next = try Self.chain(image, chain, states, history)
            if next.fold != nil || next.merges.contains(where: \.isRewritten) { changes = true }
            chains.append(next)
        }
        if pieces.contains(where: { !used.contains($0) && $0.from < $0.to || $0.kind == .image
            && !used.contains($0) })
        {
            changes = true
        }
        if try Self.hasOther(history, from: .min, to: begin, kept + [start]) { changes = true }
    }

    private static func chain(
        _ image: Piece, _ chain: PieceChain, _ states: [RecordedCheckpoint],
        _ history: TableHistory
    ) throws(VarveError) -> Chain {
        var result = Chain(image: image)
        let first = states[0].instant.microseconds
        let before = chain.runs.filter { $0.from < first }
        var lower = image.to
        var isEmpty = image.tree.isEmpty
        if !before.isEmpty, PruningPlan.paysOff(image, before) {
            result.fold = (
                PieceChain(image: image.tree, base: image.to, runs: before), states[0]
            )
            lower = first
            isEmpty = states[0].items == 0
        }
        let instants = states.map(\.instant.microseconds)
        var group: [Piece] = []
        let runs = chain.runs.filter { $0.to > lower }
        for (index, run) in runs.enumerated() {
            group.append(run)
            if index + 1 < runs.count, !instants.contains(run.to) { continue }
            let from = max(group[0].from, lower)
            let within = instants.filter { $0 > from && $0 <= run.to }
            defer { group = [] }
            guard let last = within.last else { continue }
            let states = states.filter { within.contains($0.instant.microseconds) }
            let isCut = group[0].from < from || last < run.to || group.count > 1
            var isRewritten = isCut
            if !isCut { isRewritten = try hasOther(history, from: from, to: run.to, states) }
            result.merges.append(
                Merge(
                    runs: group,
                    selection: ChangeSelection(
                        kept: within, dropsLeadingTombstones: isEmpty && result.merges.isEmpty,
                        from: group[0].from < from ? from : .min),
                    isRewritten: isRewritten))
        }
        return result
    }

    /// Whether there is a checkpoint in (from, to] that does not stay.
    private static func hasOther(
        _ history: TableHistory, from: Int64, to: Int64, _ kept: [RecordedCheckpoint]
    ) throws(VarveError) -> Bool {
        let known = Set(kept.map(\.instant))
        var at = Instant(second: max(Instant.least.second, from / 1_000_000)) ?? .least
        while let next = try history.checkpoint(after: at), next.instant.microseconds <= to {
            if !known.contains(next.instant) { return true }
            at = next.instant
        }
        return false
    }

    // MARK: What stays restorable

    /// - Parameter pieces: of the new layout; for the change digests.
    func ranges(_ history: TableHistory, pieces: [Piece]) -> [RestorableRange] {
        var result: [RestorableRange] = []
        for range in history.storedRanges {
            if range.from >= start.instant {
                result.append(range)
                continue
            }
            let states = kept.filter { range.from <= $0.instant && $0.instant <= range.to }
            if range.to < start.instant || !range.isExactAtCheckpointsOnly {
                if let part = part(of: range, states) { result.append(part) }
                if range.to < start.instant { continue }
            }
            var rest = range
            rest.from = range.isExactAtCheckpointsOnly
                ? states.first?.instant ?? start.instant : start.instant
            result.append(rest)
        }
        return LayoutWriter.joined(result).withChangeDigests(of: pieces)
    }

    /// The range over the states of a range that stay, exact at them only.
    private func part(
        of range: RestorableRange, _ states: [RecordedCheckpoint]
    ) -> RestorableRange? {
        guard let first = states.first, let last = states.last else { return nil }
        var part = range
        part.isExactAtCheckpointsOnly = true
        (part.from, part.to) = (first.instant, last.instant)
        (part.items, part.bytes) = (last.items, last.bytes)
        part.digest = last.digest.whole ?? .zero
        if let soundTo = part.soundTo, soundTo >= part.to { part.soundTo = nil }
        return part
    }
}
