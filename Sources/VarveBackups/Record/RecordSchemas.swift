import Synchronization
import VarveArchive
import VarveBytes
import VarveEndpoints
import VarveFormat
import VarveModel

/// Key attributes of the tables that are recorded: of those in the repository, of settings, of
/// arguments.
///
/// Sendable: the answers found so far are behind a lock; parsers ask from several threads.
final class RecordSchemas: Sendable {
    private let repository: Repository
    private let request: RecordRequest
    /// Incarnations that were asked for by more than a name.
    private let choice: TableChoice?
    private let settings: [String: TableSettings]
    private let known = Mutex<[String: KeySchema]>([:])

    init(
        _ repository: Repository, _ request: RecordRequest, in choice: TableChoice?
    ) throws(VarveError) {
        self.repository = repository
        self.request = request
        self.choice = choice
        var settings: [String: TableSettings] = [:]
        if let table = request.table {
            let all = try TableSettings(files: request.settingsFiles)
            try all.check(key: request.schema)
            if !all.documents.isEmpty { settings[table] = all }
        } else {
            for path in request.settingsFiles {
                var one = TableSettings()
                try one.add(contentsOf: path)
                guard let name = one.tableName else {
                    throw VarveError(
                        .invalidInput,
                        "with several tables, only what describe-table prints can be used: it says "
                            + "of which table it is", at: path)
                }
                settings[name] = one
            }
        }
        self.settings = settings
    }

    /// The incarnations that a request means which does not name its table; it gets the name.
    static func choice(
        for request: inout RecordRequest, _ repository: Repository
    ) throws(VarveError) -> TableChoice? {
        guard let text = request.table, !TableName.isValid(text) else { return nil }
        let choice = try FullBackupOperation.existing(text, repository)
        request.table = choice.newest.record.name
        return choice
    }

    /// The TableId of exports among the sources, if one tells it.
    static func serviceID(_ sources: [ChangeInput]) -> String? {
        for source in sources {
            if case .export(let window) = source.kind, let id = window.tableID { return id }
        }
        return nil
    }

    func settings(of table: String) -> TableSettings? { settings[table] }

    /// A table's key attributes; nil if nobody knows them.
    func schema(of table: String) throws(VarveError) -> KeySchema? {
        if let schema = known.withLock({ $0[table] }) { return schema }
        guard TableName.isValid(table) else {
            throw VarveError(.invalidInput, "'\(table.prefix(300))' is no name of a table")
        }
        let stored = try incarnation(of: table)?.record.keySchema
        guard let schema = stored ?? settings[table]?.keySchema ?? request.schema else {
            return nil
        }
        known.withLock { $0[table] = schema }
        return schema
    }

    /// A table that is recorded has the key attributes of its incarnation.
    func note(_ record: TableRecord) {
        known.withLock { $0[record.name] = record.keySchema }
    }

    /// The incarnation that the TableId of the settings, or of an export, says; else the newest.
    /// Nil if there is none of that name.
    /// - Throws: `refused` if the changes are of an incarnation that the repository does not have.
    func incarnation(
        of table: String, serviceID: String? = nil
    ) throws(VarveError) -> TableCatalog.Entry? {
        let wanted = settings[table]?.tableID ?? serviceID
        let entries: [TableCatalog.Entry]
        if let choice, choice.newest.record.name == table {
            entries = choice.entries
        } else {
            entries = try repository.incarnations(of: table)
        }
        guard let found = TableResolution.incarnation(serviceID: wanted, entries)?.entry else {
            return nil
        }
        try Self.check(found.record, serviceID: wanted)
        return found
    }

    /// Refuses changes of another incarnation than a table's.
    static func check(_ record: TableRecord, serviceID: String?) throws(VarveError) {
        guard let serviceID, !serviceID.isEmpty, !record.serviceID.isEmpty,
            serviceID != record.serviceID
        else { return }
        throw VarveError(
            .refused,
            "\(record.title) has the TableId \(record.serviceID), and these changes are of "
                + "\(serviceID), another table of that name; record each by itself, and begin the "
                + "history of a new one with a full copy (varve backup \(record.name) COPY)")
    }

    /// - Throws: `invalidInput` if nobody knows the key attributes.
    func required(_ table: String) throws(VarveError) -> KeySchema {
        if let schema = try schema(of: table) { return schema }
        throw VarveError(
            .invalidInput,
            "table \(table) is new to the repository: give its key attributes with "
                + "--partition-key NAME:TYPE and, if it has one, --sort-key NAME:TYPE")
    }

    /// Refuses a table that has other key attributes than those given.
    func check(_ record: TableRecord) throws(VarveError) {
        let given = request.table == nil ? nil : request.schema
        let described = settings[record.name]?.keySchema
        guard let expected = given ?? described, expected != record.keySchema else { return }
        throw VarveError(
            .refused,
            "the repository's table \(record.name) has the key "
                + "\(KeyDefinition.text(record.keySchema)), not \(KeyDefinition.text(expected)); "
                + "record another table under another name")
    }
}
