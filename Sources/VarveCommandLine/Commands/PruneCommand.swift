import ArgumentParser
import VarveArchive
import VarveBackups
import VarveBytes
import VarveEndpoints
import VarveFormat

struct PruneCommand: VarveSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "prune", abstract: "Free what no backup needs any more.",
        discussion: """
            Deletes backups whose promised time is over (--keep-for), even the last one of a \
            table, lays out anew what the others need, and frees the rest. With --dry-run it says \
            what would go, and writes nothing. Data that is found to be useless stays for the time \
            of grace first; other programs may go on backing up meanwhile.

            Example:
              varve prune -r /backups/shop --dry-run
              varve prune -r /backups/shop --grace 1d
            """)

    @OptionGroup var common: CommonOptions

    @Flag(help: "Only tell what would be done.")
    var dryRun = false

    @Flag(
        help: ArgumentHelp(
            "Drop also what an earlier, longer retention promised; trust a clock that is far ahead."
        ))
    var allowShrink = false

    @Option(
        help: ArgumentHelp(
            "How long useless data stays before it is deleted (default: 7d; 0s for none).",
            valueName: "duration"))
    var grace: GraceArgument?

    func run(in session: Session) throws {
        var request = Pruning.Request()
        request.isDryRun = dryRun
        request.allowsShrinking = allowShrink
        if let grace { request.grace = grace.microseconds }
        let repository = try common.repository()
        if !dryRun { try announce(repository, request, session) }
        let report = try Pruning(repository, request).run()
        try session.printOutcome(isTrial: dryRun, report.json, lines: report.lines(common))
    }

    /// Says what goes before it goes.
    private func announce(
        _ repository: Repository, _ request: Pruning.Request, _ session: Session
    ) throws {
        if common.json || common.quiet { return }
        var request = request
        request.isDryRun = true
        let plan = try Pruning(repository, request).run()
        for table in plan.tables where table.isLaidOut {
            let gone = table.statesBefore - table.statesAfter
            let stays =
                table.leavesNothing
                ? "nothing: no state of this table can be restored any more"
                : table.rangesAfter.map(\.retentionText).joined(separator: "; ")
            session.warn([
                "of table \(table.name) \(Quantities.count(gone, "state")) will go; what stays: "
                    + stays
            ])
        }
    }
}

extension RestorableRange {
    /// For people: from when to when, and how exact.
    var retentionText: String {
        (from == to ? "\(from)" : "\(from) to \(to)")
            + (isExactAtCheckpointsOnly ? ", at checkpoints" : ", every second")
    }

    var retentionJSON: JSONValue {
        .members([
            "from": .string(from.description), "to": .string(to.description),
            "everySecond": .boolean(!isExactAtCheckpointsOnly),
        ])
    }
}

/// A duration that may be none.
struct GraceArgument: ExpressibleByArgument {
    let microseconds: Int64

    init?(argument: String) {
        if argument == "0" || argument == "0s" {
            microseconds = 0
        } else if let duration = DurationArgument(argument: argument) {
            microseconds = duration.microseconds
        } else {
            return nil
        }
    }
}
