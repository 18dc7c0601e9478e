public import VarveBytes

/// The name of an object of a repository. Source: Spec 02.
///
/// `path` and `init(path:)` are inverse: a name has one spelling, and what does not fit is no name.
public enum ObjectName: Hashable, Sendable {
    case configuration
    /// Slots 0 … 99.
    case keySlot(UInt8)
    case pack(Hash256)
    case index(Hash256)
    case table(TableID)
    case commit(TableID, sequence: UInt64)
    /// Layouts are numbered from 1.
    case layout(TableID, number: UInt64)
    case settings(TableID, ordinal: UInt64)
    case retention(TableID, ordinal: UInt64)
    case backup(TableID, BackupID)
    case lease(TableID)
    case intent(WriterID)
    case condemned(ordinal: UInt64)

    /// The name as the store knows it.
    public var path: String {
        switch self {
        case .configuration: return "config"
        case .keySlot(let slot):
            precondition(slot < 100)
            return Self.keySlotsPrefix + (slot < 10 ? "0" : "") + String(slot)
        case .pack(let name):
            let digits = name.description
            return "\(Self.packsPrefix)\(digits.prefix(2))/\(digits)"
        case .index(let name): return "\(Self.indexesPrefix)\(name)"
        case .table(let table): return "\(Self.tablesPrefix)\(table)/table"
        case .commit(let table, let sequence):
            return Self.commitsPrefix(of: table) + Self.digits(sequence)
        case .layout(let table, let number):
            precondition(number >= 1)
            return Self.layoutsPrefix(of: table) + Self.digits(number)
        case .settings(let table, let ordinal):
            return Self.settingsPrefix(of: table) + Self.digits(ordinal)
        case .retention(let table, let ordinal):
            return Self.retentionPrefix(of: table) + Self.digits(ordinal)
        case .backup(let table, let backup): return "\(Self.backupsPrefix(of: table))\(backup)"
        case .lease(let table): return "\(Self.tablesPrefix)\(table)/lease"
        case .intent(let writer): return "\(Self.intentsPrefix)\(writer)"
        case .condemned(let ordinal): return Self.condemnedPrefix + Self.digits(ordinal)
        }
    }

    /// Sixteen hexadecimal digits, so that names and numbers have one order.
    static func digits(_ value: UInt64) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: 16 - text.utf8.count) + text
    }
}

// MARK: - Prefixes for listings

extension ObjectName {
    public static let keySlotsPrefix = "keys/"
    public static let packsPrefix = "packs/"
    public static let indexesPrefix = "indexes/"
    public static let tablesPrefix = "tables/"
    public static let intentsPrefix = "intents/"
    public static let condemnedPrefix = "condemned/"
    /// Those that every repository comes to need.
    public static let prefixes = [packsPrefix, indexesPrefix, tablesPrefix, intentsPrefix]

    public static func commitsPrefix(of table: TableID) -> String {
        "\(tablesPrefix)\(table)/commits/"
    }
    public static func layoutsPrefix(of table: TableID) -> String {
        "\(tablesPrefix)\(table)/layouts/"
    }
    public static func settingsPrefix(of table: TableID) -> String {
        "\(tablesPrefix)\(table)/settings/"
    }
    public static func retentionPrefix(of table: TableID) -> String {
        "\(tablesPrefix)\(table)/retention/"
    }
    public static func backupsPrefix(of table: TableID) -> String {
        "\(tablesPrefix)\(table)/backups/"
    }
}

// MARK: - Parsing

extension ObjectName {
    /// Nil for what is no object's name: readers ignore it.
    public init?(path: String) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        switch (parts[0], parts.count) {
        case ("config", 1): self = .configuration
        case ("keys", 2):
            guard parts[1].utf8.count == 2, parts[1].utf8.allSatisfy(Self.isDecimal),
                let slot = UInt8(parts[1])
            else { return nil }
            self = .keySlot(slot)
        case ("packs", 3):
            guard let name = Hash256(hexadecimal: parts[2]), parts[1] == parts[2].prefix(2)
            else { return nil }
            self = .pack(name)
        case ("indexes", 2):
            guard let name = Hash256(hexadecimal: parts[1]) else { return nil }
            self = .index(name)
        case ("tables", 3...4):
            guard let table = TableID(hexadecimal: parts[1]) else { return nil }
            self.init(table: table, rest: Array(parts[2...]))
        case ("intents", 2):
            guard let writer = WriterID(hexadecimal: parts[1]) else { return nil }
            self = .intent(writer)
        case ("condemned", 2):
            guard let ordinal = Self.number(parts[1]) else { return nil }
            self = .condemned(ordinal: ordinal)
        default: return nil
        }
    }

    private init?(table: TableID, rest: [String]) {
        if rest.count == 1 {
            switch rest[0] {
            case "table": self = .table(table)
            case "lease": self = .lease(table)
            default: return nil
            }
            return
        }
        if rest[0] == "backups" {
            guard let backup = BackupID(hexadecimal: rest[1]) else { return nil }
            self = .backup(table, backup)
            return
        }
        guard let number = Self.number(rest[1]) else { return nil }
        switch rest[0] {
        case "commits": self = .commit(table, sequence: number)
        case "layouts":
            if number == 0 { return nil }
            self = .layout(table, number: number)
        case "settings": self = .settings(table, ordinal: number)
        case "retention": self = .retention(table, ordinal: number)
        default: return nil
        }
    }

    private static func isDecimal(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    /// Sixteen hexadecimal digits of lower case; a number that can be counted on from.
    private static func number(_ text: String) -> UInt64? {
        guard text.utf8.count == 16, [UInt8](hexadecimal: text) != nil else { return nil }
        return UInt64(text, radix: 16).flatMap { $0 <= RecordRules.numberMax ? $0 : nil }
    }
}
