import VarveBytes
import VarveFormat

/// What of a table's history cannot be had, by nobody.
struct LostParts {
    /// Pieces that lack a page, a large value or a page of their time list.
    var pieces: Set<Piece> = []
    /// What they lack, and pages of checkpoints.
    var blobs: Set<Hash256> = []

    var isEmpty: Bool { blobs.isEmpty }
}

/// What stays of a layout some of whose blobs are lost: the pieces that are whole and build on
/// whole ones, and the states that these make. Source: Spec 11, Repair.
struct LayoutSalvage {
    /// With a layout that lacks what is lost; its pages of checkpoints are still the former ones.
    private(set) var history: TableHistory
    /// In words.
    private(set) var losses: [String] = []
    /// Whether the state from which the next commit would go on is lost.
    private(set) var lacksEnd = false
    /// Where ranges begin or end that did not before; they may be checkpoints already.
    private(set) var bounds: [Checkpoint] = []
    /// Seconds whose states stay, ascending, apart from each other.
    private var stretches: [ClosedRange<Int64>] = []
    private let pages: SoundCheckpoints
    private let repository: Repository
    /// With the pieces that stay and the ranges as they were: for reading states.
    private let reading: TableHistory

    /// - Throws: `damaged` if a state that stays and is needed whole cannot be read after all.
    init(
        _ repository: Repository, _ history: TableHistory, _ layout: LayoutRecord,
        _ lost: LostParts
    ) throws {
        self.repository = repository
        let reach = Reach(layout.pieces.filter { !lost.pieces.contains($0) })
        var left = layout
        left.pieces = reach.pieces
        reading = history.replacing(left, repository.blobs)
        self.history = reading
        pages = try SoundCheckpoints(layout.checkpoints, repository.blobs)
        left.ranges = []
        for range in layout.ranges {
            let parts =
                range.isExactAtCheckpointsOnly
                ? try checkpointParts(of: range, layout, reach) : exactParts(of: range, reach)
            tell(range, parts)
            stretches += parts
            left.ranges += try ranges(range, parts, left.pieces)
        }
        left.ranges = left.ranges.withChangeDigests(of: left.pieces)
        stretches = stretches.joined
        if let end = layout.ranges.map(\.to).max(), !reach.holds(end.microseconds) {
            lacksEnd = true
            if let last = left.ranges.indices.max(by: { left.ranges[$0].to < left.ranges[$1].to }) {
                left.ranges[last].isClosed = true
            }
        }
        self.history = history.replacing(left, repository.blobs)
    }

    // MARK: What stays

    /// The seconds of a range that is exact at every second.
    private func exactParts(of range: RestorableRange, _ reach: Reach) -> [ClosedRange<Int64>] {
        let whole = range.from.second...range.to.second
        var parts = reach.stretches.compactMap(\.seconds).compactMap { $0.part(within: whole) }
        // Whoever does not know the checkpoint before an instant cannot prove its state.
        for lost in pages.lost { parts = parts.flatMap { $0.without(lost) } }
        if reach.holds(range.to.microseconds), parts.last?.upperBound != whole.upperBound {
            parts.append(whole.upperBound...whole.upperBound)
        }
        return parts
    }

    /// From checkpoint to checkpoint of a range that is exact at those alone.
    private func checkpointParts(
        of range: RestorableRange, _ layout: LayoutRecord, _ reach: Reach
    ) throws -> [ClosedRange<Int64>] {
        let whole = range.from.second...range.to.second
        var known: Set<Int64> = [range.to.second]
        for entry in pages.leaves where entry.last >= whole.lowerBound
            && entry.first <= whole.upperBound
        {
            known.formUnion(try pages.leaf(entry).checkpoints.map(\.second))
        }
        for backup in history.backups where backup.commitSequence < layout.nextSequence {
            known.insert(backup.instant.second)
        }
        var parts: [ClosedRange<Int64>] = []
        var goesOn = false
        for second in known.sorted() where whole.contains(second) {
            let isThere = Instant(second: second).map { reach.holds($0.microseconds) } ?? false
            if isThere, goesOn, let last = parts.popLast() {
                parts.append(last.lowerBound...second)
            } else if isThere {
                parts.append(second...second)
            }
            goesOn = isThere
        }
        return parts
    }

