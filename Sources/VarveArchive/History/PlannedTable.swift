public import VarveBytes
import VarveFormat
public import VarveModel
import VarveStorage

// A table that a first backup will make: its record is stored only when all rows have been read, so
// that a backup that fails or is killed leaves no table without a state.

extension Repository {
    /// The history of an incarnation that is not stored yet: the next of its name.
    public func plannedTable(
        name: String, schema: KeySchema, arn: String, serviceID: String
    ) throws(VarveError) -> TableHistory {
        try TableName.check(name)
        let ordinal = (try newestTable(name)?.record.ordinal).map { $0 + 1 } ?? 0
        let record = TableRecord(
            name: name, ordinal: ordinal, arn: arn, serviceID: serviceID, created: now(),
            keySchema: schema)
        // Before any row is read: the parser of rows relies on it.
        do throws(VarveError) {
            try record.check()
        } catch {
            throw VarveError(.invalidInput, error.message, at: error.location)
        }
        return TableHistory(
            id: TableID(repository: configuration.id, name: name, ordinal: ordinal),
            record: record, layoutNumber: 0, layout: nil, commits: [], backups: [],
            blobs: blobs)
    }

    /// Stores the record of a planned table.
    /// - Throws: `conflict` if another writer made it meanwhile.
    public func storeTable(_ history: TableHistory) throws(VarveError) {
        do {
            try store.create(ObjectName.table(history.id).path, try history.record.seal())
        } catch let error where error.code == .exists {
            throw VarveError(
                .conflict,
                "another writer has just made the table '\(history.record.name)'; run this again")
        }
    }
}
