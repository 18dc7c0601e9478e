import ArgumentParser
import VarveArchive
import VarveBackups
import VarveBytes
import VarveEndpoints
import VarveFormat

struct ForgetCommand: VarveSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "forget", abstract: "Delete backups, by name or by rules.",
        discussion: """
            Rules (--keep-…) look only at backups without a time limit. One made with --keep-for \
            is kept until then; afterwards prune deletes it: no rule deletes it before, and it \
            takes the place of no other. Without TABLE the rules are applied to every table, each \
            by itself. 'varve prune', or --prune, frees the room.

            Example:
              varve forget Orders monday -r /backups/shop
              varve forget Orders -r /backups/shop --keep-daily 7 --dry-run
              varve forget -r /backups/shop --keep-daily 7 --keep-yearly 5 --prune
            """)

    @OptionGroup var common: CommonOptions

    @Argument(help: "The table, see 'varve help table-names'; left out: every table.")
    var table: String?

    @Argument(help: "Backups: names, ARNs, or beginnings of ids.")
    var backups: [String] = []

    @Option(help: "Keep so many of the newest.")
    var keepLast: Int?

    @Option(
        help: ArgumentHelp("Keep those within so long before the newest.", valueName: "duration"))
    var keepWithin: DurationArgument?

    @Option(help: "Keep the newest of each of so many hours.")
    var keepHourly: Int?

    @Option(help: "Keep the newest of each of so many days.")
    var keepDaily: Int?

    @Option(help: "Keep the newest of each of so many weeks.")
    var keepWeekly: Int?

    @Option(help: "Keep the newest of each of so many months.")
    var keepMonthly: Int?

    @Option(help: "Keep the newest of each of so many years.")
    var keepYearly: Int?

    @Flag(help: "Forget those whose promised time is over.")
    var expired = false

    @Flag(help: "Forget backups that are named even if they were promised to be kept.")
    var force = false

    @Flag(help: "Free the room, too, as 'varve prune' does.")
    var prune = false

    @Flag(help: "Only tell what would be done.")
    var dryRun = false

    func validate() throws {
        let counts = [keepLast, keepHourly, keepDaily, keepWeekly, keepMonthly, keepYearly]
        if counts.contains(where: { ($0 ?? 1) < 1 }) {
            throw ValidationError("What is to be kept must be at least 1.")
        }
        if backups.isEmpty, !expired, !request.hasRules {
            throw ValidationError(
                "Say which backups to forget: names behind their table's, --expired, or what to "
                    + "keep with --keep-….")
        }
        if force, backups.isEmpty {
            throw ValidationError("--force is for backups that are named; no rule deletes others.")
        }
    }

    private var request: ForgetRequest {
        var request = ForgetRequest(table: table ?? "")
        request.names = backups
        request.keepLast = keepLast
        request.keepWithin = keepWithin?.microseconds
        request.keepHourly = keepHourly
        request.keepDaily = keepDaily
        request.keepWeekly = keepWeekly
        request.keepMonthly = keepMonthly
        request.keepYearly = keepYearly
        request.expired = expired
        request.force = force
        request.isDryRun = dryRun
        return request
    }

    func run(in session: Session) throws {
        let repository = try common.repository()
        let operation = ForgetOperation(repository, request)
        let reports = table == nil ? try operation.runAll() : [try operation.run()]
        let untouched = reports.flatMap(\.untouched)
        if !untouched.isEmpty, backups.isEmpty {
            session.warn([
                "rules judge one incarnation of a table at a time; not judged: "
                    + untouched.joined(separator: ", ")
            ])
        }
        var pruned: PruningReport?
        if prune {
            var request = Pruning.Request()
            request.isDryRun = dryRun
            request.forgotten = Set(reports.flatMap(\.forgotten).map(\.id))
            pruned = try Pruning(repository, request).run()
        }
        try session.printOutcome(
            isTrial: dryRun,
            table == nil
                ? .members([
                    "dryRun": .boolean(dryRun), "tables": .array(reports.map { json($0, nil) }),
                    "prune": pruned?.json,
                ])
                : json(reports[0], pruned),
            lines: (reports.isEmpty ? ["no backups"] : reports.flatMap(lines))
                + (pruned?.lines(common) ?? []))
    }

    private func lines(_ report: ForgetReport) -> [String] {
        var list = TextTable(.text(""), .text("ID"), .text("NAME"), .text("STATE OF"))
        func add(_ backups: [BackupRecord], _ what: String) {
            for backup in backups {
                list.add(
                    what, String(backup.id.description.prefix(common.verbose ? 64 : 8)),
                    backup.name, backup.instant.description)
            }
        }
        let others = Set((report.promised + report.over).map(\.id))
        add(report.forgotten, dryRun ? "would forget" : "forgot")
        add(report.kept.filter { !others.contains($0.id) }, "kept")
        add(report.promised, "kept until its time is over")
        add(report.over, "time is over; prune deletes it")
        let lines = list.isEmpty ? ["no backups"] : Array(list.lines.dropFirst())
        if table != nil { return lines }
        let ordinal = report.table.ordinal
        return ["table \(report.table.name)" + (ordinal == 0 ? "" : " (\(ordinal + 1))")]
            + lines.map { "  " + $0 }
    }

    private func json(_ report: ForgetReport, _ pruned: PruningReport?) -> JSONValue {
        .members([
            "table": .string(report.table.name), "tableId": .string(report.tableID.description),
            "dryRun": .boolean(dryRun), "forgotten": .array(report.forgotten.map(\.json)),
            "kept": .array(report.kept.map(\.json)),
            "keptByPromise": .array(report.promised.map { .string($0.id.description) }),
            "over": .array(report.over.map { .string($0.id.description) }),
            "prune": pruned?.json,
        ])
    }
}
