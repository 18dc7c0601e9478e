import VarveBytes
import VarveFormat
import VarveModel

extension Repository {
    /// What changed between two states of one table, in time proportional to the changes where its
    /// history was recorded change by change.
    ///
    /// Reads the changes between both instants, by the time lists of runs that have one, and for
    /// each changed key the page that holds its old value. Where no runs lead from one state to the
    /// other, compares the states as `difference(from:to:schema:)` does.
    /// - Parameters:
    ///   - from: the state before.
    ///   - to: the state after; it may be the earlier one.
    public func difference(
        in history: TableHistory, from: StatePlan, to: StatePlan
    ) throws -> any DifferenceSource {
        let schema = history.record.keySchema
        let isReversed = to.before < from.before
        let (older, newer) = isReversed ? (to, from) : (from, to)
        guard let runs = history.runs(between: older, and: newer) else {
            return try difference(from: from, to: to, schema: schema)
        }
        return try WindowDifference(
            self, older, runs: runs, before: newer.before, schema: schema, isReversed: isReversed)
    }
}

extension TableHistory {
    /// The runs whose changes from one state's instant on make the other state of it, oldest first.
    /// Nil if there are none.
    func runs(between older: StatePlan, and newer: StatePlan) -> [Piece]? {
        if older.before == newer.before { return [] }
        let isWithin = ranges.contains { range in
            !range.isExactAtCheckpointsOnly && range.from.microseconds <= older.before
                && (newer.instant <= range.to || newer.isUnsealed && range.to == ranges.last?.to)
        }
        guard isWithin else {
            // Where only checkpoints are exact, changes follow from the state that the run began
            // at, and from no other between.
            let first = newer.runs.firstIndex { $0.from == older.before }
            return first.map { Array(newer.runs[$0...]) }
        }
        // Across images too: those within a range repeat what its runs tell.
        var result: [Piece] = []
        var wanted = newer.before
        while wanted > older.before {
            guard let run = run(over: wanted) else { return nil }
            result.append(run)
            wanted = run.from
        }
        return result.reversed()
    }
}

/// The changed keys between two states: merges the changes of the stretch between them, and looks
/// up the old values.
final class WindowDifference: DifferenceSource {
    private let blobs: BlobStore
    private let older: CommonState
    private let changes: ChangeCursor
    private let isReversed: Bool
    /// In-line rows of the key at hand; a row or none in each.
    private var oldRow = RowBuffer(capacity: 1 << 12)
    private var newRow = RowBuffer(capacity: 1 << 12)

    /// - Parameters:
    ///   - runs: from the oldest to the newest, over the whole stretch.
    ///   - before: the end of the stretch; microseconds.
    init(
        _ repository: Repository, _ older: StatePlan, runs: [Piece], before: Int64,
        schema: KeySchema, isReversed: Bool
    ) throws {
        blobs = repository.blobs
        self.older = CommonState(
            image: older.image, runs: older.runs.map(\.tree), before: older.before,
            schema: schema, blobs: blobs)
        let times = older.before..<before
        let sources = try runs.map {
            try repository.netChanges(of: $0, in: times, schema: schema)
        }
        changes = try ChangeCursor(NetChanges(runs: sources, before: before))
        self.isReversed = isReversed
    }

    func nextBlock() throws -> DifferenceBlock? {
        let result = DifferenceBlock()
        while result.byteCount < Self.blockBytes, let place = changes.place {
            try take(place, into: result)
            try changes.advance()
        }
        return result.entries.isEmpty ? nil : result
    }

    private func take(_ place: KeyPlace, into result: DifferenceBlock) throws {
        oldRow.removeAll()
        newRow.removeAll()
        let oldIsOutlined = try older.copy(place, into: &oldRow)
        let newIsOutlined = changes.copyPut(into: &newRow)
        let (hasOld, hasNew) = (oldRow.count == 1, newRow.count == 1)
        if !hasOld && !hasNew { return }
        if hasOld, hasNew, oldRow.valueEquals(0, newRow, 0) { return }
        if isReversed {
            if hasOld { try blobs.expand(oldRow, 0, oldIsOutlined, into: &result.new) }
            if hasNew { try blobs.expand(newRow, 0, newIsOutlined, into: &result.old) }
            result.add(hasOld: hasNew, hasNew: hasOld)
        } else {
            if hasOld { try blobs.expand(oldRow, 0, oldIsOutlined, into: &result.old) }
            if hasNew { try blobs.expand(newRow, 0, newIsOutlined, into: &result.new) }
            result.add(hasOld: hasOld, hasNew: hasNew)
        }
    }
}
