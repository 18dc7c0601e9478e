public import VarveArchive
public import VarveBytes
public import VarveEndpoints
public import VarveFormat
import VarveStorage

/// What tables were configured to be, as recorded.
public enum RecordedSettings {
    /// The newest settings of a table; nil if none are recorded.
    public static func newest(
        _ repository: Repository, _ table: TableID
    ) throws(VarveError) -> SettingsRecord? {
        guard let entry = try repository.store.list(ObjectName.settingsPrefix(of: table)).last
        else { return nil }
        return try SettingsRecord(
            sealed: try repository.store.read(entry.name), name: entry.name)
    }

    /// An object with a member for each document.
    public static func json(_ record: SettingsRecord) -> JSONValue {
        .object(
            record.documents.map { document in
                let parsed = try? JSONValue.parse(Array(document.json.utf8).raw)
                return JSONValue.Member(document.kind, parsed ?? .string(document.json))
            })
    }
}
