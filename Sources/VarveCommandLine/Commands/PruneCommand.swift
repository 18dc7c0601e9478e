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
            Deletes backups whose promised time is over, lays out anew what the others need, and \
            frees the rest. Data that is found to be useless stays for the time of grace first; \
            other programs may go on backing up meanwhile.

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
        try session.printOutcome(isTrial: dryRun, json(report), lines: lines(report))
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
            session.warn([
                "of table \(table.name) \(Quantities.count(gone, "state")) will go; what stays: "
                    + table.rangesAfter.map(\.retentionText).joined(separator: "; ")
            ])
        }
    }

    // MARK: Text

    private func lines(_ report: PruningReport) -> [String] {
        let would = report.isDryRun ? "would be " : ""
        var lines: [String] = []
        for table in report.tables {
            let gone = table.statesBefore - table.statesAfter
            var facts = FactList()
            facts.add(
                "expired",
                table.expired.isEmpty ? nil : table.expired.map(\.name).joined(separator: ", "))
            facts.add(
                "states",
                "\(Quantities.count(table.statesAfter)) kept, "
                    + "\(Quantities.count(gone)) \(would)dropped")
            facts.add(
                "laid out",
                table.isLaidOut
                    ? "\(Quantities.count(table.rewrittenRuns, "run")) \(would)merged" : nil)
            for range in table.rangesAfter {
                facts.add("stays", range.retentionText)
            }
            for note in table.notes { facts.add("note", note) }
            lines += ["table \(table.name)"] + facts.lines
        }
        let found = report.collection
        var facts = FactList()
        facts.add("kept", packs(found.keptPacks, found.keptBytes))
        facts.add("\(would)condemned", packs(found.condemnedPacks, found.condemnedBytes))
        facts.add("waiting", packs(found.waitingPacks, found.waitingBytes))
        facts.add("\(would)deleted", packs(found.deletedPacks, found.deletedBytes))
        facts.add("\(would)repacked", packs(found.repackedPacks, found.repackedBytes))
        return lines + ["data"] + facts.lines
    }

    private func packs(_ count: Int, _ bytes: UInt64) -> String? {
        count == 0 ? nil : "\(Quantities.count(count, "pack")), \(Quantities.bytes(bytes))"
    }

    // MARK: JSON

    private func json(_ report: PruningReport) -> JSONValue {
        let found = report.collection
        return .members([
            "dryRun": .boolean(report.isDryRun),
            "tables": .array(
                report.tables.map { table in
                    .members([
                        "table": .string(table.name), "tableId": .string(table.id.description),
                        "expired": .array(table.expired.map(\.json)),
                        "statesBefore": .number(table.statesBefore),
                        "statesAfter": .number(table.statesAfter),
                        "rangesBefore": .array(table.rangesBefore.map(\.retentionJSON)),
                        "rangesAfter": .array(table.rangesAfter.map(\.retentionJSON)),
                        "notes": .array(table.notes.map { .string($0) }),
                        "isLaidOut": .boolean(table.isLaidOut),
                        "rewrittenRuns": .number(table.rewrittenRuns),
                        "movedImages": .number(table.movedImages),
                    ])
                }),
            "keptPacks": .number(found.keptPacks),
            "keptBytes": .number(found.keptBytes),
            "condemnedPacks": .number(found.condemnedPacks),
            "condemnedBytes": .number(found.condemnedBytes),
            "waitingPacks": .number(found.waitingPacks),
            "waitingBytes": .number(found.waitingBytes),
            "deletedPacks": .number(found.deletedPacks),
            "deletedBytes": .number(found.deletedBytes),
            "rescuedPacks": .number(found.rescuedPacks),
            "repackedPacks": .number(found.repackedPacks),
            "repackedBytes": .number(found.repackedBytes),
        ])
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
