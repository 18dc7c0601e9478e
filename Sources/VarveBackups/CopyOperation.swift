public import VarveArchive
import VarveBytes
public import VarveStorage

/// What is to be copied into a replica.
public struct CopyRequest: Sendable {
    /// Tables by name, title, id or ARN; empty: all.
    public var tables: [String] = []
    /// Make the replica if there is no repository.
    public var makesTarget = false
    /// Tell what would be brought, and change nothing.
    public var isDryRun = false
    /// Take the source's history also where nothing shows any more that the target's is a part of
    /// it.
    public var isForced = false

    public init() {}
}

/// Brings a repository's tables, history and backups into a replica of it.
public struct CopyOperation {
    private let source: Repository
    private let target: any ObjectStore
    private let request: CopyRequest
    private let control: OperationControl

    public init(
        from source: Repository, to target: any ObjectStore, _ request: CopyRequest,
        control: OperationControl = OperationControl()
    ) {
        self.source = source
        self.target = target
        self.request = request
        self.control = control
    }

    /// - Returns: what was brought, or would be. That a table could not be is in the report.
    /// - Throws: `refused` if the target is another repository; `notFound` for a table that the
    ///   source does not have, or if there is no target; `interrupted`: then what was brought
    ///   stays, and the next run goes on from there.
    public func run() throws -> CopyReport {
        let (replica, isNew) = try Repository.replica(
            of: source, in: target, environment: source.environment, makes: request.makesTarget,
            isDryRun: request.isDryRun)
        var copying = RepositoryCopy.Request()
        copying.tables = request.tables
        copying.isDryRun = request.isDryRun
        copying.isForced = request.isForced
        copying.isStopping = { [control] in control.isStopping }
        var report = try RepositoryCopy(from: source, to: replica, copying).run {
            [control] progress in
            control.report(done: Int(clamping: progress.bytes), items: progress.blobs)
        }
        report.madeTarget = isNew
        control.tell(report.damage)
        return report
    }
}
