import VarveBytes
public import VarveFormat

/// What a repository holds and what it costs. All sizes in bytes.
public struct StorageStatistics: Sendable, Hashable {
    /// Objects of any kind, and their bytes: what the store is billed for.
    public var objects: UInt64 = 0
    public var storedBytes: UInt64 = 0
    public var packs: UInt64 = 0
    public var packBytes: UInt64 = 0
    public var indexes: UInt64 = 0
    public var indexBytes: UInt64 = 0
    /// Blobs in packs that an index lists, compressed with their headers, and uncompressed.
    public var blobs: UInt64 = 0
    public var blobBytes: UInt64 = 0
    public var plainBytes: UInt64 = 0
    /// By name and incarnation.
    public var tables: [TableStorage] = []

    /// Everything that is neither pack nor index: records of tables, commits, layouts, backups.
    public var metadataBytes: UInt64 { storedBytes - packBytes - indexBytes }
    /// Sum of the item sizes of all checkpoints: what a full copy of each would hold.
    public var logicalBytes: UInt64 { tables.reduce(0) { $0.saturated(adding: $1.logicalBytes) } }
    /// How many times more bytes the copies would hold than the repository takes; nil if it is
    /// empty.
    public var reduction: Double? {
        storedBytes == 0 ? nil : Double(logicalBytes) / Double(storedBytes)
    }
    /// How many times more bytes the blobs have uncompressed; nil if there are none.
    public var compression: Double? {
        blobBytes == 0 ? nil : Double(plainBytes) / Double(blobBytes)
    }
}

/// What one incarnation of a table holds and costs.
public struct TableStorage: Sendable, Hashable {
    public var id: TableID
    public var name: String
    /// Number of the incarnation, from 0.
    public var ordinal: UInt64 = 0
    /// What people call it: `Orders`, or `Orders (2)` if there are several.
    public var title = ""
    /// Items of the newest checkpoint, and the sum of their sizes; 0 if there is none.
    public var items: UInt64 = 0
    public var itemBytes: UInt64 = 0
    public var checkpoints = 0
    /// Sum of the item sizes of all checkpoints.
    public var logicalBytes: UInt64 = 0
    public var images = 0
    /// Stored bytes of the images and the runs; pages that several images share count once for
    /// each.
    public var imageBytes: UInt64 = 0
    public var runs = 0
    public var runBytes: UInt64 = 0
    /// Bytes of blobs that commits and the layout carry themselves; part of the two sums above.
    public var inlineBytes: UInt64 = 0
    /// Stored bytes of images and runs that no backup needs.
    public var unneededBytes: UInt64 = 0
    /// The table's objects, packs apart: record, commits, layouts, settings, backups.
    public var objects: UInt64 = 0
    /// Bytes of the table's objects: record, commits, layouts, settings, backups.
    public var metadataBytes: UInt64 = 0
    /// By instant and name.
    public var backups: [BackupStorage] = []
    /// Nil if nothing but full copies is there.
    public var history: HistoryStorage?
}

/// What a backup holds and costs.
public struct BackupStorage: Sendable, Hashable {
    public var id: BackupID
    public var name: String
    public var instant: Instant
    public var items: UInt64
    /// Sum of the item sizes.
    public var itemBytes: UInt64
    /// Stored bytes of all that its state is made of: what a restore reads.
    public var reachableBytes: UInt64 = 0
    /// Stored bytes that no other backup needs: what deleting it lets `prune` free.
    public var ownBytes: UInt64 = 0
    /// Runs that a restore merges.
    public var runs = 0
}
