import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel

/// What is known of a table before its backup: by arguments, the source, or settings.
struct TableDescription: Sendable {
    var name: String
    /// From arguments or settings.
    var schema: KeySchema?
    var arn: String?
    var serviceID: String?
}

/// Which incarnation of a table a copy belongs to.
struct TableResolution {
    var history: TableHistory
    /// Whether its record must still be stored.
    var isPlanned: Bool
    var warnings: [String] = []

    /// Finds the incarnation that the copy's TableId says, or else the newest; or plans a new one
    /// if the copy is of another table with the same name: another TableId, or another key schema.
    /// - Parameter choice: incarnations that were asked for by more than a name.
    /// - Throws: `invalidInput` if the table is new and its key attributes are not known; `refused`
    ///   if the copy is of a table with another ARN, or with another key though nothing says that
    ///   it has another TableId, unless `force`.
    init(
        _ repository: Repository, _ table: TableDescription, in choice: TableChoice? = nil,
        force: Bool
    ) throws(VarveError) {
        let entries: [TableCatalog.Entry]
        if let choice {
            entries = choice.entries
        } else {
            entries = try repository.incarnations(of: table.name)
        }
        guard let (found, isNewest) = Self.incarnation(serviceID: table.serviceID, entries) else {
            history = try Self.plan(repository, table, schema: table.schema)
            isPlanned = true
            return
        }
        let record = found.record
        if let id = table.serviceID, !record.serviceID.isEmpty, id != record.serviceID,
            choice?.entries.count == 1
        {
            throw VarveError(
                .refused,
                "\(record.title) has the TableId \(record.serviceID), and this copy is of \(id); "
                    + "give the table's name alone")
        }
        if let arn = table.arn, !record.arn.isEmpty, arn != record.arn, !force {
            throw VarveError(
                .refused,
                "the repository's table \(table.name) is \(record.arn), and this copy is of "
                    + "\(arn); give it another name, or use --force if both are one table")
        }
        var reason: String?
        if let id = table.serviceID, !record.serviceID.isEmpty, id != record.serviceID {
            reason = "its TableId is \(id), and was \(record.serviceID)"
        } else if let schema = table.schema, schema != record.keySchema {
            let known = KeyDefinition.text(record.keySchema)
            reason = "its key is \(KeyDefinition.text(schema)), and was \(known)"
            // Any attribute that all items have would do as a key: it may be a slip of the pen.
            if !force, try !repository.history(found.id, record).isEmpty {
                throw VarveError(
                    .refused,
                    "the key of table \(table.name) is \(known), and this copy's is said to be "
                        + "\(KeyDefinition.text(schema)); leave --partition-key and --sort-key "
                        + "out to use the known one, or, if the table was deleted and made again, "
                        + "begin a new history with --force")
            }
        }
        if let reason {
            history = try Self.plan(
                repository, table, schema: table.schema ?? record.keySchema)
            isPlanned = true
            warnings = [
                "this is another table than the one of that name so far (\(reason)); "
                    + "a new history begins, the old one stays"
            ]
        } else {
            history = try repository.history(found.id, record)
            isPlanned = false
            if !isNewest {
                warnings = [
                    "this copy is of an older incarnation of the table: it goes to \(record.title)"
                ]
            }
        }
    }

    /// The newest of those with a TableId; the newest of all if none has it. Nil if there is none.
    static func incarnation(
        serviceID: String?, _ entries: [TableCatalog.Entry]
    ) -> (entry: TableCatalog.Entry, isNewest: Bool)? {
        guard let newest = entries.last else { return nil }
        if let serviceID, !serviceID.isEmpty,
            let entry = entries.last(where: { $0.record.serviceID == serviceID })
        {
            return (entry, entry.id == newest.id)
        }
        return (newest, true)
    }

    private static func plan(
        _ repository: Repository, _ table: TableDescription, schema: KeySchema?
    ) throws(VarveError) -> TableHistory {
        guard let schema else {
            throw VarveError(
                .invalidInput,
                "table \(table.name) is new to the repository: give its key attributes with "
                    + "--partition-key NAME:TYPE and, if it has one, --sort-key NAME:TYPE")
        }
        return try repository.plannedTable(
            name: table.name, schema: schema, arn: table.arn ?? "",
            serviceID: table.serviceID ?? "")
    }
}
