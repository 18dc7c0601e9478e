import VarveArchive
import VarveBytes
import VarveEndpoints
import VarveFormat
import VarveModel

/// What the service's own commands print of a table, read from files: `aws dynamodb describe-table`
/// and the like.
struct SettingsFiles {
    private(set) var documents: [SettingsRecord.Document] = []
    private var table: JSONValue?

    /// Which member tells a command's output.
    private static let kinds = [
        ("Table", "DescribeTable"),
        ("ContinuousBackupsDescription", "DescribeContinuousBackups"),
        ("TimeToLiveDescription", "DescribeTimeToLive"),
        ("Tags", "ListTagsOfResource"),
    ]

    /// - Throws: `notFound`; `invalidInput` if a file is none of those outputs, or two are of one kind.
    init(_ paths: [String]) throws(VarveError) {
        for path in paths {
            let bytes = try FileDescriptor(reading: path).readAll()
            let value: JSONValue
            do {
                value = try JSONValue.parse(bytes.raw)
            } catch {
                throw error.located(in: path)
            }
            guard let kind = Self.kinds.first(where: { value[$0.0] != nil }) else {
                throw VarveError(
                    .invalidInput,
                    "this is not what aws dynamodb describe-table, describe-continuous-backups, "
                        + "describe-time-to-live or list-tags-of-resource print", at: path)
            }
            if documents.contains(where: { $0.kind == kind.1 }) {
                throw VarveError(
                    .invalidInput, "another file holds the output of \(kind.1) already", at: path)
            }
            documents.append(.init(kind: kind.1, json: value.compactText))
            if kind.0 == "Table" { table = value["Table"] }
        }
        documents.sort { $0.kind.utf8.lexicographicallyPrecedes($1.kind.utf8) }
    }

    var arn: String? { table?["TableArn"]?.string }
    var serviceID: String? { table?["TableId"]?.string }

    /// The key attributes, if the table's description is there and says them.
    var schema: KeySchema? {
        guard let keys = table?["KeySchema"]?.array, let types = table?["AttributeDefinitions"]?.array
        else { return nil }
        func attribute(_ role: String) -> KeyAttribute? {
            guard let name = keys.first(where: { $0["KeyType"]?.string == role })?["AttributeName"]?
                .string,
                let type = types.first(where: { $0["AttributeName"]?.string == name })?[
                    "AttributeType"]?.string
            else { return nil }
            let known = [AttributeType.string, .number, .binary].first { $0.name == type }
            return known.map { KeyAttribute(name: name, type: $0) }
        }
        return attribute("HASH").map { KeySchema(partition: $0, sort: attribute("RANGE")) }
    }

    /// Stores the documents as valid from an instant on, with those of other kinds that the newest
    /// settings hold, unless they hold them all already.
    /// - Returns: whether an object was stored.
    func store(
        in repository: Repository, table: TableID, from instant: Instant
    ) throws(VarveError) -> Bool {
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
