import ArgumentParser
import VarveArchive
import VarveBackups
import VarveBytes
import VarveEndpoints
import VarveFormat

struct BackupsCommand: VarveSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "backups", abstract: "List backups.",
        discussion: """
            Example:
              varve backups -r /backups/shop
              varve backups Orders -r /backups/shop --json
            """,
        aliases: ["snapshots"])

    @OptionGroup var common: CommonOptions

    @Argument(help: "A table, see 'varve help table-names'; all tables if left out.")
    var table: String?

    func run(in session: Session) throws {
        let repository = try common.repository()
        var found: [(history: TableHistory, backup: BackupRecord)] = []
        // An unknown name is an error; older incarnations' backups are listed too.
        let wanted = try table.map { (table) throws(VarveError) in
            Set(try repository.tableChoice(table).entries.map(\.id))
        }
        let catalog = try repository.catalog(for: .reading)
        session.warn(catalog.damage)
        for entry in catalog.tables where wanted?.contains(entry.id) ?? true {
            let history = try repository.history(entry.id, entry.record, for: .reading)
            session.warn(history.damage)
            found += history.backups.map { (history, $0) }
        }
        try session.print(
            .array(
                found.map { entry in
                    .members([
                        "table": .string(entry.history.record.name),
                        "incarnation": .number(entry.history.record.ordinal),
                        "backup": entry.backup.json,
                    ])
                }),
            lines: lines(found, TableTitles(catalog.tables.map(\.record))))
    }

    private func lines(
        _ found: [(history: TableHistory, backup: BackupRecord)], _ titles: TableTitles
    ) -> [String] {
        if found.isEmpty { return ["no backups yet"] }
        var list = TextTable(
            .text("ID"), .text("TABLE"), .text("NAME"), .text("STATE OF"), .number("ITEMS"),
            .number("SIZE"), .text("KEEP UNTIL"))
        for (history, backup) in found {
            list.add(
                common.verbose
                    ? backup.id.description : String(backup.id.description.prefix(8)),
                titles.title(of: history.record), backup.name,
                backup.instant.description, Quantities.count(backup.items),
                Quantities.bytes(backup.bytes), backup.keepUntil.map(Quantities.time) ?? "-")
        }
        return list.lines
    }
}
