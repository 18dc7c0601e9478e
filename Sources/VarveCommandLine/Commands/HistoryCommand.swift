import ArgumentParser
import VarveArchive
import VarveBackups
import VarveBytes
import VarveEndpoints
import VarveFormat

struct HistoryCommand: VarveSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Tell every version of one item.",
        discussion: """
            The key is DynamoDB JSON. Each line is a version, the oldest first: when it came to \
            be, how it is known, and the item. put and delete are recorded changes; found and \
            missing tell what a full copy had. A time in brackets is the latest possible one: \
            between two copies nobody knows when a change came.

            Example:
              varve history Orders '{"InvoiceNo":{"S":"536365"},"Line":{"N":"0"}}' \\
                -r /backups/shop
            """)

    @OptionGroup var common: CommonOptions

    @Argument(help: TableArgument.help)
    var table: String

    @Argument(help: "The item's key attributes.")
    var key: String

    @Option(
        help: ArgumentHelp(
            "Only versions from this time on; see 'varve help times'.", valueName: "time"))
    var from: String?

    @Option(help: ArgumentHelp("Only versions before this time.", valueName: "time"))
    var to: String?

    func run(in session: Session) throws {
        let (first, last) = try InstantArgument.span(from, to)
        let operation = try ItemHistoryOperation(
            try common.repository(), table: table, key: key, control: session.control)
        var isFirst = true
        if common.json { try Console.write("[") }
        try operation.run(from: first, before: last) { version in
            let line = common.json
                ? (isFirst ? "\n  " : ",\n  ") + json(version) : text(version) + "\n"
            isFirst = false
            try Console.write(line)
        }
        if common.json { try Console.write(isFirst ? "]\n" : "\n]\n") }
        if isFirst, !common.json, !common.quiet {
            Console.note("varve: note: no version of this item is recorded for that time\n")
        }
    }

    private func text(_ version: ItemHistoryOperation.Version) -> String {
        let time = Quantities.preciseTime(version.time)
        let shown = version.isExact ? time : "(\(time))"
        return "\(shown)  \(version.kind.rawValue)" + (version.item.map { "  " + $0 } ?? "")
    }

    /// The item is JSON already.
    private func json(_ version: ItemHistoryOperation.Version) -> String {
        let facts = JSONValue.members([
            "time": .string(Quantities.preciseTime(version.time)),
            "microseconds": .number(version.time),
            "kind": .string(version.kind.rawValue), "isExact": .boolean(version.isExact),
        ]).compactText
        guard let item = version.item else { return facts }
        return facts.dropLast() + ",\"Item\":" + item + "}"
    }
}