    /// The ranges that a range becomes. One that is exact at checkpoints only stays one: those that
    /// are lost are no checkpoints any more.
    private mutating func ranges(
        _ range: RestorableRange, _ parts: [ClosedRange<Int64>], _ pieces: [Piece]
    ) throws -> [RestorableRange] {
        var kept = parts
        if range.isExactAtCheckpointsOnly, let first = parts.first, let last = parts.last {
            kept = [first.lowerBound...last.upperBound]
        }
        var found: [RestorableRange] = []
        for part in kept {
            guard let from = Instant(second: part.lowerBound),
                let to = Instant(second: part.upperBound)
            else { continue }
            var result = range
            if !range.isExactAtCheckpointsOnly {
                // What begins a range is a checkpoint, though nothing changed there.
                bounds.append(try state(at: from))
            }
            if !range.isExactAtCheckpointsOnly, pieces.contains(where: { $0.crosses(from, to) }) {
                // No run may cross a range that is exact at every second (Spec 09).
                result.isExactAtCheckpointsOnly = true
                bounds.append(try state(at: to))
                losses.append(
                    "the seconds between the checkpoints from \(from) to \(to): pages of "
                        + "checkpoints are lost beside them")
            }
            result.from = from
            if to != range.to {
                let state = try state(at: to)
                (result.to, result.isClosed) = (to, true)
                // What is left may end before what is in doubt.
                if let sound = result.soundTo, sound >= to { result.soundTo = nil }
                (result.items, result.bytes, result.digest) = (
                    state.items, state.bytes, state.digest
                )
            }
            found.append(result)
        }
        return found
    }

    /// Says which states go.
    private mutating func tell(_ range: RestorableRange, _ parts: [ClosedRange<Int64>]) {
        func text(_ second: Int64) -> String { Instant.text(second &* 1_000_000) }
        let what = "pages that they need are lost"
        guard let first = parts.first, let last = parts.last else {
            losses.append("the states from \(range.from) to \(range.to): \(what)")
            return
        }
        if range.from.second < first.lowerBound {
            losses.append(
                "the states from \(range.from) on and before \(text(first.lowerBound)): \(what)")
        }
        for (part, next) in zip(parts, parts.dropFirst())
        where part.upperBound + 1 < next.lowerBound {
            losses.append(
                "the states after \(text(part.upperBound)) and before \(text(next.lowerBound)): "
                    + what)
        }
        if last.upperBound < range.to.second {
            losses.append(
                "the states after \(text(last.upperBound)) up to \(range.to): \(what)")
        }
    }

    // MARK: Checkpoints

    /// Leaves of the checkpoints that stay. Of a stretch that does not begin with a leaf the first
    /// begins one of its own, so that its whole digest is told.
    func leaves(_ tree: CheckpointTree) throws -> [CheckpointTree.Leaf] {
        var result: [CheckpointTree.Leaf] = []
        for stretch in stretches {
            let known = pages.leaves.filter {
                $0.last >= stretch.lowerBound && $0.first <= stretch.upperBound
            }
            var start: Checkpoint?
            if known.first.map({ $0.first != stretch.lowerBound }) ?? true,
                let instant = Instant(second: stretch.lowerBound)
            {
                start = try state(at: instant)
            }
            for entry in known {
                if start == nil, stretch.contains(entry.first), stretch.contains(entry.last) {
                    result.append(.known(entry))
                    continue
                }
                let leaf = try pages.leaf(entry)
                var records = leaf.checkpoints.filter { stretch.contains($0.second) }
                guard let point = start.take() else {
                    if !records.isEmpty { result.append(.made(records, leaf.firstDigest)) }
                    continue
                }
                var first = CheckpointRecord(point)
                if records.first?.second == first.second {
                    first.changes = records.removeFirst().changes
                }
                if records.count == leaf.checkpoints.count {
                    // It begins after the stretch: a leaf beside it has room for the start.
                    result += [.made([first], point.digest), .known(entry)]
                } else {
                    result.append(.made([first] + records, point.digest))
                }
            }
            if let start { result += CheckpointTree.leaves(of: [start]) }
        }
        return result
    }

    /// What is recorded of a state that stays, with its whole digest.
    private func state(at instant: Instant) throws -> Checkpoint {
        let end = reading.layout?.ranges.last { $0.to == instant }
        if let end {
            return Checkpoint(
                instant: instant, changes: 0, items: end.items, bytes: end.bytes,
                digest: end.digest)
        }
        let chain = PieceChain(reading.pieces, to: instant.microseconds)
        guard let chain, var point = try recorded(upTo: instant) else {
            throw VarveError(
                .damaged, "nothing tells of the state at \(instant)",
                at: "table \(history.record.name)")
        }
        let plan = StatePlan(
            instant: instant, before: instant.microseconds, image: chain.image, runs: chain.runs,
            checkpoint: point)
        point.digest = .whole(try repository.digestByReading(plan, reading))
        (point.instant, point.changes) = (instant, 0)
        guard let whole = point.whole else { preconditionFailure("a digest was just told") }
        return whole
    }

    /// The last checkpoint up to an instant, as sound pages and backups tell it.
    private func recorded(upTo instant: Instant) throws -> RecordedCheckpoint? {
        if let backup = history.backups.last(where: { $0.instant == instant }) {
            return RecordedCheckpoint(
                instant: instant, changes: 0, items: backup.items, bytes: backup.bytes,
                digest: .whole(backup.digest))
        }
        guard let entry = pages.leaves.last(where: { $0.first <= instant.second }) else {
            return nil
        }
        let leaf = try pages.leaf(entry)
        let place = leaf.checkpoints.lastIndex { $0.second <= instant.second }
        return place.flatMap { leaf.checkpoint($0) }
    }
}

