import ArgumentParser
import VarveBackups
import VarveBytes

struct GetCommand: VarveSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "Print one item as it was.",
        discussion: """
            The key and the item are DynamoDB JSON. Only the pages that may hold the key are read.

            Example:
              varve get Orders '{"InvoiceNo":{"S":"536365"},"Line":{"N":"0"}}' \\
                -r /backups/shop --at 2025-09-25T10:00:00Z
            """)

    @OptionGroup var common: CommonOptions

    @Argument(help: TableArgument.help)
    var table: String

    @Argument(help: "The item's key attributes.")
    var key: String

    @OptionGroup var state: StateOptions

    func run(in session: Session) throws {
        let selection = try state.selection()
        let reading = ItemReading(
            try common.repository(), table: table, control: session.control)
        let found = try reading.item(key, at: selection)
        guard let json = found.json else {
            throw VarveError(
                .notFound, "table \(table) had no item with this key at \(found.instant)", at: key)
        }
        try Console.write(json + "\n")
    }
}
