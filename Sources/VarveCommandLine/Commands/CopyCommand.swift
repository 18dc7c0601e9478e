import ArgumentParser
import VarveArchive
import VarveBackups
import VarveBytes
import VarveEndpoints
import VarveFormat
import VarveStorage

struct CopyCommand: VarveSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "copy", abstract: "Bring everything into a second repository.",
        discussion: """
            The second repository becomes a replica of the first: the same tables, history and \
            backups, with the same digests and the same chain of hashes. Only what it lacks is \
            brought, and every byte is proven before it counts. Run it again and again, and the \
            replica lags by one run; stop it at any time, and the next run goes on. Other \
            programs may work in both repositories meanwhile.

            The replica must be empty at first, or not be there at all; in an empty directory \
            that is no repository add --init. Record and back up into the first repository alone.

            Example:
              varve copy --from /backups/shop -r /other/shop
              varve copy Orders --from /backups/shop -r /other/shop --dry-run
            """)

    static let endsGently = true

    @OptionGroup var common: CommonOptions

    @Argument(help: ArgumentHelp("Only these tables.", valueName: "table"))
    var tables: [String] = []

    @Option(
        help: ArgumentHelp("The directory of the repository to copy.", valueName: "repository"))
    var from: String

    @Flag(help: "Only tell what would be brought.")
    var dryRun = false

    @Flag(name: .customLong("init"), help: "Make the replica where there is no repository yet.")
    var makesTarget = false

    @Flag(help: "Go on though the first repository lacks the state that the replica ends with.")
    var force = false

    func run(in session: Session) throws {
        let target = try common.store()
        let store = DirectoryStore(from)
        if FileSystem.isSame(store.location, target.location) {
            throw VarveError(
                .usage, "--from and -r name the same repository; a copy needs two")
        }
        try checkApart(store.location, target.location)
        if makesTarget { try CommonOptions.checkHasRoom(target.location) }
        var request = CopyRequest()
        request.tables = tables
        // A directory without anything may be one in which a disk is not mounted.
        request.makesTarget = try makesTarget || DirectoryStore(target.location).isUnfinished()
        request.isDryRun = dryRun
        request.isForced = force
        let source = try CommonOptions.open(store)
        let report = try session.withProgress("copying", countsBytes: true, of: "page") {
            try CopyOperation(from: source, to: target, request, control: session.control).run()
        }
        try session.printOutcome(
            json(report, source, target), lines: lines(report, target))
        var status: ExitStatus?
        for table in report.tables {
            guard let failure = table.failure else { continue }
            if !common.json { VarveCommand.tell(failure, asJSON: false) }
            status = status ?? ExitStatus(failure)
        }
        if status == nil, !report.damage.isEmpty { status = .damage }
        if let status { throw SilentStatus(status: status) }
    }

    /// What happens to a directory happens to all in it, and files that are no objects of a
    /// repository are none of its business: neither may lie in the other.
    private func checkApart(_ source: String, _ target: String) throws(VarveError) {
        let (inner, outer): (String, String)
        if FileSystem.isWithin(target, source) {
            (inner, outer) = ("-r", "--from")
        } else if FileSystem.isWithin(source, target) {
            (inner, outer) = ("--from", "-r")
        } else {
            return
        }
        throw VarveError(
            .usage,
            "the repository of \(inner) lies inside the directory of \(outer); a copy is to "
                + "outlive its source: keep them apart", at: target)
    }

    // MARK: Text

    private func lines(_ report: CopyReport, _ target: any ObjectStore) -> [String] {
        let would = report.isDryRun ? "would be " : ""
        var lines: [String] = []
        if report.madeTarget { lines.append("replica \(target.location) \(would)made") }
        for table in report.tables {
            if table.isUpToDate {
                lines.append("table \(table.name): up to date")
                lines += text(table.leftOut)
                continue
            }
            if table.failure != nil, !table.isCut {
                lines.append("table \(table.name): not brought")
                continue
            }
            var facts = FactList()
            var brought: [String] = []
            if table.commits > 0 { brought.append(Quantities.count(table.commits, "commit")) }
            if table.takesLayout { brought.append("a layout") }
            if table.settings > 0 {
                brought.append(Quantities.count(table.settings, "record") + " of settings")
            }
            if table.retention > 0 { brought.append("its retention") }
            if !table.backups.isEmpty {
                brought.append(Quantities.count(table.backups.count, "backup"))
            }
            facts.add("\(would)brought", brought.isEmpty ? nil : brought.joined(separator: ", "))
            facts.add(
                "data",
                "\(Quantities.count(table.blobs, "page")), \(Quantities.bytes(table.blobBytes))")
            if common.verbose { facts.add("head", table.head?.description) }
            lines.append("table \(table.name)\(table.isNew ? " (new)" : "")")
            lines += facts.lines + text(table.leftOut)
            lines += table.lacking.map {
                "  left out: backup \($0.name), whose state at \($0.instant) is damaged in the "
                    + "source"
            }
        }
        return lines.isEmpty ? ["there is no table to copy"] : lines
    }

    private func text(_ leftOut: [BackupRecord]) -> [String] {
        leftOut.map {
            "  left out: backup \($0.name), whose state at \($0.instant) was pruned in the replica"
        }
    }

    // MARK: JSON

    private func json(
        _ report: CopyReport, _ source: Repository, _ target: any ObjectStore
    ) -> JSONValue {
        .members([
            "from": .string(source.store.location), "to": .string(target.location),
            "repositoryId": .string(source.idText),
            "dryRun": .boolean(report.isDryRun), "made": .boolean(report.madeTarget),
            "complete": .boolean(report.isComplete),
            "tables": .array(
                report.tables.map { table in
                    .members([
                        "table": .string(table.name), "tableId": .string(table.id.description),
                        "new": .boolean(table.isNew), "upToDate": .boolean(table.isUpToDate),
                        "commits": .number(table.commits),
                        "layout": .boolean(table.takesLayout),
                        "settings": .number(table.settings),
                        "retention": .number(table.retention),
                        "backups": .array(table.backups.map(\.json)),
                        "leftOut": .array(table.leftOut.map(\.json)),
                        "lacking": .array(table.lacking.map(\.json)),
                        "pages": .number(table.blobs), "bytes": .number(table.blobBytes),
                        "head": table.head.map { .string($0.description) },
                        "error": table.failure.map { .string($0.description) },
                    ])
                }),
            "damage": .array(report.damage.map { .string($0.description) }),
        ])
    }
}
