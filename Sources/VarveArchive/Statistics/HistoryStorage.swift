import VarveBytes
public import VarveFormat

/// What recorded history costs beside the newest state and the backups. All sizes in bytes.
public struct HistoryStorage: Sendable, Hashable {
    /// A day of it, in UTC.
    public struct Day: Sendable, Hashable {
        /// Its first second.
        public var start: Instant
        public var checkpoints: UInt64 = 0
        public var changes: UInt64 = 0
        /// Stored bytes of runs, a run's shared out by its changes.
        public var runBytes: UInt64 = 0
    }

    /// What 'varve prune' could free if less were promised.
    public struct Window: Sendable, Hashable {
        public var days: UInt64
        /// At least so many bytes.
        public var freedBytes: UInt64
    }

    /// Changes that are stored.
    public var changes: UInt64 = 0
    /// Stored bytes of the image that the newest state builds on: about what the table would cost
    /// without history and backups.
    public var imageBytes: UInt64 = 0
    /// Stored bytes of other images and runs that are there for backups alone.
    public var backupBytes: UInt64 = 0
    /// Stored bytes of all others, and of checkpoints: what history costs.
    public var historyBytes: UInt64 = 0
    /// Stored bytes of checkpoints, in pages and in commits; part of `historyBytes`.
    public var checkpointBytes: UInt64 = 0
    /// Length of the ranges in which every second can be restored.
    public var seconds: Int64 = 0
    /// Days of which something is recorded; ascending.
    public var days: [Day] = []
    /// Windows shorter than what there is, ascending.
    public var windows: [Window] = []
    /// Objects that thirty days at the present pace create; the store is billed for as many.
    public var putsAMonth: UInt64 = 0

    /// `historyBytes` for a day.
    public var bytesADay: UInt64 {
        UInt64(Double(historyBytes) / max(1, Double(seconds) / 86_400))
    }
}

extension Repository {
    /// Counts what a table's recorded history costs; nil if it has none. `days` are left out.
    func historyStorage(of history: TableHistory) throws(VarveError) -> HistoryStorage? {
        let policy = try retention(of: history.id)
        if !history.isRecorded, policy.records.isEmpty { return nil }
        var result = HistoryStorage()
        var rest = Set(history.pieces.filter { !$0.tree.isEmpty })
        func take(_ pieces: some Sequence<Piece>) -> UInt64 {
            pieces.reduce(0) { sum, piece in
                rest.remove(piece) == nil ? sum : sum.saturated(adding: piece.tree.storedBytes)
            }
        }
        let newest = try history.newestPlan().image
        result.imageBytes = take(rest.filter { $0.kind == .image && $0.tree == newest })
        let exact = history.ranges.filter { !$0.isExactAtCheckpointsOnly }
        result.historyBytes = take(
            rest.filter { piece in
                piece.kind == .run
                    && exact.contains {
                        $0.from.microseconds <= piece.from && piece.from < $0.to.microseconds
                    }
            })
        for backup in history.backups {
            let plan = try history.plan(at: backup.instant)
            result.backupBytes |+= take(plan.runs)
            result.backupBytes |+= take(
                rest.filter { $0.kind == .image && $0.tree == plan.image })
        }
        for run in history.pieces where run.kind == .run { result.changes |+= run.tree.entries }
        for page in try checkpointPages(history) {
            result.checkpointBytes |+= try blobs.storedSize(of: page)
        }
        for commit in history.commits {
            result.checkpointBytes |+= UInt64(commit.logical.checkpointBytes)
        }
        result.historyBytes |+= take(rest)
        result.historyBytes |+= result.checkpointBytes
        for range in exact { result.seconds += range.to.second - range.from.second }
        result.putsAMonth = history.putsAMonth
        result.windows = try windows(history, policy, result.seconds)
        return result
    }

    private func checkpointPages(_ history: TableHistory) throws(VarveError) -> Set<Hash256> {
        var reach = BlobReach(self, readsLeaves: false)
        do {
            try reach.add(checkpoints: history.layout?.checkpoints)
        } catch let error as VarveError {
            throw error
        } catch {
            throw VarveError(.damaged, "pages of checkpoints cannot be read: \(error)")
        }
        return reach.ids
    }

    /// Windows worth telling of, in days.
    private static let windowDays: [UInt64] = [1, 2, 7, 14, 35, 90, 180, 365, 730]

