public import VarveBytes
public import VarveFormat

// Checkpoints by time. Those of commits are in memory; those under a layout are searched in its
// pages.

extension TableHistory {
    /// The checkpoint with the greatest instant that is not in doubt; nil if there is none. A
    /// backup whose instant no range holds does not count: repair keeps the records of states that
    /// are lost. Source: Spec 10, The newest state.
    /// - Throws: `damaged` if pages of checkpoints are.
    /// - Complexity: O(ranges); no page if a commit or the end of a range tells it, else one a
    ///   level.
    public var latest: RecordedCheckpoint? {
        get throws(VarveError) {
            guard let end = storedRanges.map(\.to).max() else { return nil }
            return try soundCheckpoint(upTo: end)
        }
    }

    /// The checkpoint with the greatest instant, in doubt or not.
    var storedLatest: RecordedCheckpoint? {
        get throws(VarveError) { try checkpoint(upTo: .greatest) }
    }

    /// The checkpoint of this very instant.
    /// - Throws: `damaged` if pages of checkpoints are.
    public func checkpoint(at instant: Instant) throws(VarveError) -> RecordedCheckpoint? {
        let found = try checkpoint(upTo: instant)
        return found?.instant == instant ? found : nil
    }

    /// The last checkpoint at an instant or before it, also one that is in doubt.
    /// - Throws: `damaged` if pages of checkpoints are.
    /// - Complexity: at most one page a level of the layout's checkpoint pages; those read last are
    ///   kept.
    public func checkpoint(upTo instant: Instant) throws(VarveError) -> RecordedCheckpoint? {
        let recent = uncovered.last(upTo: instant)
        let covered = named.last(upTo: instant)
        if let recent, recent.instant == instant { return RecordedCheckpoint(recent) }
        var found = [recent, covered].compactMap { $0 }.max { $0.instant < $1.instant }
            .map(RecordedCheckpoint.init)
        // What is told elsewhere must not depend on pages.
        if found?.instant == instant { return found }
        if let pages, (found?.instant ?? .least) < coveredEnd,
            let page = try pages.last(upTo: instant.second),
            page.instant > found?.instant ?? .least
        {
            found = try completed(page)
        }
        return found
    }

    /// The first checkpoint after an instant.
    /// - Throws: `damaged` if pages of checkpoints are.
    /// - Complexity: as for `checkpoint(upTo:)`.
    public func checkpoint(after instant: Instant) throws(VarveError) -> RecordedCheckpoint? {
        var found = [uncovered.first(after: instant), named.first(after: instant)]
            .compactMap { $0 }.min { $0.instant < $1.instant }.map(RecordedCheckpoint.init)
        if let pages, instant < coveredEnd, let page = try pages.first(after: instant.second),
            page.instant < found?.instant ?? .greatest
        {
            found = try completed(page)
        }
        return found
    }

    /// Whether a checkpoint is recorded, whatever backups say.
    func tells(ofStateAt instant: Instant) throws(VarveError) -> Bool {
        if uncovered.last(upTo: instant)?.instant == instant { return true }
        return try pages?.last(upTo: instant.second)?.instant == instant
    }

    /// How many checkpoints there are, those that are in doubt among them (`doubtfulCount`).
    /// - Throws: `damaged` if pages of checkpoints are.
    /// - Complexity: O(checkpoints of commits), and few pages.
    public func checkpointCount() throws(VarveError) -> Int {
        guard let pages else { return mergedKnown().count }
        var count = Int(clamping: try pages.count())
        let last = try pages.span().upperBound
        for point in mergedKnown() {
            let second = point.instant.second
            if second <= last, try pages.last(upTo: second)?.instant == point.instant { continue }
            count += 1
        }
        return count
    }

    /// Reads the checkpoints of a stretch of time one after another, ascending; without those that
    /// are in doubt.
    public func checkpoints(
        from: Instant = .least, through: Instant = .greatest
    ) -> CheckpointSequence {
        CheckpointSequence(self, from: from, through: through, doubts: doubts)
    }

    /// The same with those that are in doubt.
    func storedCheckpoints(from: Instant = .least) -> CheckpointSequence {
        CheckpointSequence(self, from: from, through: .greatest, doubts: [])
    }

    /// The checkpoints whose digests are told whole elsewhere than in pages: those of commits, of
    /// backups, and the ends of ranges that are exact at checkpoints only. Ascending.
    var wholeCheckpoints: [Checkpoint] { mergedKnown() }

    /// The last instant at which the layout's pages can have a checkpoint.
    private var coveredEnd: Instant { layout?.ranges.last?.to ?? .least }

    private func mergedKnown() -> [Checkpoint] { Self.latest(named + uncovered.joined) }

    /// The same with its whole digest, if a backup or the end of a range tells that.
    private func completed(
        _ point: RecordedCheckpoint
    ) throws(VarveError) -> RecordedCheckpoint {
        if point.digest.whole != nil { return point }
        let range = layout?.ranges.last {
            $0.from <= point.instant && point.instant <= $0.to && $0.items == point.items
                && $0.bytes == point.bytes && point.digest.agrees(with: $0.digest)
        }
        guard let range else { return point }
        if range.to > point.instant {
            // Where every second is exact, the state at the end is that of the last checkpoint.
            let next = try pages?.first(after: point.instant.second)
            if let next, next.instant <= range.to { return point }
        }
        var result = point
        result.digest = .whole(range.digest)
        return result
    }
}

