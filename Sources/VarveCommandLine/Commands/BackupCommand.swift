import ArgumentParser
import VarveArchive
import VarveBackups
import VarveBytes
import VarveEndpoints
import VarveFormat
import VarveModel

struct BackupCommand: VarveSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Archive a copy of a table, or name a recorded state.",
        discussion: """
            SOURCE is a file of DynamoDB JSON, one item a line; what 'aws dynamodb scan' prints; \
            the directory of a full export to S3; or - for standard input. Files may be gzip.

            The key attributes are needed once, for a table that is new to the repository. Without \
            --time the backup is of the export's time, or else of now.

            Without SOURCE the backup is of the newest state that is recorded, or with --at of a \
            past one. It copies nothing and takes the same time whatever the table's size; prune \
            keeps what it needs.

            Example:
              varve backup Orders orders.jsonl -r /backups/shop --name monday \\
                --partition-key InvoiceNo:S --sort-key Line:N
              aws dynamodb scan --table-name Orders --consistent-read |
                varve backup Orders - -r /backups/shop --name tuesday
              varve backup Orders -r /backups/shop --name before-migration
              varve backup Orders -r /backups/shop --name last-good --at '2h ago'
            """)

    static let endsGently = true

    @OptionGroup var common: CommonOptions

    @Argument(help: TableArgument.help)
    var table: String

    @Argument(
        help: "The copy: a file, an export's directory, or -; left out: a recorded state.",
        completion: .file())
    var source: String?

    @Option(help: "The backup's name.")
    var name: String

    @Option(
        help: ArgumentHelp(
            "The partition key: its name and type S, N or B.", valueName: "name:type"))
    var partitionKey: String?

    @Option(help: ArgumentHelp("The sort key, if the table has one.", valueName: "name:type"))
    var sortKey: String?

    @Flag(help: "The source is plain JSON, without DynamoDB's types.")
    var plainJson = false

    @Option(help: "When the copy was made, for example 2025-09-25T10:00:00Z.")
    var time: String?

    @Option(
        help: ArgumentHelp(
            "Without a source: the state at this time; see 'varve help times'.", valueName: "time"))
    var at: String?

    @Option(
        help: ArgumentHelp(
            "What aws dynamodb describe-table and the like print; may be given several times.",
            valueName: "file"),
        completion: .file())
    var settings: [String] = []

    @Option(
        help: ArgumentHelp(
            "Promise to keep it so long, for example 90d; afterwards prune deletes it.",
            valueName: "duration"))
    var keepFor: DurationArgument?

    @Flag(help: "Allow what looks like a mistake: most items gone, another ARN, another key.")
    var force = false

    func run(in session: Session) throws {
        guard let source else { return try nameState(session) }
        if at != nil {
            throw VarveError(
                .usage, "--at names a recorded state; when a copy was made is told by --time")
        }
        var request = FullBackupRequest(table: table, source: source, name: name)
        request.sourceOptions.isPlainJSON = plainJson
        request.schema = try KeyDefinition.schema(partition: partitionKey, sort: sortKey)
        request.instant = try InstantArgument.parse(time)
        request.settingsFiles = settings
        request.keepFor = keepFor?.microseconds
        request.force = force
        let repository = try common.repository()
        let report = try session.withProgress("reading", countsBytes: true) {
            try FullBackupOperation(repository, request, control: session.control).run()
        }
        session.warn(report.warnings)
        try session.printOutcome(report.json, lines: lines(report))
    }

    /// A backup without a source.
    private func nameState(_ session: Session) throws {
        if partitionKey != nil || sortKey != nil || plainJson || time != nil || !settings.isEmpty
            || force
        {
            throw VarveError(
                .usage, "this backup has no source; only --name, --at and --keep-for fit it")
        }
        var request = NamedBackupRequest(table: table, name: name)
        if let at { request.state = try StateSelection(time: at) }
        request.keepFor = keepFor?.microseconds
        let report = try NamedBackupOperation(try common.repository(), request).run()
        session.warn(report.warnings)
        let backup = report.backup
        var facts = FactList()
        facts.add("as of", backup.instant.description)
        facts.add(
            "items",
            Quantities.count(backup.items) + ", "
                + "\(Quantities.bytes(backup.bytes)) by DynamoDB's measure")
        facts.add("keep until", backup.keepUntil.map(Quantities.time))
        facts.add("digest", backup.digest.description)
        facts.add("head", report.table.head.description)
        let title =
            "backup \(backup.name) (\(backup.id.description.prefix(8))) of table \(table) "
            + "in \(Quantities.elapsed(report.microseconds))"
        try session.printOutcome(
            .members([
                "table": .string(table), "backup": backup.json,
                "head": .string(report.table.head.description),
                "warnings": .array(report.warnings.map { .string($0) }),
                "microseconds": .number(report.microseconds),
            ]),
            lines: [title] + facts.lines)
    }

    private func lines(_ report: FullBackupReport) -> [String] {
        let backup = report.backup
        let outcome = report.outcome
        var facts = FactList()
        facts.add("as of", backup.instant.description)
        facts.add(
            "items",
            Quantities.count(backup.items) + ", "
                + "\(Quantities.bytes(backup.bytes)) by DynamoDB's measure"
        )
        if outcome.wasKnown {
            facts.add("changes", "none: this state was in the repository already")
        } else if let counts = outcome.counts {
            facts.add(
                "changes",
                Quantities.count(counts.puts) + " put, "
                    + "\(Quantities.count(counts.removals)) removed"
            )
        } else if !report.isNewTable {
            facts.add("changes", "not counted: the copy stands for itself")
        }
        let kind = outcome.wroteImage ? "a whole image" : "the changes alone"
        facts.add(
            "stored",
            outcome.wasKnown ? nil : "\(Quantities.bytes(outcome.addedBytes)), as \(kind)")
        facts.add("keep until", backup.keepUntil.map(Quantities.time))
        facts.add("digest", backup.digest.description)
        facts.add("head", backup.commitHash.description)
        if common.verbose {
            facts.add("arn", backup.arn)
            facts.add("table id", report.table.id.description)
            facts.add("source", "\(report.facts.path)\(report.wasSorted ? ", sorted" : "")")
        }
        let title =
            "backup \(backup.name) (\(backup.id.description.prefix(8))) of table \(table) "
            + "in \(Quantities.elapsed(report.microseconds))"
        return [title] + facts.lines
    }
}

