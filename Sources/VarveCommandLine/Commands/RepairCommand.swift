import ArgumentParser
import VarveArchive
import VarveBackups
import VarveBytes
import VarveEndpoints
import VarveFormat
import VarveStorage

struct RepairCommand: VarveSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "repair", abstract: "Mend a damaged repository.",
        discussion: """
            Reads all packs and makes their indexes anew if they are lost or wrong. Takes what is \
            damaged or missing from another repository, if --from names one: best a replica. Keeps \
            what is sound of the rest, lays tables out anew that have holes in their history, and \
            says what is lost. Nothing is thrown away: what cannot be read is put into the \
            directory 'damaged' of the repository, for you to delete. Let nothing else write into \
            the repository meanwhile: it refuses if something seems to, or was cut off on another \
            machine less than a day ago.

            If the record of a table is lost, name the table and its key: the id of the table \
            proves the name, its pages the types, and its first commit, if that is there, the \
            whole record.

            Ends with status 20 if something is lost or still wrong.

            Example:
              varve repair -r /backups/shop --dry-run
              varve repair -r /backups/shop --from /other/shop
              varve repair -r /backups/shop --table Orders --partition-key Id:S
            """)

    static let endsGently = true

    @OptionGroup var common: CommonOptions

    @Option(
        help: ArgumentHelp(
            "The directory of a repository that has what is lost here.", valueName: "repository"))
    var from: String?

    @Flag(help: "Only tell what would be done, and what would be lost all the same.")
    var dryRun = false

    @Flag(help: "Go on though something else seems to write into the repository.")
    var force = false

    @Flag(
        help: """
            Give up the states that need lost pages, and lay their tables out anew without them, \
            so that backups and recording can go on. If there is a replica, use --from first: \
            afterwards only the states of backups come back from it. What is sound of the states \
            goes with the next prune: restore first, by parts, what is needed of it.
            """)
    var dropLost = false

    @Option(help: "The name of a table whose record is lost.")
    var table: String?

    @Option(
        help: ArgumentHelp("The name and type of its partition key.", valueName: "name:type"))
    var partitionKey: String?

    @Option(
        help: ArgumentHelp("The name and type of its sort key.", valueName: "name:type"))
    var sortKey: String?

    func run(in session: Session) throws {
        let store = try common.store()
        if try store.list("").isEmpty {
            throw VarveError(.noRepository, "there is nothing here to repair", at: store.location)
        }
        if let from, DirectoryStore(from).location == store.location {
            throw VarveError(.usage, "--from and -r name the same repository")
        }
        let schema = try KeyDefinition.schema(partition: partitionKey, sort: sortKey)
        if table == nil, schema != nil {
            throw VarveError(.usage, "--partition-key needs --table beside it")
        }
        let statement = table.map { TableStatement(name: $0, keySchema: schema) }
        let other = try from.map { try CommonOptions.open(DirectoryStore($0)) }
        let report = try session.withProgress("reading", countsBytes: true, of: "item") {
            try RepairOperation(
                store, from: other, isDryRun: dryRun, isForced: force, dropsLost: dropLost,
                statement: statement, control: session.control
            ).run()
        }
        try session.print(json(report), lines: lines(report))
        if !report.isClean { throw SilentStatus(status: .damage) }
    }

    // MARK: Text

    private func lines(_ report: RepairReport) -> [String] {
        let read =
            "\(Quantities.count(report.packsRead, "pack")), "
            + "\(Quantities.bytes(report.packBytesRead)) read"
        if report.isUnneeded {
            return ["nothing to repair; \(read)"] + report.notes.map { "note: \($0)" }
        }
        var lines = [
            report.actions.isEmpty
                ? "nothing could be done; \(read)"
                : report.isDryRun ? "this would be done; \(read)" : "repaired; \(read)"
        ]
        lines += report.actions.map { "  \(title($0.kind))  \($0.object): \($0.text)" }
        lines += report.losses.map { "lost: table \($0.table): \($0.text)" }
        lines += report.notes.map { "note: \($0)" }
        let check = report.verification
        lines += check.problems.map { "still wrong: \($0)" }
        lines += check.damages.map { "lost: \(VerifyCommand.text($0))" }
        let affected = check.backups.filter(\.isAffected)
        if !affected.isEmpty {
            lines.append("backups that cannot be restored whole:")
            lines += affected.map {
                "  \($0.id.description.prefix(8))  \($0.table)  \($0.name)  \($0.instant)"
            }
        }
        if report.isClean { lines.append("nothing is lost") }
        return lines
    }

    private func title(_ kind: RepairReport.Action.Kind) -> String {
        switch kind {
        case .takenRecord: "taken    "
        case .correctedRecord: "corrected"
        case .madeRecord: "made anew"
        case .setAsideRecord: "set aside"
        case .takenApartPack: "rescued  "
        case .takenBlobs: "taken    "
        case .madeIndex: "made     "
        case .removedIndex: "removed  "
        case .laidOutTable: "laid out "
        }
    }

    // MARK: JSON

    private func json(_ report: RepairReport) -> JSONValue {
        .members([
            "dryRun": .boolean(report.isDryRun), "clean": .boolean(report.isClean),
            "packsRead": .number(report.packsRead),
            "packBytesRead": .number(report.packBytesRead),
            "actions": .array(
                report.actions.map {
                    .members([
                        "kind": .string($0.kind.rawValue), "object": .string($0.object),
                        "text": .string($0.text),
                    ])
                }),
            "losses": .array(
                report.losses.map {
                    .members(["table": .string($0.table), "text": .string($0.text)])
                }),
            "notes": .array(report.notes.map { .string($0) }),
            "problems": .array(
                report.verification.problems.map {
                    .members(["object": .string($0.object), "message": .string($0.message)])
                }),
            "damages": .array(
                report.verification.damages.map { .string(VerifyCommand.text($0)) }),
            "affectedBackups": .array(
                report.verification.backups.filter(\.isAffected).map {
                    .members([
                        "table": .string($0.table), "id": .string($0.id.description),
                        "name": .string($0.name), "instant": .string($0.instant.description),
                    ])
                }),
        ])
    }
}
