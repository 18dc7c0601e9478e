public import VarveBytes
public import VarveFormat

/// What a copy brought.
public struct CopyReport: Sendable {
    /// What was brought of one incarnation of a table.
    public struct Table: Sendable {
        public var name: String
        public var id: TableID
        /// Whether the target did not have the table before.
        public var isNew = false
        public var commits = 0
        /// Whether the source's newest layout was taken.
        public var takesLayout = false
        public var settings = 0
        /// Retention records.
        public var retention = 0
        /// Backups brought, by instant.
        public var backups: [BackupRecord] = []
        /// Backups of the source whose states the target has pruned; they are left out.
        public var leftOut: [BackupRecord] = []
        /// Blobs brought in packs, and their stored bytes.
        public var blobs = 0
        public var blobBytes: UInt64 = 0
        /// The last commit that both have now.
        public var head: Hash256?
        /// Why the table could not be brought: if `isCut`, from a commit on; else not at all.
        public var failure: VarveError?
        /// Backups of the source whose states could not be brought for that.
        public var lacking: [BackupRecord] = []

        init(_ id: TableID, name: String) {
            self.id = id
            self.name = name
        }

        /// Whether the source could give only a part of what is new.
        public var isCut: Bool {
            failure != nil
                && (isNew || commits > 0 || takesLayout || settings > 0 || retention > 0
                    || !backups.isEmpty)
        }

        /// Whether there was nothing to bring.
        public var isUpToDate: Bool {
            !isNew && commits == 0 && !takesLayout && settings == 0 && retention == 0
                && backups.isEmpty && failure == nil
        }
    }

    public var isDryRun = false
    /// Whether the target was made, or its configuration replaced, by this copy.
    public var madeTarget = false
    /// By name and incarnation.
    public internal(set) var tables: [Table] = []
    /// What of the source cannot be read, beside the tables that are told above.
    public internal(set) var damage: [VarveError] = []

    /// Whether there was nothing to bring.
    public var isUpToDate: Bool { damage.isEmpty && tables.allSatisfy { $0.isUpToDate } }
    /// Whether everything was brought.
    public var isComplete: Bool { damage.isEmpty && tables.allSatisfy { $0.failure == nil } }
}

/// How far a copy is.
public struct CopyProgress: Sendable, Hashable {
    public var table: String
    /// Blobs looked up or brought so far.
    public var blobs: Int
    /// Stored bytes brought so far.
    public var bytes: UInt64
}
