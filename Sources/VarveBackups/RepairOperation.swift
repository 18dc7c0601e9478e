public import VarveArchive
import VarveBytes
public import VarveStorage

/// Makes a damaged repository whole as far as that can be done.
public struct RepairOperation {
    private let store: any ObjectStore
    private let other: Repository?
    private let isDryRun: Bool
    private let isForced: Bool
    private let dropsLost: Bool
    private let control: OperationControl

    /// - Parameters:
    ///   - other: a repository that has what this one lacks.
    ///   - isForced: go on though another writer seems to be at work. A dry run does so anyway.
    ///   - dropsLost: give up the states that need lost pages, so that their tables can go on.
    public init(
        _ store: any ObjectStore, from other: Repository? = nil, isDryRun: Bool = false,
        isForced: Bool = false, dropsLost: Bool = false,
        control: OperationControl = OperationControl()
    ) {
        self.store = store
        self.other = other
        self.isDryRun = isDryRun
        self.isForced = isForced || isDryRun
        self.dropsLost = dropsLost
        self.control = control
    }

    /// - Throws: `damaged`, `refused` if there is no configuration and none can be had; `refused`
    ///   if another writer seems to be at work; `interrupted`: run it again.
    public func run() throws -> RepairReport {
        if !isDryRun { return try run(in: store) }
        // What would be written may be much: it is written beside the repository.
        let place = try FileSystem.makeTemporaryDirectory(prefix: "varve-repair")
        var report: RepairReport
        do {
            report = try run(in: OverlayStore(over: store, layer: DirectoryStore(place)))
        } catch {
            throw error.including { try FileSystem.removeTree(place) }
        }
        do throws(VarveError) {
            try FileSystem.removeTree(place)
        } catch {
            control.tell([error])
        }
        report.isDryRun = true
        return report
    }

    private func run(in store: any ObjectStore) throws -> RepairReport {
        try RepositoryRepair(
            store, from: other, isForced: isForced, dropsLost: dropsLost,
            isStopping: { [control] in control.isStopping },
            progress: { [control] progress in
                control.begin(total: Int(clamping: progress.total))
                control.report(done: Int(clamping: progress.done), items: 0)
            }
        ).run()
    }
}
