public import VarveArchive
import VarveBytes
public import VarveFormat
import VarveStorage

/// Which recorded state is to be a backup.
public struct NamedBackupRequest: Sendable {
    public var table: String
    public var name: String
    /// Not a backup.
    public var state: StateSelection
    /// Promise to keep it so long; microseconds.
    public var keepFor: Int64?

    public init(table: String, name: String, state: StateSelection = .latest) {
        self.table = table
        self.name = name
        self.state = state
    }
}

/// A backup of a state that the repository has.
public struct NamedBackupReport: Sendable {
    public var table: TableHistory
    public var backup: BackupRecord
    public var warnings: [String]
    /// Wall-clock time.
    public var microseconds: Int64
}

/// Gives a recorded state a name: an on-demand backup without a source. Copies nothing, whatever
/// the table's size; prune keeps what it needs.
public struct NamedBackupOperation {
    private let repository: Repository
    private let request: NamedBackupRequest

    public init(_ repository: Repository, _ request: NamedBackupRequest) {
        self.repository = repository
        self.request = request
    }

    /// - Throws: `notFound` if there is no such state, naming the nearest; `invalidInput` for a
    ///   name that none can be; `conflict` if the state was pruned meanwhile.
    /// - Complexity: a few pages, and the records of the table's backups; where only a part of the
    ///   digest is recorded, O(changes of at most 255 checkpoints).
    public func run() throws -> NamedBackupReport {
        let started = SystemClock.microseconds()
        var warnings: [String] = []
        let (history, plan) = try find(&warnings)
        let point = plan.checkpoint
        if point.instant != plan.instant {
            warnings.append(
                "nothing changed between \(point.instant) and \(plan.instant): the backup is of "
                    + "the checkpoint at \(point.instant), which has this state")
        }
        if let fault = try repository.missingPage(in: plan, .roots) {
            throw VarveError(
                .damaged,
                "the state at \(plan.instant) cannot be restored, so that it can be no backup; "
                    + "run 'varve repair' (\(fault.message))", at: fault.location)
        }
        let digest = try repository.wholeDigest(of: plan, in: history).digest
        let checkpoint = Checkpoint(
            instant: point.instant, changes: point.changes, items: point.items,
            bytes: point.bytes, digest: digest)
        if history.backups.contains(where: { $0.name == request.name }) {
            warnings.append(
                "table \(history.record.name) has another backup named \(request.name); tell them "
                    + "apart by their ids")
        }
        let origin = history.origin(of: point.instant)
        let record = try repository.makeBackup(
            history, name: request.name, checkpoint: checkpoint, commitSequence: origin.sequence,
            commitHash: origin.hash, keepUntil: request.keepFor.map { repository.now() + $0 },
            source: "the recorded state at \(plan.instant)")
        return NamedBackupReport(
            table: history, backup: record, warnings: warnings,
            microseconds: SystemClock.microseconds() - started)
    }

    private func find(
        _ warnings: inout [String]
    ) throws(VarveError) -> (TableHistory, StatePlan) {
        let found = try repository.state(request.state, of: request.table, for: .writing)
        let (history, newest) = (found.history, found.state.plan)
        guard case .latest = request.state, newest.isUnsealed, let latest = try history.latest
        else { return (history, newest) }
        warnings.append(
            "changes after \(latest.instant) are left out: their second is not complete")
        return (history, try history.plan(at: latest.instant))
    }
}
