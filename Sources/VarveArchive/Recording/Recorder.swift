import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// Records the changes of one table: orders them within seconds that are not complete, finds out
/// which change something, and commits complete seconds. Source: Spec 10; Spec 11, A recorder.
///
/// Use: `begin` a source, `append` its changes in the order in which they come, `tick` while none
/// come, at the times that `nextFlush` names, `finish` at the end of the input; take what was
/// rejected by `takeRejected` after each of them; `end` when done. After an error it is of no more
/// use: open another, which finds what is committed; send what was not acknowledged again.
///
/// Memory: the changes that are not committed, up to `Options.pendingBytesMax` of rows, twice while
/// a commit is written. A commit takes time and space by its changes alone, whatever the table's
/// size. Belongs to one thread.
public final class Recorder {
    public struct Options: Sendable {
        /// How long after its end a second stays open for records that come late; seconds.
        public var latenessSeconds: Int64 = 0
        /// How long complete seconds may wait for their commit; seconds. With 1 a live source is
        /// committed second by second.
        public var flushSeconds: Int64 = 1
        /// Names the form of the source in commits.
        public var sourceKind: String
        /// How far ahead of the clock a change's time may be, seconds; nil: as far as it likes. One
        /// from the far future would make all others come too late.
        public var aheadSecondsMax: Int64?
        /// Rows of complete seconds, bytes, that are committed without waiting.
        public var commitBytes = 16 << 20
        /// Complete seconds that are committed without waiting: a commit's checkpoints are read
        /// whole by whoever opens the table. Source: Spec 11, A recorder.
        public var commitSeconds = 1 << 16
        /// Rows that are held at most, bytes: beyond, open seconds are committed in parts.
        public var pendingBytesMax = 40 << 20

        public init(sourceKind: String) { self.sourceKind = sourceKind }
    }

    /// What a recorder has done since it was opened; counts of changes but where said.
    public struct Statistics: Sendable, Hashable {
        public var received: UInt64 = 0
        /// Committed.
        public var recorded: UInt64 = 0
        /// Such that changed nothing.
        public var noChanges: UInt64 = 0
        /// Sent again.
        public var known: UInt64 = 0
        /// Older than the state from which the recording goes on.
        public var covered: UInt64 = 0
        public var rejected: UInt64 = 0
        public var commits: UInt64 = 0
        public var checkpoints: UInt64 = 0
        /// Bytes of commits and packs.
        public var writtenBytes: UInt64 = 0
    }

    let repository: Repository
    let options: Options
    let table: TableID
    let record: TableRecord
    let place: HeadMapPlace
    let publisher: CommitPublisher
    let lease: RecorderLease
    var map: HeadMap
    var pending = PendingChanges()
    /// Taken in turn with `pending`, so that memory is used again.
    var spare = PendingChanges()
    /// Changes older than what is committed, which must be known.
    var suspects = PendingChanges()
    var sources: [String] = []
    /// Behind the last record of the last source.
    var sourceEnd: UInt64 = 0
    var isSourceLasting = true
    /// Where the commit ended that the history ended with, within a second, when it was opened.
    var tailPosition: SourcePosition?
    /// Greatest time seen; microseconds.
    var greatestTime = Int64.min
    /// Seconds before this were given up to save memory; microseconds.
    var forcedLimit = Int64.min
    /// When the last changes had been taken in, by the clock; nil if none have come yet.
    var lastArrival: Int64?
    /// How far the source was behind the clock then, and how much more lately; microseconds.
    var lastLag: Int64?
    var jitter: Int64 = 0
    /// When the oldest complete second that is not committed was noticed, by the clock.
    var waitingSince: Int64?
    /// When the last commit was begun, or the recorder opened, by the clock.
    var lastCommit: Int64
    /// Changes after this are too far ahead of the clock; microseconds.
    var aheadLimit = Int64.max
    /// The last present time that was given to changes, and the clock then.
    var lastStamp: (time: Int64, clock: Int64)?
    /// Changes of the second within which the history ends.
    var tailChanges: UInt64 = 0
    /// Whether this recorder committed the second within which the history ends.
    var ownsTail = false
    /// Read when it is needed to tell known changes.
    var history: TableHistory?
    var rejected = RejectedChanges()
    public internal(set) var statistics = Statistics()
    /// What commits say instead of this table's own position: up to where everything of all tables
    /// that one source feeds is committed.
    public var positionLimit: SourcePosition?
    /// Up to where everything of the sources is committed or rejected.
    public internal(set) var acknowledged: SourcePosition?

