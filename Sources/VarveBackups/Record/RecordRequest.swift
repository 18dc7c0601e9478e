public import VarveArchive
import VarveBytes
public import VarveEndpoints
public import VarveFormat
public import VarveModel

/// Changes that are to be recorded.
public struct RecordRequest: Sendable {
    /// The table; nil: each record names its own.
    public var table: String?
    /// Files, directories, or `-` for standard input; read in this order.
    public var sources: [String]
    /// Key attributes of tables that are new to the repository; nil: as the settings say.
    public var schema: KeySchema?
    /// Files with what the service's own commands print of the tables.
    public var settingsFiles: [String] = []
    /// How long after its end a second stays open for records that come late; seconds.
    public var latenessSeconds: Int64 = 0
    /// How long complete seconds may wait for their commit; seconds.
    public var flushSeconds: Int64 = 1
    /// How long after a change its record comes at most, so that a table of which nothing came for
    /// so long has not changed, seconds; nil: nobody knows. Source: Spec 10, Quiet tables.
    public var unchangedSeconds: Int64?
    /// Give changes the present time.
    public var restamps = false
    /// The rejects file; nil: `TABLE.rejects.jsonl`, or `rejects.jsonl` for several tables, in the
    /// working directory. It is made when something is rejected, and appended to.
    public var rejectsPath: String?
    /// Directory of the head maps, which are made anew if they are lost; nil: in memory.
    public var cacheDirectory: String?

    public init(table: String?, sources: [String]) {
        self.table = table
        self.sources = sources
    }

    /// Where head maps are kept unless somebody says otherwise: `$XDG_CACHE_HOME/varve`, or
    /// `~/.cache/varve`; nil if there is no home directory.
    public static var standardCacheDirectory: String? {
        if let path = CurrentProcess.environmentValue("XDG_CACHE_HOME"), path.hasPrefix("/") {
            return path + "/varve"
        }
        guard let home = CurrentProcess.environmentValue("HOME"), home.hasPrefix("/") else {
            return nil
        }
        return home + "/.cache/varve"
    }
}

/// What happens while changes are recorded, for whoever watches.
public enum RecordEvent: Sendable {
    /// A table's recording begins, or goes on from where its history ends.
    case opened(table: String, isNew: Bool, head: ChainHead)
    /// A source is not read again up to here: all of it is recorded.
    case resumed(path: String, offset: Int64)
    /// An export ends before the table's history begins: nothing of it is recorded.
    case passedOver(path: String, table: String, begin: Instant)
    case committed(table: String, head: ChainHead, statistics: Recorder.Statistics)
    /// A table's restorable range ends here, because of this record.
    case closed(table: String, head: ChainHead, reason: String)
    case rejected(table: String?, place: String, reason: String)
}

/// What came of recording one table.
public struct TableRecordReport: Sendable {
    public var table: String
    public var id: TableID
    public var isNew: Bool
    public var statistics: Recorder.Statistics
    public var head: ChainHead
    /// Records and changes in the rejects file.
    public var rejectedCount: UInt64
    /// Changes of a second that is not over yet, which were not committed.
    public var heldCount: Int

    /// Whether the range was closed before what is committed ends: then `head.to` is the last good
    /// second, and the items, sizes and digest of `head` are of the end, not of that.
    public var isInDoubt: Bool { head.soundTo != nil }
}

/// What came of recording.
public struct RecordReport: Sendable {
    /// In the order in which they were met.
    public var tables: [TableRecordReport] = []
    /// Tables that are not there and were not made: nothing of them could be recorded.
    public var unmadeTables: [String] = []
    /// Records of other tables, by their names.
    public var leftOut: [String: Int] = [:]
    /// Records of which no table can be told.
    public var unassignedCount: UInt64 = 0
    public var recordCount: UInt64 = 0
    /// The sources that end within a record.
    public var cutOff: [SourcePlace] = []
    /// The first record that could not be recorded: where it stands, and why.
    public var firstRejected: (place: String, reason: String)?
    /// Records and changes of all tables, and of none, in the rejects file.
    public var rejectedCount: UInt64 = 0
    /// The rejects file, if anything was rejected.
    public var rejectsPath: String?
    public var wasInterrupted = false
    /// How what was recorded, now and before, was laid out anew meanwhile.
    public var compaction = BackgroundCompaction.Report()
    /// Wall-clock time.
    public var microseconds: Int64 = 0

    /// Whether anything was rejected.
    public var hasRejects: Bool { rejectedCount > 0 }
}
