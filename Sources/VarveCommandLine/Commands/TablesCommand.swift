import ArgumentParser
import VarveArchive
import VarveBackups
import VarveBytes
import VarveEndpoints
import VarveFormat

struct TablesCommand: VarveSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "tables", abstract: "List the tables of a repository.",
        discussion: """
            A table that was deleted and made again is listed once for each incarnation.

            Example:
              varve tables -r /backups/shop
            """)

    @OptionGroup var common: CommonOptions

    func run(in session: Session) throws {
        let repository = try common.repository()
        var histories: [TableHistory] = []
        let catalog = try repository.catalog(for: .reading)
        session.warn(catalog.damage)
        for table in catalog.tables {
            let history = try repository.history(table.id, table.record, for: .reading)
            session.warn(history.damage)
            // Of a first backup that did not come to its end there is nothing to see.
            if !history.isEmpty { histories.append(history) }
        }
        try session.print(
            .array(try histories.map { try $0.summaryJSON }), lines: try lines(histories))
    }

    private func lines(_ histories: [TableHistory]) throws -> [String] {
        if histories.isEmpty { return ["no tables yet; 'varve backup' makes one"] }
        var table = TextTable(
            .text("TABLE"), .text("KEY"), .number("ITEMS"), .number("SIZE"), .number("BACKUPS"),
            .text("NEWEST STATE"))
        for history in histories {
            let ordinal = history.record.ordinal
            let latest = try history.latest
            table.add(
                history.record.name + (ordinal == 0 ? "" : " (\(ordinal + 1))"),
                KeyDefinition.text(history.record.keySchema),
                latest.map { Quantities.count($0.items) } ?? "-",
                latest.map { Quantities.bytes($0.bytes) } ?? "-",
                Quantities.count(history.backups.count),
                (latest?.instant.description ?? "-")
                    + (history.damage.isEmpty ? "" : ", damaged"))
        }
        return table.lines
    }
}

extension TableHistory {
    var summaryJSON: JSONValue {
        get throws {
            let latest = try latest
            return .members([
                "table": .string(record.name),
                "tableId": .string(id.description),
                "incarnation": .number(record.ordinal),
                "arn": record.arn.isEmpty ? nil : .string(record.arn),
                "serviceTableId": record.serviceID.isEmpty ? nil : .string(record.serviceID),
                "created": .string(Quantities.time(record.created)),
                "key": .string(KeyDefinition.text(record.keySchema)),
                "items": latest.map { .number($0.items) },
                "itemBytes": latest.map { .number($0.bytes) },
                "backups": .number(backups.count),
                "newestInstant": latest.map { .string($0.instant.description) },
                "head": .string(head.description),
                "isDamaged": damage.isEmpty ? nil : .boolean(true),
            ])
        }
    }
}
