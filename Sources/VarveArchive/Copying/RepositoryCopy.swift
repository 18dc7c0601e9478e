import VarveBytes
import VarveFormat
import VarveStorage

/// Brings tables, their history and their backups into a replica: only what is missing, each blob
/// and each record proven. Source: Spec 11, Copying.
///
/// Only reads the source. Safe beside writers and collectors of both, and safe to kill at any
/// moment: run it again. What one run has brought is there for the next, also if it was killed.
public struct RepositoryCopy {
    public struct Request: Sendable {
        /// Tables by name or as `tableChoice` says; empty: all.
        public var tables: [String] = []
        /// Tell what would be brought, and bring nothing.
        public var isDryRun = false
        /// Take the source's history also where nothing of it is left that shows that the target's
        /// is a part of it.
        public var isForced = false
        /// Asked now and then; once it is true, the copy ends with `interrupted`.
        public var isStopping: @Sendable () -> Bool = { false }

        public init() {}
    }

    private let source: Repository
    private let target: Repository
    private let request: Request

    /// - Parameter target: a replica of the source; see `Repository.replica`.
    public init(from source: Repository, to target: Repository, _ request: Request = Request()) {
        precondition(source.configuration.id == target.configuration.id)
        self.source = source
        self.target = target
        self.request = request
    }

    /// - Parameter progress: called now and then.
    /// - Throws: `notFound` for a name that is no table; `interrupted`; what the stores throw. That
    ///   a table cannot be brought is in the report.
    public func run(progress: @escaping (CopyProgress) -> Void = { _ in }) throws -> CopyReport {
        var report = CopyReport(isDryRun: request.isDryRun)
        let catalog = try source.catalog(for: .reading)
        var wanted: Set<TableID> = []
        for table in request.tables {
            wanted.formUnion(try source.tableChoice(table).entries.map(\.id))
        }
        report.damage = catalog.damage
        for entry in catalog.tables
        where request.tables.isEmpty || wanted.contains(entry.id) {
            report.tables.append(try copy(entry, progress))
        }
        return report
    }

    private func copy(
        _ entry: TableCatalog.Entry, _ progress: @escaping (CopyProgress) -> Void
    ) throws -> CopyReport.Table {
        let table = TableCopy(
            from: source, to: target, id: entry.id, record: entry.record,
            request: request, progress: progress)
        do {
            var report = try table.run()
            report.failure = report.failure.map { told($0, entry) }
            return report
        } catch let error as VarveError {
            // The other tables are not to suffer.
            guard [.damaged, .refused, .conflict, .notFound, .proofFailed].contains(error.code)
            else { throw told(error, entry) }
            var failed = CopyReport.Table(entry.id, name: entry.record.name)
            failed.failure = told(error, entry)
            return failed
        }
    }
}

extension RepositoryCopy {
    /// An error that says of which table and repository it is, and what to do.
    private func told(_ error: VarveError, _ entry: TableCatalog.Entry) -> VarveError {
        let name = entry.record.name
        switch error.code {
        case .damaged:
            // Pages are read from the source alone; records are read of both.
            let isTarget =
                (try? source.history(entry.id, entry.record)) != nil
                && (try? target.history(entry.id, entry.record)) == nil
            let place = (isTarget ? target : source).store.location
            return VarveError(
                .damaged,
                "table \(name) of \(place) is damaged: \(error.message); run 'varve verify -r "
                    + "\(place)' and 'varve repair -r \(place)'",
                at: error.location, cause: error.cause)
        case .storage:
            return VarveError(
                .storage,
                "table \(name) was not copied to its end: \(error.message); what was brought "
                    + "stays: run this again when the store can be written",
                at: error.location, cause: error.cause)
        default: return error
        }
    }
}

extension VarveError.Code {
    /// Someone asked the operation to stop.
    static let stopped = VarveError.Code("interrupted")
}
