public import VarveFormat

/// What `prune` did, or would do.
public struct PruningReport: Sendable {
    /// What became of one table's history.
    public struct Table: Sendable {
        public var id: TableID
        public var name: String
        /// Backups deleted because they were past their time.
        public var expired: [BackupRecord]
        /// Instants of full copies that could be restored, and that still can; ascending. Not told
        /// of recorded history.
        public var instantsBefore: [Instant]
        public var instantsAfter: [Instant]
        /// Ranges before and after; ascending.
        public var rangesBefore: [RestorableRange]
        public var rangesAfter: [RestorableRange]
        /// Whether a new layout was written, or would be.
        public var isLaidOut: Bool
        /// Runs that were merged or cut.
        public var rewrittenRuns: Int
        /// Images that moved to the first instant that is kept.
        public var movedImages: Int
        /// How many states were recorded, and how many still are.
        public var statesBefore: Int
        public var statesAfter: Int
        /// Why less was dropped than one might expect.
        public var notes: [String] = []

        /// Whether no state of the table is left: nothing of it can be restored any more.
        public var leavesNothing: Bool { statesBefore > 0 && statesAfter == 0 }
    }

    public var tables: [Table] = []
    public var collection = CollectionReport()
    public var isDryRun = false
}

/// What collection did. Bytes are of whole packs.
public struct CollectionReport: Sendable {
    /// Packs that nothing needs, newly condemned; deleted after the grace.
    public var condemnedPacks = 0
    public var condemnedBytes: UInt64 = 0
    public var deletedPacks = 0
    public var deletedBytes: UInt64 = 0
    /// Condemned packs that stay because something needs them again.
    public var rescuedPacks = 0
    /// Packs whose live blobs were written anew because too much of them was dead.
    public var repackedPacks = 0
    /// Bytes of the packs made for that.
    public var repackedBytes: UInt64 = 0
    /// Packs condemned and not yet deleted: the grace lasts, or a writer is at work.
    public var waitingPacks = 0
    public var waitingBytes: UInt64 = 0
    /// Indexes written anew and those that they replace.
    public var indexesWritten = 0
    public var indexesDeleted = 0
    /// Ordinal of the condemned list that was published; nil if none was.
    public var condemnedList: UInt64?
    /// Packs and their bytes that stay.
    public var keptPacks = 0
    public var keptBytes: UInt64 = 0

    public init() {}
}
