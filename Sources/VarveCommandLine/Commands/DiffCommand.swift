import ArgumentParser
import VarveBackups
import VarveBytes
import VarveEndpoints

struct DiffCommand: VarveSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Tell what changed between two states of a table.",
        discussion: """
            FROM and TO are backups or times; one of them may be a file, or - for \
            standard input. The changes are the net \
            ones: records of AWS's incremental exports, one a line, in key order: an insert has no \
            OldImage, a deletion no NewImage. Within recorded history only the changes between \
            both times are read, however large the table is.

            Example:
              varve diff Orders monday tuesday -r /backups/shop --summary
              varve diff Orders 2025-09-25T10:00:00Z '2h ago' -r /backups/shop
              varve diff Orders monday orders.jsonl -r /backups/shop > changes.jsonl
              aws dynamodb scan --table-name Orders --consistent-read |
                varve diff Orders monday - -r /backups/shop --summary
            """)

    static let endsGently = true

    @OptionGroup var common: CommonOptions

    @Argument(help: TableArgument.help)
    var table: String

    @Argument(help: "The state before.")
    var from: String

    @Argument(help: "The state after.")
    var to: String

    @Flag(help: "Only count the changes.")
    var summary = false

    @Flag(help: "The file is plain JSON, without DynamoDB's types.")
    var plainJson = false

    func run(in session: Session) throws {
        var request = DifferenceRequest(table: table, from: from, to: to)
        request.isPlainJSON = plainJson
        let operation = DifferenceOperation(
            try common.repository(), request, control: session.control)
        if !summary {
            _ = try operation.run { try Console.write($0) }
            return
        }
        let found = try operation.run(nil)
        try session.print(
            .members([
                "table": .string(table), "from": .string(found.from), "to": .string(found.to),
                "added": .number(found.added), "removed": .number(found.removed),
                "replaced": .number(found.replaced),
            ]),
            lines: lines(found))
    }

    private func lines(_ found: DifferenceSummary) -> [String] {
        var facts = FactList()
        facts.add("from", found.from)
        facts.add("to", found.to)
        facts.add("added", Quantities.count(found.added))
        facts.add("removed", Quantities.count(found.removed))
        facts.add("replaced", Quantities.count(found.replaced))
        return ["table \(table)"] + facts.lines
    }
}