/// The states that pieces make.
private struct Reach {
    private let times: ReachedTimes
    /// Pieces of use.
    let pieces: [Piece]

    /// From time to time, both included; microseconds. Ascending, apart from each other.
    var stretches: [ClosedRange<Int64>] { times.stretches }

    init(_ whole: [Piece]) {
        var times = ReachedTimes()
        pieces = ReachedTimes.inOrder(whole).filter { times.step(by: [$0]) != nil }
        self.times = times
    }

    func holds(_ time: Int64) -> Bool { times.holds(time) }
}

/// The leaves of checkpoints that can be read.
private struct SoundCheckpoints {
    private(set) var leaves: [SpanEntry] = []
    /// Seconds of which only lost leaves told, each up to the next known checkpoint.
    private(set) var lost: [Range<Int64>] = []
    private let blobs: BlobStore

    init(_ root: Hash256?, _ blobs: BlobStore) throws(VarveError) {
        self.blobs = blobs
        guard let root else { return }
        try visit(root, nil, above: UInt8.max, until: .max)
    }

    func leaf(_ entry: SpanEntry) throws(VarveError) -> CheckpointLeaf {
        let plain = try plain(entry.id)
        return try CheckpointLeaf(plain.raw)
    }

    private func plain(_ id: Hash256) throws(VarveError) -> [UInt8] {
        try blobs.plain(id, asAnyOf: [.checkpointLeaf, .checkpointIndex])
    }

    private mutating func visit(
        _ id: Hash256, _ entry: SpanEntry?, above level: UInt8, until end: Int64
    ) throws(VarveError) {
        do throws(VarveError) {
            let plain = try plain(id)
            guard plain.first == BlobType.checkpointIndex.rawValue else {
                let leaf = try CheckpointLeaf(plain.raw)
                leaves.append(entry ?? CheckpointTree.entry(id, leaf.checkpoints))
                return
            }
            let page = try SpanIndexPage(plain.raw, kind: .checkpoints)
            if page.level >= level {
                throw VarveError(.damaged, "the index page is not below another", at: "blob \(id)")
            }
            for (index, child) in page.children.enumerated() {
                let next = index + 1 < page.children.count ? page.children[index + 1].first : end
                try visit(child.id, child, above: page.level, until: next)
            }
        } catch {
            guard error.code == .damaged else { throw error }
            // Pages that contradict each other may tell of no time at all.
            let first = entry?.first ?? .min
            if first < end { lost.append(first..<end) }
        }
    }
}

extension [ClosedRange<Int64>] {
    /// Those that overlap or touch made one, ascending.
    fileprivate var joined: [ClosedRange<Int64>] {
        var result: [ClosedRange<Int64>] = []
        for part in sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = result.last, part.lowerBound <= last.upperBound {
                result[result.count - 1] =
                    last.lowerBound...Swift.max(last.upperBound, part.upperBound)
            } else {
                result.append(part)
            }
        }
        return result
    }
}

extension ClosedRange<Int64> {
    /// The whole seconds within a stretch of microseconds.
    fileprivate var seconds: ClosedRange<Int64>? {
        func floor(_ time: Int64) -> Int64 {
            time >= 0 ? time / 1_000_000 : ~(~time / 1_000_000)
        }
        let first = floor(lowerBound &- 1) + 1
        let last = floor(upperBound)
        return first <= last ? first...last : nil
    }

    fileprivate func part(within other: ClosedRange<Int64>) -> ClosedRange<Int64>? {
        overlaps(other) ? clamped(to: other) : nil
    }

    fileprivate func without(_ other: Range<Int64>) -> [ClosedRange<Int64>] {
        guard other.lowerBound <= upperBound, other.upperBound > lowerBound else { return [self] }
        var result: [ClosedRange<Int64>] = []
        if lowerBound < other.lowerBound { result.append(lowerBound...(other.lowerBound - 1)) }
        if other.upperBound <= upperBound { result.append(other.upperBound...upperBound) }
        return result
    }
}

extension TableHistory {
    /// The same with another layout.
    fileprivate func replacing(_ other: LayoutRecord, _ blobs: BlobStore) -> TableHistory {
        TableHistory(
            id: id, record: record, layoutNumber: layoutNumber, layout: other, commits: commits,
            backups: backups, blobs: blobs, lastHash: head)
    }
}

extension Piece {
    /// Whether it is a run of a stretch that begins before a range, or ends after it; not within
    /// the next second, as a tail does.
    fileprivate func crosses(_ from: Instant, _ to: Instant) -> Bool {
        let (first, last) = (from.microseconds, to.microseconds)
        return kind == .run && self.to > first && self.from < last
            && (self.from < first || self.to >= last + 1_000_000)
    }
}
