public import VarveArchive
public import VarveEndpoints
public import VarveFormat
public import VarveModel

/// A full copy of a table that is to be archived, under a name.
public struct FullBackupRequest: Sendable {
    public var table: String
    /// A file, an export's directory, or `-` for standard input.
    public var source: String
    public var sourceOptions = SourceOptions()
    /// The backup's name.
    public var name: String
    /// The table's key attributes; nil: as the settings or the repository know them.
    public var schema: KeySchema?
    /// The copy's instant; nil: as the source says, or else now.
    public var instant: Instant?
    /// Files with what the service's own commands print of the table.
    public var settingsFiles: [String] = []
    /// How long the backup is promised to be kept, in microseconds; nil: until it is deleted.
    public var keepFor: Int64?
    /// Allow what looks like a mistake.
    public var force = false

    public init(table: String, source: String, name: String) {
        self.table = table
        self.source = source
        self.name = name
    }
}

/// What came of a full backup.
public struct FullBackupReport: Sendable {
    public var table: TableHistory
    /// Whether the table, or this incarnation of it, is new to the repository.
    public var isNewTable: Bool
    public var backup: BackupRecord
    public var outcome: FullBackup.Outcome
    public var facts: SourceFacts
    /// Where the rows were not in key order, they were sorted.
    public var wasSorted: Bool
    /// Whether a new settings object was stored.
    public var storedSettings: Bool
    public var warnings: [String]
    /// Wall-clock time.
    public var microseconds: Int64
}
