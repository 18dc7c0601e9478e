import VarveBytes
public import VarveFormat
public import VarveModel

extension Repository {
    /// Makes a table whose history begins empty: its record, and a commit of the empty table.
    ///
    /// A table of this name that has no commit yet, because a process died at this point, is taken.
    /// - Parameter instant: when it was empty; changes have this time or a later one.
    /// - Throws: `refused` if the table has a history, or other key attributes; `conflict` if
    ///   another writer was faster.
    public func beginHistory(
        name: String, schema: KeySchema, arn: String = "", serviceID: String = "",
        at instant: Instant, sourceKind: String = ""
    ) throws -> TableHistory {
        let history: TableHistory
        if let found = try newestTable(name) {
            guard found.record.keySchema == schema else {
                throw VarveError(
                    .refused, "the archive has a table \(name) with other key attributes")
            }
            history = try self.history(found.id, found.record)
        } else {
            history = try plannedTable(
                name: name, schema: schema, arn: arn, serviceID: serviceID)
            try storeTable(history)
        }
        let publisher = CommitPublisher(self, history: history)
        _ = try publisher.beginEmpty(at: instant, sourceKind: sourceKind)
        return try self.history(history.id, history.record)
    }
}
