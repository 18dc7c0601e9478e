public import VarveBytes
public import VarveModel

/// One of AWS's descriptions of a table, as a document that is kept.
public struct SettingsDocument: Sendable, Hashable {
    /// Which operation answers with it.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case describeTable = "DescribeTable"
        case describeTimeToLive = "DescribeTimeToLive"
        case listTagsOfResource = "ListTagsOfResource"
        case describeContinuousBackups = "DescribeContinuousBackups"

        /// The member of the answer that holds it.
        var memberName: String {
            switch self {
            case .describeTable: "Table"
            case .describeTimeToLive: "TimeToLiveDescription"
            case .listTagsOfResource: "Tags"
            case .describeContinuousBackups: "ContinuousBackupsDescription"
            }
        }
    }

    public let kind: Kind
    /// The answer as JSON without white space, `{"Table":{…}}`.
    public let text: String

    public init(kind: Kind, text: String) {
        self.kind = kind
        self.text = text
    }
}

/// A table's settings beside its items: what `aws dynamodb describe-table` and its sisters print.
public struct TableSettings: Sendable, Hashable {
    /// At most one of each kind.
    public private(set) var documents: [SettingsDocument] = []
    private var values: [SettingsDocument.Kind: JSONValue] = [:]

    public init() {}

    /// Reads documents kept before.
    public init(documents: [SettingsDocument]) throws(VarveError) {
        for document in documents {
            try add(Array(document.text.utf8).raw, at: document.kind.rawValue)
        }
    }

    /// Adds what a file holds, which `aws dynamodb describe-table`, `describe-time-to-live`,
    /// `list-tags-of-resource` or `describe-continuous-backups` printed.
    /// - Throws: `invalidInput` if it is something else, or of a kind that is there already.
    public mutating func add(contentsOf path: String) throws(VarveError) {
        let file = try FileDescriptor(reading: path)
        guard try file.metadata().size <= 16 << 20 else {
            throw VarveError(.invalidInput, "this is too large for a table's settings", at: path)
        }
        let bytes = try file.readAll()
        try add(bytes.raw, at: path)
    }

    /// Adds a document; an error names `place`.
    public mutating func add(_ bytes: RawSpan, at place: String) throws(VarveError) {
        let value = try JSONValue.parse(bytes, at: place)
        if let token = value["NextToken"], token != .null {
            throw VarveError(
                .invalidInput, "the list goes on: NextToken is not null; fetch all of it", at: place
            )
        }
        var isKnown = false
        for kind in SettingsDocument.Kind.allCases {
            guard let member = value[kind.memberName] else { continue }
            isKnown = true
            guard values[kind] == nil else {
                throw VarveError(
                    .invalidInput, "there are two documents of \(kind.rawValue)", at: place)
            }
            try Self.check(kind, member, at: place)
            values[kind] = member
            let whole = JSONValue.object([JSONValue.Member(kind.memberName, member)])
            documents.append(SettingsDocument(kind: kind, text: whole.compactText))
        }
        if !isKnown {
            throw VarveError(
                .invalidInput,
                "these are no settings: understood is what aws dynamodb describe-table, "
                    + "describe-time-to-live, list-tags-of-resource and "
                    + "describe-continuous-backups print", at: place)
        }
    }

    private static func check(
        _ kind: SettingsDocument.Kind, _ member: JSONValue, at place: String
    ) throws(VarveError) {
        if kind == .describeTable { _ = try keySchema(of: member, at: place) }
        if kind == .listTagsOfResource, member.array == nil {
            throw VarveError(.invalidInput, "Tags is not a list", at: place)
        }
    }

    /// The description of a kind, without the member around it.
    func value(_ kind: SettingsDocument.Kind) -> JSONValue? { values[kind] }

    // MARK: - What is in it

    /// The table's key attributes, if the table is described.
    public var keySchema: KeySchema? {
        guard let table = values[.describeTable] else { return nil }
        // It was checked when it was taken in.
        return try? Self.keySchema(of: table, at: "")
    }

    public var tableName: String? { values[.describeTable]?["TableName"]?.string }
    public var tableARN: String? { values[.describeTable]?["TableArn"]?.string }
    public var tableID: String? { values[.describeTable]?["TableId"]?.string }

    private static func keySchema(
        of table: JSONValue, at place: String
    ) throws(VarveError) -> KeySchema {
        var types: [String: AttributeType] = [:]
        for definition in table["AttributeDefinitions"]?.array ?? [] {
            guard let name = definition["AttributeName"]?.string,
                let type = keyTypes[definition["AttributeType"]?.string ?? ""]
            else {
                throw VarveError(.invalidInput, "an attribute definition is malformed", at: place)
            }
            types[name] = type
        }
        var partition: KeyAttribute?
        var sort: KeyAttribute?
        for element in table["KeySchema"]?.array ?? [] {
            guard let name = element["AttributeName"]?.string, let type = types[name] else {
                throw VarveError(
                    .invalidInput, "a key attribute has no AttributeDefinitions entry", at: place)
            }
            switch element["KeyType"]?.string {
            case "HASH" where partition == nil: partition = KeyAttribute(name: name, type: type)
            case "RANGE" where sort == nil: sort = KeyAttribute(name: name, type: type)
            default: throw VarveError(.invalidInput, "the key schema is malformed", at: place)
            }
        }
        guard let partition else {
            throw VarveError(.invalidInput, "the description has no partition key", at: place)
        }
        return KeySchema(partition: partition, sort: sort)
    }

    private static let keyTypes: [String: AttributeType] = [
        "S": .string, "N": .number, "B": .binary,
    ]
}
