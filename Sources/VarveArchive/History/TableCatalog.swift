public import VarveBytes
public import VarveFormat
public import VarveModel
import VarveStorage

// Which tables a repository has.

/// What tables and their histories are read for. Source: Spec 11, Damage.
public enum HistoryPurpose: Sendable {
    /// To restore and to look: what is sound is told, and with it what is not.
    case reading
    /// To build on it, or to free what nothing needs: anything damaged is an error.
    case writing
    /// To lay it out anew: as for writing, but as if it ended after the commit with which more than
    /// so many checkpoints are not covered, and without its backups. The newest commit and the next
    /// are read in any case.
    case compacting(checkpointsMax: Int)

    /// Whether anything damaged is an error.
    var isStrict: Bool {
        if case .reading = self { return false }
        return true
    }
}

/// The incarnations of tables that a repository has.
public struct TableCatalog: Sendable {
    public typealias Entry = (id: TableID, record: TableRecord)

    /// By name and incarnation.
    public var tables: [Entry] = []
    /// Table records that cannot be read, or are missing though their table has a history.
    public var damage: [VarveError] = []
}

extension Repository {
    /// Every incarnation of every table.
    /// - Throws: `damaged` and what reading throws; for reading only what the listing throws.
    /// - Complexity: one listing and one read a table.
    public func catalog(for purpose: HistoryPurpose) throws(VarveError) -> TableCatalog {
        var catalog = TableCatalog()
        var recorded: Set<TableID> = []
        var used: Set<TableID> = []
        for entry in try store.list(ObjectName.tablesPrefix) {
            switch ObjectName(path: entry.name) {
            case .table(let id)?: recorded.insert(id)
            case .commit(let id, _)?, .layout(let id, _)?, .backup(let id, _)?: used.insert(id)
            default: continue
            }
        }
        for id in recorded.union(used).sorted() {
            do throws(VarveError) {
                if let record = try tableRecordIfPresent(id) {
                    catalog.tables.append((id, record))
                } else if used.contains(id) {
                    throw Self.missingRecord(of: id)
                }
            } catch {
                if purpose.isStrict { throw error.asDamage }
                catalog.damage.append(error.asDamage)
            }
        }
        catalog.tables.sort {
            ($0.record.name, $0.record.ordinal) < ($1.record.name, $1.record.ordinal)
        }
        return catalog
    }

    /// Every incarnation of every table, by name and incarnation.
    /// - Throws: `damaged` if one cannot be read.
    public func tables() throws(VarveError) -> [TableCatalog.Entry] {
        try catalog(for: .writing).tables
    }

    /// A table's record; nil if there is none.
    private func tableRecordIfPresent(_ id: TableID) throws(VarveError) -> TableRecord? {
        let name = ObjectName.table(id).path
        guard let bytes = try store.readIfPresent(name) else { return nil }
        let record = try TableRecord(sealed: bytes, name: name)
        if record.id(in: configuration.id) != id {
            throw VarveError(
                .damaged, "the table record is of another table, '\(record.name)'", at: name)
        }
        return record
    }

    private static func missingRecord(of id: TableID) -> VarveError {
        VarveError(
            .damaged, "the table record is missing, but the table has commits or backups",
            at: ObjectName.table(id).path)
    }

    /// The newest incarnation of a table name; nil if there is none.
    /// - Throws: as `incarnations`.
    public func newestTable(
        _ name: String, for purpose: HistoryPurpose = .writing
    ) throws(VarveError) -> TableCatalog.Entry? {
        try incarnations(of: name, for: purpose).last
    }

    /// The incarnations of a table name, from the first.
    /// - Throws: `damaged` if the newest one's record is, or is missing; for writing also if an
    ///   older one's is.
    public func incarnations(
        of name: String, for purpose: HistoryPurpose = .writing
    ) throws(VarveError) -> [TableCatalog.Entry] {
        var found: [TableCatalog.Entry] = []
        var failure: VarveError?
        var ordinal: UInt64 = 0
        while true {
            do throws(VarveError) {
                if let entry = try incarnation(ordinal, of: name) {
                    found.append(entry)
                    failure = nil
                } else if let failure {
                    throw failure
                } else {
                    return found
                }
            } catch {
                if purpose.isStrict || failure != nil { throw error.asDamage }
                failure = error
            }
            ordinal += 1
        }
    }

    /// One incarnation of a table name; nil if there is none.
    /// - Throws: `damaged` if its record is, or is missing.
    func incarnation(
        _ ordinal: UInt64, of name: String
    ) throws(VarveError) -> TableCatalog.Entry? {
        let id = TableID(repository: configuration.id, name: name, ordinal: ordinal)
        if let record = try tableRecordIfPresent(id) { return (id, record) }
        guard try isInUse(id) else { return nil }
        // Its record was written before anything else of it: look again.
        guard let record = try tableRecordIfPresent(id) else { throw Self.missingRecord(of: id) }
        return (id, record)
    }

    /// Whether anything but a record is there of a table.
    private func isInUse(_ id: TableID) throws(VarveError) -> Bool {
        try store.list("\(ObjectName.tablesPrefix)\(id)/").contains { entry in
            switch ObjectName(path: entry.name) {
            case .commit?, .layout?, .backup?: true
            default: false
            }
        }
    }

    // MARK: Making tables

    /// Records a new incarnation of a table name.
    /// - Throws: `conflict` if another writer made it at the same time.
    public func makeTable(
        name: String, schema: KeySchema, arn: String, serviceID: String
    ) throws(VarveError) -> TableHistory {
        let planned = try plannedTable(
            name: name, schema: schema, arn: arn, serviceID: serviceID)
        try storeTable(planned)
        return try history(planned.id, planned.record)
    }
}

extension VarveError {
    /// What to do about damage; the end of a message.
    static let damageAdvice =
        "; run 'varve verify' to see all that is affected, and 'varve repair' to mend it"

    /// What an object that cannot be read means to whoever builds on it.
    var asDamage: VarveError {
        guard code == .damaged || code == .notFound else { return self }
        let hint = message.contains("varve repair") ? "" : Self.damageAdvice
        return VarveError(.damaged, message + hint, at: location, cause: cause)
    }
}
