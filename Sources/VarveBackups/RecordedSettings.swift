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
        return try read(repository, entry.name)
    }

    /// The settings at an instant: those with the greatest time up to it, or else the first.
    /// Source: Spec 09, Settings.
    static func valid(
        _ repository: Repository, _ table: TableID, at instant: Instant
    ) throws(VarveError) -> SettingsRecord? {
        var found: SettingsRecord?
        var least: SettingsRecord?
        for entry in try repository.store.list(ObjectName.settingsPrefix(of: table)) {
            let record = try read(repository, entry.name)
            if record.time < least?.time ?? .max { least = record }
            if record.time <= instant.microseconds, record.time >= found?.time ?? .min {
                found = record
            }
        }
        return found ?? least
    }

    private static func read(
        _ repository: Repository, _ name: String
    ) throws(VarveError) -> SettingsRecord {
        try SettingsRecord(sealed: try repository.store.read(name), name: name)
    }

    /// The documents that this version understands.
    static func documents(_ record: SettingsRecord) throws(VarveError) -> TableSettings {
        var known: [SettingsDocument] = []
        for document in record.documents {
            guard let kind = SettingsDocument.Kind(rawValue: document.kind) else { continue }
            known.append(SettingsDocument(kind: kind, text: document.json))
        }
        return try TableSettings(documents: known)
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