extension FullBackupReport {
    var json: JSONValue {
        .members([
            "table": .string(table.record.name),
            "tableId": .string(table.id.description),
            "isNewTable": .boolean(isNewTable),
            "backup": backup.json,
            "wroteImage": .boolean(outcome.wroteImage),
            "entries": .number(outcome.entries),
            "addedBytes": .number(outcome.addedBytes),
            "puts": (outcome.counts?.puts).map { .number($0) },
            "removals": (outcome.counts?.removals).map { .number($0) },
            "wasKnown": .boolean(outcome.wasKnown),
            "wasSorted": .boolean(wasSorted),
            "storedSettings": .boolean(storedSettings),
            "head": .string(outcome.commitHash.description),
            "warnings": .array(warnings.map { .string($0) }),
            "microseconds": .number(microseconds),
        ])
    }
}

extension BackupRecord {
    var json: JSONValue {
        .members([
            "id": .string(id.description),
            "name": .string(name),
            "arn": arn.isEmpty ? nil : .string(arn),
            "kind": .string(kind == .user ? "USER" : "SYSTEM"),
            "instant": .string(instant.description),
            "created": .string(Quantities.time(created)),
            "keepUntil": keepUntil.map { .string(Quantities.time($0)) },
            "items": .number(items),
            "itemBytes": .number(bytes),
            "digest": .string(digest.description),
            "commitSequence": .number(commitSequence),
            "commitHash": .string(commitHash.description),
            "source": .string(source),
        ])
    }
}
