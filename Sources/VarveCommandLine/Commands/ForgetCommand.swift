import ArgumentParser
import VarveBackups
import VarveBytes
import VarveEndpoints
import VarveFormat

struct ForgetCommand: VarveSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "forget", abstract: "Delete backups, by name or by rules.",
        discussion: """
            A backup that is promised to be kept stays until that time is over, unless --force is \
            given. 'varve prune' frees the room.

            Example:
              varve forget Orders monday -r /backups/shop
              varve forget Orders -r /backups/shop --keep-daily 7 --keep-monthly 12 --dry-run
            """)

    @OptionGroup var common: CommonOptions

    @Argument(help: "The table's name.")
    var table: String

    @Argument(help: "Backups: names, ARNs, or beginnings of ids.")
    var backups: [String] = []

    @Option(help: "Keep so many of the newest.")
    var keepLast: Int?

    @Option(
        help: ArgumentHelp("Keep those within so long before the newest.", valueName: "duration"))
    var keepWithin: DurationArgument?

    @Option(help: "Keep the newest of each of so many days.")
    var keepDaily: Int?

    @Option(help: "Keep the newest of each of so many weeks.")
    var keepWeekly: Int?

    @Option(help: "Keep the newest of each of so many months.")
    var keepMonthly: Int?

    @Flag(help: "Forget those whose promised time is over.")
    var expired = false

    @Flag(help: "Forget even what was promised to be kept.")
    var force = false

    @Flag(help: "Only tell what would be done.")
    var dryRun = false

    func validate() throws {
        let counts = [keepLast, keepDaily, keepWeekly, keepMonthly].compactMap { $0 }
        if counts.contains(where: { $0 < 1 }) {
            throw ValidationError("What is to be kept must be at least 1.")
        }
    }

    func run(in session: Session) throws {
        var request = ForgetRequest(table: table)
        request.names = backups
        request.keepLast = keepLast
        request.keepWithin = keepWithin?.microseconds
        request.keepDaily = keepDaily
        request.keepWeekly = keepWeekly
        request.keepMonthly = keepMonthly
        request.expired = expired
        request.force = force
        request.isDryRun = dryRun
        let report = try ForgetOperation(try common.repository(), request).run()
        try session.printOutcome(isTrial: dryRun,
            .members([
                "table": .string(table), "dryRun": .boolean(dryRun),
                "forgotten": .array(report.forgotten.map(\.json)),
                "kept": .array(report.kept.map(\.json)),
                "keptByPromise": .array(report.promised.map { .string($0.id.description) }),
            ]),
            lines: lines(report))
    }

    private func lines(_ report: ForgetReport) -> [String] {
        var table = TextTable(.text(""), .text("ID"), .text("NAME"), .text("STATE OF"))
        func add(_ backups: [BackupRecord], _ what: String) {
            for backup in backups {
                table.add(
                    what, String(backup.id.description.prefix(8)), backup.name,
                    backup.instant.description)
            }
        }
        let promised = Set(report.promised.map(\.id))
        add(report.forgotten, dryRun ? "would forget" : "forgot")
        add(report.kept.filter { !promised.contains($0.id) }, "kept")
        add(report.promised, "kept by promise")
        return table.isEmpty ? ["no backups"] : Array(table.lines.dropFirst())
    }
}