    private func windows(
        _ history: TableHistory, _ policy: RetentionPolicy, _ seconds: Int64
    ) throws(VarveError) -> [HistoryStorage.Window] {
        guard let newest = try history.latest else { return [] }
        var result: [HistoryStorage.Window] = []
        for days in Self.windowDays where Int64(days) * 86_400 < seconds {
            var record = policy.longest ?? RetentionRecord(written: 0)
            record.days = days
            let window = try RetentionWindow(
                history, RetentionPolicy([record]), newest: newest.instant, now: now(),
                allowsShrinking: false, spared: nil)
            guard let plan = try RetentionPlan(history, window), plan.changes else { continue }
            result.append(
                HistoryStorage.Window(days: days, freedBytes: plan.freedBytes(history)))
        }
        return result
    }
}

extension RetentionPlan {
    /// Stored bytes that go for good, at least: an image that moves counts as if it stayed, and
    /// runs that are merged as if no change of them went.
    fileprivate func freedBytes(_ history: TableHistory) -> UInt64 {
        let all = Set(history.pieces).reduce(UInt64(0)) {
            $0.saturated(adding: $1.tree.storedBytes)
        }
        var stays = staying
        for chain in chains {
            stays.append(chain.image)
            stays += chain.merges.flatMap(\.runs)
        }
        var bytes = Set(stays).reduce(UInt64(0)) {
            $0.saturated(adding: $1.tree.storedBytes)
        }
        if let parted {
            let begin = start.instant.microseconds
            let share = Double(parted.to - begin) / Double(parted.to - parted.from)
            bytes |+= UInt64(Double(parted.tree.storedBytes) * share)
        }
        return all - min(all, bytes)
    }
}

extension TableHistory {
    /// Commits are told by the pace of those that no layout covers, or, if they are few, by all.
    fileprivate var putsAMonth: UInt64 {
        let month = 30.0 * 86_400
        guard let first = commits.first, let last = commits.last else { return 0 }
        let span = Double(last.logical.to - first.logical.from) / 1_000_000
        var pace = 0.0
        var writesPack = 0.0
        if commits.count >= 16, span >= 60 {
            pace = Double(commits.count) / span
            let packed = commits.count { $0.inline.isEmpty && $0.logical.changes > 0 }
            writesPack = Double(packed) / Double(commits.count)
        } else if let from = ranges.first?.from, let to = ranges.last?.to {
            pace = Double(nextSequence) / max(86_400, Double(to.second - from.second))
        }
        // A pack brings an index; a layout at most as much besides.
        let layouts = pace / Double(Compactor.Limits().commits)
        let puts = (pace * (1 + 2 * writesPack) + 3 * layouts) * month
        return puts.isFinite ? UInt64(puts.rounded()) : 0
    }
}

/// Shares out runs and checkpoints to days.
struct DayCounter {
    private struct Share: Hashable {
        var run: Int
        var day: Int64
    }

    private let runs: [Piece]
    private var place = 0
    private var changes: [Share: UInt64] = [:]
    private var found: [Int64: HistoryStorage.Day] = [:]

    init(_ history: TableHistory) {
        runs = history.pieces.filter { $0.kind == .run && $0.from < $0.to }
            .sorted { ($0.to, $0.from) < ($1.to, $1.from) }
    }

    /// Takes the next checkpoint, ascending.
    mutating func count(_ checkpoint: RecordedCheckpoint) {
        let second = checkpoint.instant.second - 1
        let day = second >= 0 ? second / 86_400 : ~(~second / 86_400)
        add(day) {
            $0.checkpoints += 1
            $0.changes |+= checkpoint.changes
        }
        let time = checkpoint.instant.microseconds
        while place < runs.count, runs[place].to < time { place += 1 }
        if place < runs.count, runs[place].from < time {
            changes[Share(run: place, day: day), default: 0] |+= checkpoint.changes
        }
    }

    private mutating func add(_ day: Int64, _ change: (inout HistoryStorage.Day) -> Void) {
        guard let start = Instant(second: day * 86_400) else { return }
        change(&found[day, default: HistoryStorage.Day(start: start)])
    }

    /// The days, ascending.
    mutating func finish() -> [HistoryStorage.Day] {
        var totals: [Int: UInt64] = [:]
        for (share, count) in changes { totals[share.run, default: 0] |+= count }
        for (share, count) in changes {
            let part = Double(count) / Double(max(1, totals[share.run] ?? 1))
            let bytes = UInt64(Double(runs[share.run].tree.storedBytes) * part)
            add(share.day) { $0.runBytes |+= bytes }
        }
        return found.values.sorted { $0.start < $1.start }
    }
}
