import VarveBytes
import VarveFormat
import VarveStorage

// What a full copy builds on: only what is there. Before a repair the indexes still tell of blobs
// that are lost, so that no copy may rely on them.

extension Repository {
    /// Does what reads the state before; if that is damaged, says what to do.
    static func naming<Result>(
        _ history: TableHistory, _ body: () throws -> Result
    ) throws -> Result {
        do {
            return try body()
        } catch let error as VarveError where error.code == .damaged {
            throw VarveError(
                .damaged,
                "table \(history.record.name) has a state that cannot be read: \(error.message); "
                    + "run 'varve repair', if pages are lost with --drop-lost, and then this "
                    + "again", at: error.location)
        }
    }

    /// The checkpoint that has the state at an instant: a copy of a state that was lost is news.
    /// - Throws: `damaged` if the state lacks pages, and repair has not taken it out yet.
    func wholeCheckpoint(
        of instant: Instant, in history: TableHistory
    ) throws -> RecordedCheckpoint? {
        guard let found = try history.exactCheckpoint(for: instant) else { return nil }
        let plan: StatePlan
        do throws(VarveError) {
            plan = try history.plan(at: instant)
        } catch {
            // A backup alone still tells of it.
            guard error.code == .damaged, history.exactRange(holding: instant) == nil else {
                throw error
            }
            return nil
        }
        return try Self.naming(history) {
            if let fault = try missingPage(in: plan, .indexPages) { throw fault }
            return found
        }
    }
}
