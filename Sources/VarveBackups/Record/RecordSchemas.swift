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
    private let settings: [String: TableSettings]
    private let known = Mutex<[String: KeySchema]>([:])

    init(_ repository: Repository, _ request: RecordRequest) throws(VarveError) {
        self.repository = repository
        self.request = request
        var settings: [String: TableSettings] = [:]
        if let table = request.table {
            let all = try TableSettings(files: request.settingsFiles)
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

    func settings(of table: String) -> TableSettings? { settings[table] }

    /// A table's key attributes; nil if nobody knows them.
    func schema(of table: String) throws(VarveError) -> KeySchema? {
        if let schema = known.withLock({ $0[table] }) { return schema }
        guard TableName.isValid(table) else {
            throw VarveError(.invalidInput, "'\(table.prefix(300))' is no name of a table")
        }
        let stored = try repository.newestTable(table)?.record.keySchema
        guard let schema = stored ?? settings[table]?.keySchema ?? request.schema else {
            return nil
        }
        known.withLock { $0[table] = schema }
        return schema
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
