public import VarveBytes
public import VarveFormat

// How people name a table, an incarnation of it, and a backup. Source: Spec 11, Names of tables.

/// The incarnations of one table name that a text means.
public struct TableChoice: Sendable {
    /// By incarnation; at least one. If nothing else decides, the last is meant.
    public let entries: [TableCatalog.Entry]

    init(_ entries: [TableCatalog.Entry]) {
        precondition(!entries.isEmpty)
        self.entries = entries
    }

    public var newest: TableCatalog.Entry { entries[entries.count - 1] }

    /// What people and messages call one of them: `Orders`, or `Orders (2)` if there are several.
    public func title(of record: TableRecord) -> String {
        TableTitles(entries.map(\.record)).title(of: record)
    }
}

extension TableRecord {
    /// The name with the number of the incarnation, from 1: `Orders (2)`.
    public var title: String { "\(name) (\(ordinal &+ 1))" }
}

/// What listings call tables: by their names alone, unless a name has several incarnations.
public struct TableTitles: Sendable {
    private let ambiguous: Set<String>

    public init(_ records: [TableRecord]) {
        ambiguous = Set(records.filter { $0.ordinal > 0 }.map(\.name))
    }

    public func title(of record: TableRecord) -> String {
        ambiguous.contains(record.name) ? record.title : record.name
    }
}

/// The beginning of an id, as people write it.
enum AbbreviatedID {
    /// Fewer digits name nothing.
    static let digitsMin = 2

    static func isPossible(_ text: String) -> Bool {
        text.utf8.count >= digitsMin && isHexadecimal(text)
    }

    /// For messages: that it is too short; empty if it is not, or is no id.
    static func hint(_ text: String) -> String {
        if text.isEmpty || text.utf8.count >= digitsMin || !isHexadecimal(text) { return "" }
        return "; of an id at least \(digitsMin) digits are needed"
    }

    private static func isHexadecimal(_ text: String) -> Bool {
        text.utf8.allSatisfy { Character(Unicode.Scalar($0)).isHexDigit }
    }
}

extension Repository {
    /// Finds a table by its name, by its name and incarnation (`Orders (1)`), by its id or the
    /// beginning of it, by its ARN, or by the service's TableId. A name means all incarnations.
    /// - Throws: `notFound`, naming the tables that there are; `ambiguous`; `damaged`.
    /// - Complexity: one read an incarnation; if it is no name, one a table.
    public func tableChoice(
        _ text: String, for purpose: HistoryPurpose = .reading
    ) throws(VarveError) -> TableChoice {
        if TableName.isValid(text) {
            let named = try incarnations(of: text, for: purpose)
            if !named.isEmpty { return TableChoice(named) }
        }
        if let (name, ordinal) = Self.incarnation(text),
            let entry = try incarnation(ordinal, of: name)
        {
            return TableChoice([entry])
        }
        let tables = try catalog(for: .reading).tables
        var found = tables.filter {
            !text.isEmpty && ($0.record.arn == text || $0.record.serviceID == text)
        }
        var isUnique = Set(found.map(\.record.name)).count == 1
        if found.isEmpty, AbbreviatedID.isPossible(text) {
            found = tables.filter { $0.id.description.hasPrefix(text.lowercased()) }
            isUnique = found.count == 1
        }
        if found.isEmpty { throw Self.unknownTable(text, tables) }
        if isUnique { return TableChoice(found) }
        let candidates = found.map { "\($0.id.description.prefix(8)) \($0.record.title)" }
        throw VarveError(
            .ambiguous,
            "'\(text)' names \(found.count) tables; use an id: "
                + candidates.joined(separator: ", "))
    }

    /// Reads `Orders (2)`.
    private static func incarnation(_ text: String) -> (name: String, ordinal: UInt64)? {
        guard text.hasSuffix(")"), let space = text.firstIndex(of: " ") else { return nil }
        let name = String(text[..<space])
        let number = text[space...].dropFirst()
        guard TableName.isValid(name), number.hasPrefix("("), number.utf8.count <= 20,
            number.dropFirst().first?.isNumber == true,
            let number = UInt64(number.dropFirst().dropLast()), number >= 1
        else { return nil }
        return (name, number - 1)
    }

    private static func unknownTable(_ text: String, _ tables: [TableCatalog.Entry]) -> VarveError {
        let titles = TableTitles(tables.map(\.record))
        let known = tables.map { titles.title(of: $0.record) }.joined(separator: ", ")
        return VarveError(
            .notFound,
            "no table '\(text)' in this repository"
                + (known.isEmpty ? "; it has none yet" : "; it has: \(known)")
                + AbbreviatedID.hint(text))
    }

    // MARK: Histories

    /// The history of the table that a text means; of several incarnations the newest; for
    /// reading the newest that has one.
    /// - Throws: as `tableChoice`; `damaged` as `incarnations` and `history` say.
    public func history(
        of text: String, for purpose: HistoryPurpose = .writing
    ) throws(VarveError) -> TableHistory {
        try history(of: try tableChoice(text, for: purpose), for: purpose)
    }

    /// The history of the newest incarnation; for reading of the newest that has one.
    public func history(
        of choice: TableChoice, for purpose: HistoryPurpose = .writing
    ) throws(VarveError) -> TableHistory {
        let newest = try history(choice.newest.id, choice.newest.record, for: purpose)
        if !newest.isEmpty || purpose.isStrict { return newest }
        // Its first backup did not come to its end.
        for entry in choice.entries.dropLast().reversed() {
            let older = try history(entry.id, entry.record, for: purpose)
            if !older.isEmpty { return older }
        }
        return newest
    }

    /// The histories of all incarnations that are meant, by incarnation.
    public func histories(
        of choice: TableChoice, for purpose: HistoryPurpose
    ) throws(VarveError) -> [TableHistory] {
        var histories: [TableHistory] = []
        for entry in choice.entries {
            histories.append(try history(entry.id, entry.record, for: purpose))
        }
        return histories
    }
}
