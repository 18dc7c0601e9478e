public import VarveArchive
import VarveBytes
import VarveEndpoints
import VarveFormat
public import VarveStorage

/// Makes a damaged repository whole as far as that can be done.
public struct RepairOperation {
    private let store: any ObjectStore
    private let other: Repository?
    private let isDryRun: Bool
    private let isForced: Bool
    private let dropsLost: Bool
    private let statement: TableStatement?
    private let control: OperationControl

    /// - Parameters:
    ///   - other: a repository that has what this one lacks.
    ///   - isForced: go on though another writer seems to be at work. A dry run does so anyway.
    ///   - dropsLost: give up the states that need lost pages, so that their tables can go on.
    ///   - statement: what somebody says of a table whose record is lost.
    public init(
        _ store: any ObjectStore, from other: Repository? = nil, isDryRun: Bool = false,
        isForced: Bool = false, dropsLost: Bool = false, statement: TableStatement? = nil,
        control: OperationControl = OperationControl()
    ) {
        self.store = store
        self.other = other
        self.isDryRun = isDryRun
        self.isForced = isForced || isDryRun
        self.dropsLost = dropsLost
        self.statement = statement
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
            statements: [statement].compactMap(\.self) + recordedStatements(),
            isStopping: { [control] in control.isStopping },
            progress: { [control] progress in
                control.begin(total: Int(clamping: progress.total))
                control.report(done: Int(clamping: progress.done), items: 0)
            }
        ).run()
    }

    // MARK: Lost records of tables

    /// What settings and backups say of their tables: the newest first.
    private func recordedStatements() throws(VarveError) -> [TableStatement] {
        var statements: [TableStatement] = []
        for entry in try store.list(ObjectName.tablesPrefix).reversed() {
            // What cannot be read says nothing; it is mended, or told of, by the repair.
            switch ObjectName(path: entry.name) {
            case .settings?:
                guard let bytes = try store.readIfPresent(entry.name),
                    let record = try? SettingsRecord(sealed: bytes, name: entry.name),
                    let statement = Self.statement(of: record)
                else { continue }
                if !statements.contains(statement) { statements.append(statement) }
            case .backup?:
                guard let bytes = try store.readIfPresent(entry.name),
                    let record = try? BackupRecord(sealed: bytes, name: entry.name),
                    let statement = Self.statement(of: record)
                else { continue }
                if !statements.contains(statement) { statements.append(statement) }
            default: continue
            }
        }
        return statements
    }

    private static func statement(of record: SettingsRecord) -> TableStatement? {
        guard
            let text = record.documents.first(where: {
                $0.kind == SettingsDocument.Kind.describeTable.rawValue
            })?.json,
            let settings = try? TableSettings(documents: [
                SettingsDocument(kind: .describeTable, text: text)
            ]),
            let name = settings.tableName
        else { return nil }
        return TableStatement(
            name: name, keySchema: settings.keySchema, arn: settings.tableARN ?? "",
            serviceID: settings.tableID ?? "")
    }

    /// The ARN of a backup begins with that of its table.
    private static func statement(of record: BackupRecord) -> TableStatement? {
        guard let end = record.arn.firstRange(of: "/backup/") else { return nil }
        let arn = String(record.arn[..<end.lowerBound])
        guard let start = arn.firstRange(of: ":table/") else { return nil }
        return TableStatement(name: String(arn[start.upperBound...]), arn: arn)
    }
}
