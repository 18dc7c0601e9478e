public import VarveBytes
public import VarveFormat

/// What a verification is to do beyond the structure, which it always checks.
public struct VerificationOptions: Sendable {
    /// Which packs to read.
    public enum Data: Sendable, Hashable {
        case none
        case all
        /// Part `number` (from 1) `of` so many, by the packs' names: all parts together are all
        /// packs.
        case part(number: UInt64, of: UInt64)
        /// Packs chosen at random that have about this share of the bytes, in percent.
        case percent(Double)
    }

    /// Which states to restore in memory, every item hashed.
    public enum Drill: Sendable, Hashable {
        case none
        case backup(TableID, BackupID)
        case allBackups
        /// So of each table: instants whose states are exactly known.
        case instants([TableID: [Instant]])
        /// Every checkpoint, and so every backup.
        case allCheckpoints
    }

    /// A hash that was kept outside the repository, of a commit that must be in a chain.
    public struct Anchor: Sendable, Hashable {
        public var hash: Hash256
        /// The table whose chain must have it; nil: any.
        public var table: String?

        public init(hash: Hash256, table: String? = nil) {
            self.hash = hash
            self.table = table
        }
    }

    public var data: Data
    /// Decode the pages of the packs that are read, every value in them, and encode them again:
    /// finds the faults of writers, which no hash shows.
    public var decodesPages: Bool
    public var drill: Drill
    /// Replay all changes, and hold every checkpoint's counts and digest to what they come to.
    public var provesEverySecond = false
    /// Source: Spec 13, "A forger".
    public var anchors: [Anchor] = []
    /// Asked now and then; once it is true, the verification ends and reports what it has found.
    public var isStopping: @Sendable () -> Bool = { false }

    public init(data: Data = .none, decodesPages: Bool = false, drill: Drill = .none) {
        self.data = data
        self.decodesPages = decodesPages
        self.drill = drill
    }
}

/// How far a verification is.
public struct VerificationProgress: Sendable, Hashable {
    public enum Phase: String, Sendable, Hashable {
        case objects, tables, trees, data, states
    }

    public var phase: Phase
    /// Objects, tables, pieces, bytes or items, by phase.
    public var done: UInt64
    /// In the same unit.
    public var total: UInt64
}
