import ArgumentParser
import VarveArchive
import VarveBytes
import VarveEndpoints
import VarveFormat

struct CheckpointsCommand: VarveSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "checkpoints", abstract: "List the recorded instants of a table.",
        discussion: """
            A checkpoint is a second after which the table was another than before; or a full \
            copy. Where every second is restorable, the state between two of them is that of the \
            first. The archive keeps the whole digest of each 256th, of backups and of the newest; \
            of the others the first four digits.

            Example:
              varve checkpoints Orders -r /backups/shop --from '1h ago'
              varve checkpoints Orders -r /backups/shop --from 2025-09-25T10:00:00Z --json
            """)

    @OptionGroup var common: CommonOptions

    @Argument(help: TableArgument.help)
    var table: String

    @Option(
        help: ArgumentHelp("Only from this time on; see 'varve help times'.", valueName: "time"))
    var from: String?

    @Option(help: ArgumentHelp("Only up to this time.", valueName: "time"))
    var to: String?

    func run(in session: Session) throws {
        let span = try InstantArgument.span(from, to)
        let (first, last) = (span.from ?? .least, span.to ?? .greatest)
        let history = try common.repository().history(of: table, for: .reading)
        session.warn(history.damage)
        var points = history.checkpoints(from: first, through: last)
        if common.json { return try printJSON(&points) }
        var output = ByteWriter(capacity: 1 << 16)
        if !common.quiet {
            output.append(utf8: "CHECKPOINT                 CHANGES        ITEMS  DIGEST\n")
        }
        while let point = try points.next() {
            let digest = point.digest.whole == nil ? point.digest.text + "…" : point.digest.text
            output.append(
                utf8: point.instant.description + padded(Quantities.count(point.changes), 14)
                    + padded(Quantities.count(point.items), 13) + "  " + digest + "\n")
            try flush(&output, atLeast: 1 << 16)
        }
        try flush(&output, atLeast: 0)
    }

    /// An array, one checkpoint a line: there may be millions.
    private func printJSON(_ points: inout CheckpointSequence) throws {
        var output = ByteWriter(capacity: 1 << 16)
        output.append(utf8: "[")
        var isFirst = true
        while let point = try points.next() {
            output.append(utf8: (isFirst ? "\n  " : ",\n  ") + point.json.compactText)
            isFirst = false
            try flush(&output, atLeast: 1 << 16)
        }
        output.append(utf8: isFirst ? "]\n" : "\n]\n")
        try flush(&output, atLeast: 0)
    }

    private func flush(_ output: inout ByteWriter, atLeast size: Int) throws {
        if output.count < size { return }
        try Console.write(output.bytes)
        output.removeAll()
    }

    private func padded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(1, width - text.count)) + text
    }
}
