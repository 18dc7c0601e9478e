import ArgumentParser
import VarveArchive
import VarveBytes
import VarveEndpoints
import VarveFormat

struct HeadCommand: VarveSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "head", abstract: "Print the hash that vouches for a table's whole history.",
        discussion: """
            Each commit's hash covers the one before. Keep the hash outside the repository: an \
            archive that was rewritten cannot show it again. With --quiet it is printed as \
            'varve verify --anchor' reads it: HASH@TABLE alone.

            Example:
              varve head Orders -r /backups/shop
              varve head Orders -r /backups/shop -q > head-of-orders
              varve verify -r /backups/shop --anchor "$(cat head-of-orders)"
            """)

    @OptionGroup var common: CommonOptions

    @Argument(help: "A table, see 'varve help table-names'; all tables if left out.")
    var table: String?

    func run(in session: Session) throws {
        let repository = try common.repository()
        var histories: [TableHistory] = []
        if let table {
            histories = [try repository.history(of: table)]
        } else {
            for entry in try repository.tables() {
                histories.append(try repository.history(entry.id, entry.record))
            }
        }
        let titles = TableTitles(histories.map(\.record))
        try session.print(
            .array(
                histories.map {
                    .members([
                        "table": .string($0.record.name),
                        "incarnation": .number($0.record.ordinal),
                        "tableId": .string($0.id.description),
                        "commits": .number($0.nextSequence),
                        "head": .string($0.head.description),
                    ])
                }),
            lines: common.quiet
                ? histories.map { "\($0.head)@\(titles.title(of: $0.record))" }
                : histories.map {
                    "\($0.head)  \($0.nextSequence)  \(titles.title(of: $0.record))"
                        + (common.verbose ? "  tables/\($0.id)/" : "")
                })
    }
}