// MARK: - What is known without pages

extension TableHistory {
    /// Ascending by instant; of two with one instant the later in the list.
    static func latest(_ checkpoints: [Checkpoint]) -> [Checkpoint] {
        let isAscending = zip(checkpoints, checkpoints.dropFirst()).allSatisfy {
            $0.instant < $1.instant
        }
        if isAscending { return checkpoints }
        var result: [Checkpoint] = []
        result.reserveCapacity(checkpoints.count)
        let sorted = checkpoints.enumerated().sorted {
            ($0.element.instant, $0.offset) < ($1.element.instant, $1.offset)
        }
        for (_, point) in sorted {
            if result.last?.instant == point.instant { result.removeLast() }
            result.append(point)
        }
        return result
    }

    /// What backups tell of covered checkpoints, and the layout of the ends of those ranges whose
    /// ends are checkpoints.
    static func named(_ layout: LayoutRecord?, _ backups: [BackupRecord]) -> [Checkpoint] {
        guard let layout else { return [] }
        var result = layout.ranges.filter(\.isExactAtCheckpointsOnly).map {
            Checkpoint(
                instant: $0.to, changes: 0, items: $0.items, bytes: $0.bytes, digest: $0.digest)
        }
        result += backups.filter { $0.commitSequence < layout.nextSequence }.map {
            Checkpoint(
                instant: $0.instant, changes: 0, items: $0.items, bytes: $0.bytes,
                digest: $0.digest)
        }
        return latest(result)
    }
}

/// Checkpoints of several commits, ascending: where one commit's follow those of the one before,
/// in the commits' own memory.
struct CheckpointParts: Sendable {
    /// None is empty; all of one lie before all of the next.
    private var parts: [[Checkpoint]]

    init(_ parts: [[Checkpoint]]) {
        self.parts = parts.filter { !$0.isEmpty }
        let isAscending = zip(self.parts, self.parts.dropFirst()).allSatisfy { earlier, later in
            earlier[earlier.count - 1].instant < later[0].instant
        }
        if !isAscending { self.parts = [TableHistory.latest(joined)] }
    }

    var count: Int { parts.reduce(0) { $0 + $1.count } }

    /// All of them, in memory of their own.
    var joined: [Checkpoint] { parts.flatMap { $0 } }

    func last(upTo instant: Instant) -> Checkpoint? {
        parts.last { $0[0].instant <= instant }?.last(upTo: instant)
    }

    func first(after instant: Instant) -> Checkpoint? {
        parts.first { $0[$0.count - 1].instant > instant }?.first(after: instant)
    }
}

extension [Checkpoint] {
    /// Place of the first after an instant.
    fileprivate func place(after instant: Instant) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle].instant > instant { high = middle } else { low = middle + 1 }
        }
        return low
    }

    fileprivate func last(upTo instant: Instant) -> Checkpoint? {
        let place = place(after: instant)
        return place == 0 ? nil : self[place - 1]
    }

    fileprivate func first(after instant: Instant) -> Checkpoint? {
        let place = place(after: instant)
        return place == count ? nil : self[place]
    }
}

// MARK: - One after another

/// The checkpoints of a stretch of time, ascending: one page at a time in memory.
public struct CheckpointSequence {
    private let through: Instant
    private var leaves: CheckpointPages.Leaves?
    private var leaf: CheckpointLeaf?
    private var place = 0
    private var known: [Checkpoint]
    private var knownPlace = 0
    private let from: Instant
    private let doubts: [Doubt]

    fileprivate init(
        _ history: TableHistory, from: Instant, through: Instant, doubts: [Doubt]
    ) {
        self.from = from
        self.through = through
        self.doubts = doubts
        leaves = history.pages?.leaves(from: from.second)
        known = history.wholeCheckpoints.filter { $0.instant >= from }
    }

    /// The next; nil after the last.
    /// - Throws: `damaged` if pages of checkpoints are.
    public mutating func next() throws(VarveError) -> RecordedCheckpoint? {
        while let point = try nextStored() {
            if !doubts.contains(where: { $0.holds(point.instant) }) { return point }
        }
        return nil
    }

    private mutating func nextStored() throws(VarveError) -> RecordedCheckpoint? {
        let page = try pagePoint()
        let other = knownPlace < known.count ? known[knownPlace] : nil
        var result: RecordedCheckpoint?
        if let other, other.instant <= page?.instant ?? .greatest {
            knownPlace += 1
            var point = RecordedCheckpoint(other)
            if let page, page.instant == other.instant {
                place += 1
                point.changes = max(point.changes, page.changes)
            }
            result = point
        } else if let page {
            place += 1
            result = page
        }
        guard let result, result.instant <= through else { return nil }
        return result
    }

    /// All that are left: for few.
    public mutating func rest() throws(VarveError) -> [RecordedCheckpoint] {
        var result: [RecordedCheckpoint] = []
        while let point = try next() { result.append(point) }
        return result
    }

    /// The page's checkpoint at hand.
    private mutating func pagePoint() throws(VarveError) -> RecordedCheckpoint? {
        while true {
            if let leaf, place < leaf.checkpoints.count {
                if let point = leaf.checkpoint(place), point.instant >= from { return point }
                place += 1
                continue
            }
            guard let next = try leaves?.next() else { return nil }
            leaf = next
            place = 0
        }
    }
}
