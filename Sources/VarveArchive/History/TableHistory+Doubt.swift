public import VarveBytes
public import VarveFormat

/// Instants at which states are recorded, but a change that belongs before them is missing. Source:
/// Spec 10, Doubt.
public struct Doubt: Hashable, Sendable {
    /// The last instant before them, whose state is known.
    public var lastGood: Instant
    /// The last of them.
    public var to: Instant

    func holds(_ instant: Instant) -> Bool { lastGood < instant && instant <= to }
}

extension TableHistory {
    /// What is in doubt of the history, ascending.
    var doubts: [Doubt] {
        storedRanges.compactMap { range in
            guard let lastGood = range.soundTo else { return nil }
            // A full copy at its end makes that instant certain.
            let isCertain = ranges.contains { $0.from <= range.to && range.to <= $0.to }
            let end = isCertain ? Instant(second: range.to.second - 1) : range.to
            guard let end, lastGood < end else { return nil }
            return Doubt(lastGood: lastGood, to: end)
        }
    }

    /// How many checkpoints are in doubt.
    /// - Throws: `damaged` if pages of checkpoints are.
    /// - Complexity: O(checkpoints from the first of them to the last).
    public func doubtfulCount() throws(VarveError) -> Int {
        let doubts = doubts
        guard let first = doubts.map(\.lastGood).min(), let last = doubts.map(\.to).max() else {
            return 0
        }
        var count = 0
        var points = storedCheckpoints(from: first)
        while let point = try points.next(), point.instant <= last {
            if doubts.contains(where: { $0.holds(point.instant) }) { count += 1 }
        }
        return count
    }

    /// Why the state at an instant is in doubt; nil if it is not.
    public func doubt(at instant: Instant) -> Doubt? { doubts.first { $0.holds(instant) } }

    /// The last checkpoint at an instant or before it that is not in doubt.
    /// - Throws: `damaged` if pages of checkpoints are.
    /// - Complexity: as for `checkpoint(upTo:)`.
    public func soundCheckpoint(upTo instant: Instant) throws(VarveError) -> RecordedCheckpoint? {
        var found = try checkpoint(upTo: instant)
        for doubt in doubts.reversed() {
            guard let point = found else { return nil }
            if doubt.holds(point.instant) { found = try checkpoint(upTo: doubt.lastGood) }
        }
        return found
    }

    /// The first checkpoint after an instant that is not in doubt.
    /// - Throws: `damaged` if pages of checkpoints are.
    /// - Complexity: as for `checkpoint(after:)`.
    func soundCheckpoint(after instant: Instant) throws(VarveError) -> RecordedCheckpoint? {
        var found = try checkpoint(after: instant)
        for doubt in doubts {
            guard let point = found else { return nil }
            if doubt.holds(point.instant) { found = try checkpoint(after: doubt.to) }
        }
        return found
    }

    func inDoubt(_ instant: Instant, _ doubt: Doubt) -> VarveError {
        VarveError(
            .notFound,
            "the table's state at \(instant) is in doubt: a change came too late to be recorded, "
                + "and belongs before it; the last good second is \(doubt.lastGood)",
            at: "table \(record.name)")
    }
}
