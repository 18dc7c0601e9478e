import Dispatch
import Synchronization
public import VarveBytes
public import VarveFormat
import VarveStorage

/// Lays tables out anew while they are recorded, on a thread of its own: never in the way of a
/// commit. Source: Spec 11, Compaction.
///
/// Use: `add` a table when its recorder is opened, tell of commits by `committed`, `end` at the
/// end. A failure is kept for the report and tried again when as many commits have come:
/// it harms nothing that is recorded.
///
/// Memory: some pages of each run that is merged, whatever the table's size. Sendable: its state is
/// behind a lock.
public final class BackgroundCompaction: Sendable {
    /// What was done since the beginning.
    public struct Report: Sendable {
        public var steps = 0
        public var coveredCommits = 0
        public var mergedRuns = 0
        /// Changes that were written anew; one that was twice counts twice.
        public var rewrittenChanges: UInt64 = 0
        public var newRunBytes: UInt64 = 0
        public var images = 0
        public var imageBytes: UInt64 = 0
        public var deletedPacks = 0
        /// The last failure, if nothing has succeeded since.
        public var failure: VarveError?

        public init() {}
    }

    fileprivate struct Table {
        var record: TableRecord
        /// Commits that the newest layout did not cover when last looked at, and those since.
        var uncovered: Int
        /// Their checkpoints.
        var checkpoints: Int
        /// Checkpoints that no layout covers.
        var uncoveredCheckpoints: Int
        /// Whether the table has not been looked at since it was added.
        var isNew = true
    }

    private struct State {
        var tables: [TableID: Table] = [:]
        var isWorking = false
        var isStopping = false
        var report = Report()
    }

    private let store: any ObjectStore
    private let environment: Repository.Environment
    private let limits: Compactor.Limits
    private let runsInline: Bool
    private let garbage = CompactionGarbage()
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "varve.compaction")

    /// - Parameter inline: do all of it within `add` and `committed`, in order: for tests.
    public init(
        _ repository: Repository, limits: Compactor.Limits = Compactor.Limits(),
        inline: Bool = false
    ) {
        store = repository.store
        self.limits = limits
        runsInline = inline
        var environment = repository.environment
        environment.workers = 1
        self.environment = environment
    }

    /// Takes charge of a table, and does what may have been left to do before.
    public func add(_ history: TableHistory) {
        state.withLock {
            $0.tables[history.id] = Table(
                record: history.record, uncovered: history.commits.count,
                checkpoints: history.uncovered.count,
                uncoveredCheckpoints: history.uncovered.count)
        }
        start()
    }

    /// Tells that a table has so many commits more, with so many checkpoints. Takes no time,
    /// whatever is due.
    public func committed(_ table: TableID, count: Int = 1, checkpoints: Int = 1) {
        let isDue = state.withLock { state in
            state.tables[table]?.uncovered += count
            state.tables[table]?.checkpoints += checkpoints
            state.tables[table]?.uncoveredCheckpoints += checkpoints
            return state.tables[table]?.isDue(limits) == true
        }
        if isDue { start() }
    }

    /// Waits while a table has so many more checkpoints than a layout may lack that whoever opens
    /// it would need much memory. So many come only from a source that is long past: a live one
    /// never waits. Nor does it wait for a compaction that fails.
    /// - Parameter isHurried: asked again and again; when it says so, the wait is over.
    public func catchUp(_ table: TableID, giveUp isHurried: () throws -> Bool) rethrows {
        while isFarBehind(table), try !isHurried() { Self.pause() }
    }

    private func isFarBehind(_ table: TableID) -> Bool {
        state.withLock { state in
            guard state.isWorking, state.report.failure == nil, let table = state.tables[table]
            else { return false }
            return table.uncoveredCheckpoints > 3 * limits.checkpoints
        }
    }

    public var report: Report { state.withLock { $0.report } }

    /// Ends the work.
    /// - Parameters:
    ///   - isStopping: asked again and again; when it says so, what is under way is given up.
    ///     Nothing is lost: the next compaction does it again.
    public func end(giveUp isStopping: () -> Bool = { true }) {
        while state.withLock({ $0.isWorking }) {
            if isStopping() { state.withLock { $0.isStopping = true } }
            Self.pause()
        }
        state.withLock { $0.isStopping = true }
    }

    private static func pause() {
        _ = DispatchSemaphore(value: 0).wait(timeout: .now() + .milliseconds(5))
    }

    // MARK: Working

    private func start() {
        let isFirst = state.withLock { state in
            if state.isWorking || state.isStopping { return false }
            state.isWorking = true
            return true
        }
        if !isFirst { return }
        if runsInline { work() } else { queue.async { self.work() } }
    }

    private func work() {
        while let (id, record) = next() {
            do {
                try layOut(id, record)
                state.withLock { $0.report.failure = nil }
            } catch let error as VarveError {
                if error.code == Self.stopped { continue }
                state.withLock { $0.report.failure = error }
            } catch {
                let failure = VarveError(.storage, "laying out \(record.name) failed: \(error)")
                state.withLock { $0.report.failure = failure }
            }
        }
    }

    /// The next table; nil if there is none, and then the work is over.
    private func next() -> (id: TableID, record: TableRecord)? {
        state.withLock { state in
            let due = state.tables.filter { $0.value.isDue(limits) }
                .max { ($0.value.uncovered, $1.key) < ($1.value.uncovered, $0.key) }
            guard let due, !state.isStopping else {
                state.isWorking = false
                return nil
            }
            // The look at a table that was added covers nothing, if nothing else makes it due: the
            // commits that came in the meantime count.
            if due.value.hasMuch(limits) {
                state.tables[due.key]?.uncovered = 1
                state.tables[due.key]?.checkpoints = 0
            }
            state.tables[due.key]?.isNew = false
            return (due.key, due.value.record)
        }
    }

    private static let stopped = VarveError.Code("interrupted")

    private func layOut(_ id: TableID, _ record: TableRecord) throws {
        while true {
            // An instance keeps what layouts carry; one that is used for months must not.
            let compactor = Compactor(
                try Repository.open(store, environment: environment), garbage: garbage,
                limits: limits, check: { [self] in try check() })
            guard let step = try compactor.step(id, record) else {
                let collection = try compactor.collectIfDue()
                state.withLock { $0.report.deletedPacks += collection?.deletedPacks ?? 0 }
                return
            }
            state.withLock {
                $0.report.add(step)
                $0.tables[id]?.uncoveredCheckpoints -= step.coveredCheckpoints
            }
            try check()
        }
    }

    private func check() throws {
        if state.withLock({ $0.isStopping }) {
            throw VarveError(Self.stopped, "the recording ends")
        }
    }
}

extension BackgroundCompaction.Table {
    /// A table that was added may have merges left; one that is looked after has only commits.
    fileprivate func isDue(_ limits: Compactor.Limits) -> Bool { isNew || hasMuch(limits) }

    fileprivate func hasMuch(_ limits: Compactor.Limits) -> Bool {
        uncovered >= limits.commits || checkpoints > limits.checkpoints
    }
}

extension BackgroundCompaction.Report {
    fileprivate mutating func add(_ step: Compactor.Step) {
        steps += 1
        coveredCommits += step.coveredCommits
        mergedRuns += step.mergedRuns
        rewrittenChanges += step.rewrittenChanges
        newRunBytes += step.newRunBytes
        images += step.imageBytes == nil ? 0 : 1
        imageBytes += step.imageBytes ?? 0
    }
}
