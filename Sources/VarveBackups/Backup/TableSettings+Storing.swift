import VarveArchive
import VarveBytes
import VarveEndpoints
import VarveFormat
import VarveStorage

extension TableSettings {
    /// Reads what the service's own commands print of a table from files.
    init(files: [String]) throws(VarveError) {
        self.init()
        for path in files { try add(contentsOf: path) }
    }

    /// The documents as they are stored, ascending by kind.
    private var records: [SettingsRecord.Document] {
        documents.map { SettingsRecord.Document(kind: $0.kind.rawValue, json: $0.text) }
            .sorted { $0.kind.utf8.lexicographicallyPrecedes($1.kind.utf8) }
    }

    /// Stores the documents as valid from an instant on, with those of other kinds that the newest
    /// settings hold, unless they hold them all already.
    /// - Returns: whether an object was stored.
    func store(
        in repository: Repository, table: TableID, from instant: Instant
    ) throws(VarveError) -> Bool {
        let documents = records
        if documents.isEmpty { return false }
        while true {
            var ordinal: UInt64 = 0
            var merged = documents
            let entries = try repository.store.list(ObjectName.settingsPrefix(of: table))
            if let entry = entries.last,
                case .settings(_, let last)? = ObjectName(path: entry.name)
            {
                let newest = try SettingsRecord(
                    sealed: try repository.store.read(entry.name), name: entry.name)
                let kinds = Set(documents.map(\.kind))
                merged += newest.documents.filter { !kinds.contains($0.kind) }
                merged.sort { $0.kind.utf8.lexicographicallyPrecedes($1.kind.utf8) }
                if merged == newest.documents { return false }
                guard last < .max else {
                    throw VarveError(
                        .damaged, "the settings' number is the greatest that there is",
                        at: entry.name)
                }
                ordinal = last + 1
            }
            let record = SettingsRecord(time: instant.microseconds, documents: merged)
            let name = ObjectName.settings(table, ordinal: ordinal).path
            do {
                try repository.store.create(name, try record.seal())
                return true
            } catch let error where error.code == .exists {
                // Another writer took the ordinal: look again at what it stored.
                continue
            }
        }
    }
}
