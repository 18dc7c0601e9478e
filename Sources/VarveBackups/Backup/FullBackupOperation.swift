public import VarveArchive
import VarveBytes
import VarveEndpoints
import VarveFormat
import VarveModel
import VarveStorage

/// Archives a full copy of a table and names it.
///
/// All or nothing: on any error the repository is as it was before. Two writers of one table at the
/// same time: the slower one reads its source again, if it can, and follows the faster.
public struct FullBackupOperation {
    /// How often a copy is read again because another writer was faster.
    static let attemptsMax = 4
    /// How far ahead of the clock a copy's instant may lie; clocks differ.
    static let aheadSecondsMax: Int64 = 300

    private let repository: Repository
    private let request: FullBackupRequest
    private let control: OperationControl

    public init(
        _ repository: Repository, _ request: FullBackupRequest,
        control: OperationControl = OperationControl()
    ) {
        self.repository = repository
        self.request = request
        self.control = control
    }

    /// Reads the source and publishes the backup.
    ///
    /// - Throws: `invalidInput`, with file, line and byte, if the source is not understood, names a
    ///   key twice or ends too early; `refused` as the message says; `conflict` if other writers
    ///   were faster each time; `interrupted`.
    public func run() throws -> FullBackupReport {
        let started = SystemClock.microseconds()
        guard TableName.isValid(request.name) else {
            throw VarveError(
                .invalidInput,
                "a backup's name has 1 to 255 letters, digits, '_', '.' and '-', and is not '.' or "
                    + "'..'; this one is '\(request.name.prefix(300))'")
        }
        let settings = try Self.opened { () throws(VarveError) in
            try TableSettings(files: request.settingsFiles)
        }
        try settings.check(key: request.schema)
        // No name of a table that could be made: it must be one that is there.
        let choice =
            TableName.isValid(request.table) ? nil : try Self.existing(request.table, repository)
        let source = try Self.opened { () throws(VarveError) in
            try TableSource.open(request.source, options: request.sourceOptions)
        }
        var order = RowOrder.asFound
        var attempt = 1
        while true {
            do {
                var report = try runOnce(source, settings, choice, order: order)
                report.wasSorted = order == .sorted
                report.microseconds = SystemClock.microseconds() - started
                return report
            } catch let error as VarveError where error.code == .unsorted {
                if order == .sorted { throw error }
                order = .sorted
            } catch let error as VarveError where error.code == .conflict {
                if attempt == Self.attemptsMax || !source.canRestart { throw error }
                attempt += 1
            }
        }
    }

    /// Opens a source: that it is not there, or may not be read, is an input that cannot be
    /// accepted.
    static func opened<Input>(
        _ open: () throws(VarveError) -> Input
    ) throws(VarveError) -> Input {
        do throws(VarveError) {
            return try open()
        } catch {
            guard error.code == .notFound || error.code == .storage else { throw error }
            throw VarveError(.noSource, error.message, at: error.location, cause: error.cause)
        }
    }

    /// The table that a text means which is no name.
    static func existing(
        _ text: String, _ repository: Repository
    ) throws(VarveError) -> TableChoice {
        do throws(VarveError) {
            return try repository.tableChoice(text, for: .writing)
        } catch {
            guard error.code == .notFound else { throw error }
            try TableName.check(text)
            throw error
        }
    }

    private func runOnce(
        _ source: TableSource, _ settings: TableSettings, _ choice: TableChoice?,
        order: RowOrder
    ) throws -> FullBackupReport {
        let facts = source.facts
        let table = TableDescription(
            name: choice?.newest.record.name ?? request.table,
            schema: request.schema ?? settings.keySchema,
            arn: facts.tableARN ?? settings.tableARN, serviceID: facts.tableID ?? settings.tableID)
        let resolution = try TableResolution(
            repository, table, in: choice, force: request.force)
        let history = resolution.history
        let instant = try self.instant(facts, history)
        let backup = try FullBackup(
            repository, history: history,
            request: FullBackup.Request(
                instant: instant, force: request.force, sourceKind: facts.kind.rawValue))
        do {
            try copy(source, order, history, into: backup)
            // While the last pages are stored. It stays if the commit fails: another writer may
            // build on it already.
            let (repository, isPlanned) = (self.repository, resolution.isPlanned)
            let table = Concurrent(on: repository.environment.workers) {
                if isPlanned { try repository.storeTable(history) }
            }
            var named: FullBackupReport?
            let outcome = try backup.finish(
                naming: { outcome in
                    named = try self.named(history, outcome, facts, settings, resolution)
                }, after: { try table.value() })
            guard var report = named else { preconditionFailure("a copy was not named") }
            report.warnings += outcome.warnings
            report.outcome = outcome
            return report
        } catch {
            backup.abandon()
            throw error
        }
    }