    /// Opens a table for recording.
    ///
    /// - Parameter history: read for writing.
    /// - Throws: `conflict` if another recorder is at work; `refused` if the table has no state to
    ///   go on from; what reading the newest state throws, if the head map must be made anew.
    public init(
        _ repository: Repository, history: TableHistory, heads place: HeadMapPlace,
        options: Options
    ) throws {
        self.repository = repository
        self.options = options
        self.place = place
        lastCommit = repository.now()
        table = history.id
        record = history.record
        publisher = CommitPublisher(repository, history: history)
        guard publisher.head.to != nil else {
            throw VarveError(
                .refused,
                "table \(record.name) has no state that changes could go on from; "
                    + "back up a full copy first")
        }
        let lease = try RecorderLease(repository, table, record.name)
        self.lease = lease
        do {
            map = try HeadMap.openMovingOn(place, repository, history)
        } catch {
            throw error.including { try lease.end() }
        }
        tailChanges = history.tailChanges
        if publisher.head.sourceKind == options.sourceKind {
            acknowledged = SourcePosition(encoded: publisher.head.sourcePosition)
            tailPosition = SourcePosition(own: publisher.head.sourcePosition)
        }
    }

    /// The end of what is committed.
    public var head: ChainHead { publisher.head }
    /// Whether a change could not be recorded: every later one is rejected, until a full copy
    /// begins a new range.
    public var isClosed: Bool { publisher.head.isClosed }
    /// Greatest time of a change that came; microseconds. Nil if none has come yet.
    public var latestTime: Int64? { greatestTime > Int64.min ? greatestTime : nil }
    /// Changes that are held.
    public var pendingCount: Int { pending.count + suspects.count }

    /// Greatest `to`; there is one, since the recorder was opened.
    var historyEnd: Int64 { publisher.head.to ?? 0 }

    /// When `tick` should be called if no change comes before, by the environment's clock in
    /// microseconds; nil if nothing waits.
    public var nextFlush: Int64? {
        if isClosed { return nil }
        if let waitingSince { return max(waitingSince, lastCommit + flushInterval) }
        guard let lag, let last = lastPendingSecondEnd else { return nil }
        // Seconds become complete by the clock, one by one.
        let first = pending.leastTime.map(CommitAssembly.secondEnd) ?? last
        return min(first, last) + options.latenessSeconds * 1_000_000 + lag
    }

    /// Microseconds from one commit to the next. A little less than may be waited: seconds become
    /// complete about a second apart, and a commit must not miss the next one by a moment.
    var flushInterval: Int64 { max(0, options.flushSeconds * 1_000_000 - 100_000) }

    /// Takes what was rejected since the last time; nil if nothing was.
    public func takeRejected() -> RejectedChanges? {
        if rejected.count == 0 { return nil }
        return exchange(&rejected, with: RejectedChanges())
    }

    /// Keeps the lease, if nothing is appended for a while.
    public func keepLease() throws { try lease.refreshIfDue() }

    /// Gives up the lease and puts the head map away. Held changes are dropped: their source has
    /// them, behind `acknowledged`.
    public func end() throws {
        try map.rest()
        // Lets go of the file.
        map = try HeadMap.empty(nil, bits: HeadMap.bitsMin, repository, table)
        try lease.end()
    }
}

extension CommitAssembly {
    /// End of the second of a time; microseconds.
    static func secondEnd(_ time: Int64) -> Int64 { (floor(time) + 1) * 1_000_000 }
}
