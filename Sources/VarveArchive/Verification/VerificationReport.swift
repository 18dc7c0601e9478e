public import VarveBytes
public import VarveFormat

/// What a verification found: what was checked, every problem, and what the problems mean for the
/// tables and their backups.
public struct VerificationReport: Sendable {
    /// How much was checked.
    public struct Counts: Sendable, Hashable {
        public var objects: UInt64 = 0
        public var tables: UInt64 = 0
        public var commits: UInt64 = 0
        public var layouts: UInt64 = 0
        public var backups: UInt64 = 0
        public var indexes: UInt64 = 0
        /// Packs that are there, and those of them that were read.
        public var packs: UInt64 = 0
        public var packsRead: UInt64 = 0
        /// Stored bytes of the packs that are there, and of those that were read.
        public var packBytes: UInt64 = 0
        public var packBytesRead: UInt64 = 0
        /// Blobs read from packs or carried by commits and layouts; their bytes uncompressed.
        public var blobs: UInt64 = 0
        public var plainBytes: UInt64 = 0
        public var inlineBlobs: UInt64 = 0
        /// Pages of trees: index pages read, leaves found, pages decoded and encoded again.
        public var indexPages: UInt64 = 0
        public var leaves: UInt64 = 0
        public var pagesDecoded: UInt64 = 0
        /// States put together, and their items hashed.
        public var states: UInt64 = 0
        public var items: UInt64 = 0
        /// Checkpoints held to what the changes come to; items and changes read for that.
        public var statesReplayed: UInt64 = 0
        public var rowsReplayed: UInt64 = 0

        public init() {}
    }

    /// Something that is not as it must be.
    public struct Problem: Sendable, Hashable, CustomStringConvertible {
        /// The object's name, or `blob` and an id.
        public var object: String
        /// Offset in the object, if known.
        public var offset: Int?
        public var message: String

        public init(object: String, offset: Int? = nil, message: String) {
            self.object = object
            self.offset = offset
            self.message = message
        }

        public var description: String {
            offset.map { "\(object), offset \($0): \(message)" } ?? "\(object): \(message)"
        }
    }

    /// A part of a table that cannot be read.
    public struct Damage: Sendable, Hashable {
        /// The table's name; its id if the name is lost with its record.
        public var table: String
        public var tableID: TableID
        /// The image, run or record, in words; empty if pieces of the history are missing
        /// altogether.
        public var piece: String
        /// The blob that is damaged or missing, if it is one.
        public var blob: Hash256?
        /// Key after which the damage begins, as DynamoDB JSON; nil: from the first key on.
        public var afterKey: String?
        /// Last key that is damaged, as DynamoDB JSON; nil: up to the last key.
        public var throughKey: String?
        /// Backups whose state needs it; also those whose own records cannot be read.
        public var backups: [BackupID]

        /// Which keys it holds, in words.
        public var keysText: String {
            if let afterKey, afterKey == throughKey { return "the item \(afterKey)" }
            return "\(afterKey.map { "after \($0)" } ?? "from the first key") "
                + (throughKey.map { "to \($0)" } ?? "to the last key")
        }
    }

    /// What is known of a backup.
    public struct Backup: Sendable, Hashable {
        public var table: String
        public var tableID: TableID
        public var id: BackupID
        public var name: String
        public var instant: Instant
        /// Whether any damage or contradiction was found that affects it.
        public var isAffected = false
        /// Whether its state was put together and equals its digest, count and bytes.
        public var isProven = false
    }

    public internal(set) var counts = Counts()
    /// In the order in which they were found.
    public internal(set) var problems: [Problem] = []
    public internal(set) var damages: [Damage] = []
    /// Every backup that can be read at all, by table and instant.
    public internal(set) var backups: [Backup] = []

    /// Whether somebody stopped it: then not everything was checked that was to be.
    public internal(set) var isPartial = false

    /// Whether it is known which backups the problems affect: all tables were gone through.
    public internal(set) var isAssessed = false

    /// The backups that something affects, also those whose own records cannot be read.
    public var affectedBackups: Set<BackupID> {
        Set(backups.filter(\.isAffected).map(\.id)).union(damages.flatMap(\.backups))
    }

    /// Whether nothing was found.
    public var isClean: Bool { problems.isEmpty }
}