    // MARK: Instants

    private func instant(
        _ facts: SourceFacts, _ history: TableHistory
    ) throws(VarveError) -> Instant {
        if let given = request.instant ?? facts.instant.flatMap(Instant.init(microseconds:)) {
            let ahead = given.microseconds - repository.now()
            if ahead > Self.aheadSecondsMax * 1_000_000, !request.force {
                throw VarveError(
                    .refused,
                    "the copy's time, \(given), lies in the future; if the clock is wrong, use "
                        + "--force")
            }
            return given
        }
        // Every write that the copy holds came before now.
        guard let now = Instant(sealing: repository.now()) else {
            throw VarveError(.refused, "the clock shows no time between the years 1 and 9999")
        }
        guard let latest = try history.latest?.instant, latest >= now else { return now }
        // Two copies within a second: the later one gets the next second.
        guard latest.second - now.second <= Self.aheadSecondsMax,
            let next = Instant(second: latest.second + 1)
        else {
            throw VarveError(
                .refused,
                "the newest state of table \(history.record.name) is of \(latest), which lies in "
                    + "the future; give the copy's own time with --time")
        }
        return next
    }

    // MARK: Rows

    /// Reads rows, prepares them on other threads and appends them in order.
    private func copy(
        _ source: TableSource, _ order: RowOrder, _ history: TableHistory,
        into backup: FullBackup
    ) throws {
        let workers = repository.environment.workers
        let preparer = backup.rowPreparer
        let pipeline = OrderedPipeline<RowBatch, PreparedRows>(
            limit: workers == 1 ? 1 : workers * 2
        ) { batch in try preparer.prepare(&batch.rows) }
        let stream = source.rows(
            schema: history.record.keySchema, order: order, workers: Workers(count: workers))
        control.begin(total: Int(source.facts.storedBytes ?? 0))
        var isAtEnd = false
        while !isAtEnd || pipeline.pending > 0 {
            while !isAtEnd, !pipeline.isFull {
                try control.check()
                if let batch = try stream.nextBatch() {
                    pipeline.submit(batch)
                } else {
                    isAtEnd = true
                }
                let progress = stream.progress
                control.report(
                    done: Int(progress.storedCount), items: Int(progress.itemCount))
            }
            if let block = try pipeline.take() { try backup.append(block) }
        }
        try control.check()
    }

    // MARK: Naming

    /// Names the state, while its writer's intent keeps it from collectors.
    private func named(
        _ history: TableHistory, _ outcome: FullBackup.Outcome, _ facts: SourceFacts,
        _ settings: TableSettings, _ resolution: TableResolution
    ) throws -> FullBackupReport {
        let storedSettings = try settings.store(
            in: repository, table: history.id, from: outcome.checkpoint.instant)
        var warnings = resolution.warnings
        if history.backups.contains(where: { $0.name == request.name }) {
            warnings.append(
                "table \(history.record.name) has another backup named \(request.name); tell them "
                    + "apart by their ids")
        }
        let keepUntil = request.keepFor.map { repository.now() + $0 }
        let record = try repository.makeBackup(
            history, name: request.name, checkpoint: outcome.checkpoint,
            commitSequence: outcome.commitSequence, commitHash: outcome.commitHash,
            keepUntil: keepUntil, source: facts.exportARN ?? facts.path)
        return FullBackupReport(
            table: history, isNewTable: resolution.isPlanned, backup: record, outcome: outcome,
            facts: facts, wasSorted: false, storedSettings: storedSettings, warnings: warnings,
            microseconds: 0)
    }
}
