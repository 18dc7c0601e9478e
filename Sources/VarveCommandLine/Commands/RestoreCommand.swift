import ArgumentParser
import VarveArchive
import VarveBackups
import VarveBytes
import VarveEndpoints
import VarveFormat

struct RestoreCommand: VarveSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Write a state of a table to a file, and prove it.",
        discussion: """
            The target comes into being whole, once its digest equals the one recorded when the \
            data was live, or not at all. What is printed is the receipt: keep it, its head hash \
            proves the archive later.

            Example:
              varve restore Orders -r /backups/shop --backup monday --to orders.jsonl
              varve restore Orders -r /backups/shop --at 2025-09-25T10:00:00Z \\
                --to then.jsonl
              varve restore Orders -r /backups/shop --at '2h ago' --to before.jsonl
              varve restore --all -r /backups/shop --at 2025-09-25T10:00:00Z \\
                --to shop-then
              varve restore Orders -r /backups/shop --latest --to part.jsonl \\
                --partition 536365
            """)

    static let endsGently = true

    @OptionGroup var common: CommonOptions

    @Argument(help: "The table, see 'varve help table-names'; left out with --all.")
    var table: String?

    @Flag(help: "Restore every table, into a directory: all of them at one instant with --at.")
    var all = false

    @Flag(help: "With --all: leave out tables that have no such state.")
    var skipUnknown = false

    @OptionGroup var state: StateOptions

    @Option(
        help: ArgumentHelp("What to make; it must not be there yet.", valueName: "target"),
        completion: .file())
    var to: String

    @Option(
        help: ArgumentHelp(
            "How the items are written: \(RestoreRequest.Format.names) (default: csv for a target "
                + "that ends in .csv or .csv.gz, else dynamodb-json).", valueName: "format"),
        completion: .list(RestoreRequest.Format.allCases.map(\.rawValue)),
        transform: RestoreRequest.Format.init(argument:))
    var format: RestoreRequest.Format?

    @Flag(help: "Allow a format that loses the types of binary values and sets.")
    var lossy = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Only items with this partition key.", valueName: "value"))
    var partition: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Only keys from FROM on, before TO: sort keys with --partition, else partition keys.",
            valueName: "from..to"))
    var keyRange: String?

    func run(in session: Session) throws {
        if to.isEmpty {
            throw VarveError(.usage, "--to is empty: name the file or directory to make, or -")
        }
        guard (table == nil) == all else {
            throw VarveError(.usage, "name one table, or use --all")
        }
        if skipUnknown, !all { throw VarveError(.usage, "--skip-unknown goes with --all") }
        var request = RestoreRequest(table: table ?? "", state: try state.selection(), target: to)
        request.format = format ?? (all ? .dynamoDBJSON : RestoreRequest.Format(target: to))
        request.isLossy = lossy
        request.partition = partition
        request.keyRange = keyRange
        let repository = try common.repository()
        if all { return try restoreAll(repository, request, session) }
        let receipt = try session.withProgress("restoring", countsBytes: false) {
            try RestoreOperation(repository, request, control: session.control).run()
        }
        try tell(receipt, session)
    }

    private func restoreAll(
        _ repository: Repository, _ request: RestoreRequest, _ session: Session
    ) throws {
        if state.backup != nil || partition != nil || keyRange != nil || to == "-" {
            throw VarveError(
                .usage, "--all restores whole tables into a directory, with --at or --latest")
        }
        let operation = RestoreAllOperation(
            repository, request, skipsUnknown: skipUnknown, control: session.control)
        let found = try session.withProgress("restoring", countsBytes: false) {
            try operation.run()
        }
        session.warn(found.skipped.map { "left out: \($0)" })
        try session.printOutcome(
            .members([
                "target": .string(to), "tables": .array(found.receipts.map(\.json)),
                "skipped": .array(found.skipped.map { .string($0) }),
            ]),
            lines: found.receipts.flatMap(lines)
                + ["\(Quantities.count(found.receipts.count, "table")) in \(to)"])
    }

    /// Where the receipt goes: standard output, unless that is the target.
    private func tell(_ receipt: RestoreReceipt, _ session: Session) throws {
        if to != "-" { return try session.printOutcome(receipt.json, lines: lines(receipt)) }
        if common.json {
            Console.note(receipt.json.prettyText)
        } else if !common.quiet {
            Console.note(lines(receipt).map { $0 + "\n" }.joined())
        }
    }

    private func lines(_ receipt: RestoreReceipt) -> [String] {
        var facts = FactList()
        facts.add(
            "state",
            receipt.instant.description
                + (receipt.isUnsealed ? ", with changes of a second that is not complete" : ""))
        facts.add("backup", receipt.backup.map {
                "\($0.name) (\($0.id.description.prefix(common.verbose ? 64 : 8)))"
            })
        facts.add(
            "items",
            Quantities.count(receipt.items)
                + (receipt.isPart ? " of \(Quantities.count(receipt.itemsRecorded))" : "")
                + ", \(Quantities.bytes(receipt.itemBytes)) by DynamoDB's measure")
        facts.add(
            "target", "\(receipt.target), \(Quantities.bytes(receipt.fileBytes)), \(receipt.format)"
        )
        facts.add(receipt.isPart ? "digest read" : "digest recorded", "\(receipt.digestRecorded)")
        facts.add("digest restored", "\(receipt.digestRecomputed)")
        facts.add("proof", "equal: \(receipt.explanation)")
        facts.add("head", "\(receipt.head)")
        if common.verbose {
            facts.add("checkpoint", receipt.checkpoint.description)
            facts.add("derived from", receipt.derivedFrom?.description)
            facts.add(
                "commit", receipt.backup.map { "\($0.commitSequence) \($0.commitHash)" })
        }
        let part = receipt.isPart ? "a part of " : ""
        return [
            "restored \(part)table \(receipt.title) in \(Quantities.elapsed(receipt.microseconds))"
        ]
            + facts.lines
    }
}

extension RestoreRequest.Format {
    static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }

    /// The format that a file's name tells.
    init(target: String) {
        let name = target.lowercased()
        let isCSV = name.hasSuffix(".csv") || name.hasSuffix(".csv.gz")
        self = isCSV ? .csv : .dynamoDBJSON
    }

    init(argument: String) throws {
        guard let format = Self(rawValue: argument) else {
            throw ValidationError("'\(argument)' is no format; there are \(Self.names).")
        }
        self = format
    }
}
