import ArgumentParser
import VarveArchive
import VarveBackups
import VarveBytes
import VarveEndpoints
import VarveFormat

struct StatsCommand: VarveSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "stats", abstract: "Tell how much is stored, and how little room it takes.",
        discussion: """
            Images are whole states; runs are the changes between states.

            Example:
              varve stats -r /backups/shop
            """)

    @OptionGroup var common: CommonOptions

    func run(in session: Session) throws {
        let found = try StatisticsOperation(try common.repository()).run()
        try session.print(json(found), lines: lines(found))
    }

    private func kinds(
        _ found: RepositoryStatistics
    ) -> [(String, RepositoryStatistics.Objects)] {
        [
            ("packs", found.packs), ("indexes", found.indexes), ("commits", found.commits),
            ("layouts", found.layouts), ("backups", found.backups), ("others", found.others),
            ("total", found.total),
        ]
    }

    private func lines(_ found: RepositoryStatistics) -> [String] {
        var objects = TextTable(.text("OBJECTS"), .number("COUNT"), .number("STORED"))
        for (name, kind) in kinds(found) where kind.count > 0 {
            objects.add(name, Quantities.count(kind.count), Quantities.bytes(kind.bytes))
        }
        var lines = objects.lines
        if found.tables.isEmpty { return lines }
        var tables = TextTable(
            .text("TABLE"), .number("ITEMS"), .number("SIZE"), .number("STATES"),
            .number("BACKUPS"), .number("IMAGES"), .number("STORED"), .number("RUNS"),
            .number("STORED"))
        for table in found.tables {
            let ordinal = table.record.ordinal
            tables.add(
                table.record.name + (ordinal == 0 ? "" : " (\(ordinal + 1))"),
                table.latest.map { Quantities.count($0.items) } ?? "-",
                table.latest.map { Quantities.bytes($0.bytes) } ?? "-",
                Quantities.count(table.states), Quantities.count(table.backups),
                Quantities.count(table.images), Quantities.bytes(table.imageBytes),
                Quantities.count(table.runs), Quantities.bytes(table.runBytes))
        }
        lines += [""] + tables.lines
        if let savings = found.savings {
            let copies = found.tables.reduce(0) { $0 + $1.backupItemBytes }
            lines += [
                "",
                "The backups as full copies would take \(Quantities.bytes(copies)), "
                    + "\(Quantities.decimal(savings, 1)) times what is stored.",
            ]
        }
        return lines
    }

    private func json(_ found: RepositoryStatistics) -> JSONValue {
        .members([
            "objects": .object(
                kinds(found).map { name, kind in
                    JSONValue.Member(
                        name,
                        .members([
                            "count": .number(Int64(kind.count)),
                            "bytes": .number(Int64(kind.bytes)),
                        ]))
                }),
            "tables": .array(
                found.tables.map { table in
                    .members([
                        "table": .string(table.record.name),
                        "tableId": .string(table.id.description),
                        "items": table.latest.map { .number(Int64($0.items)) },
                        "itemBytes": table.latest.map { .number(Int64($0.bytes)) },
                        "states": .number(Int64(table.states)),
                        "backups": .number(Int64(table.backups)),
                        "backupItemBytes": .number(Int64(table.backupItemBytes)),
                        "images": .number(Int64(table.images)),
                        "imageBytes": .number(Int64(table.imageBytes)),
                        "runs": .number(Int64(table.runs)),
                        "runBytes": .number(Int64(table.runBytes)),
                    ])
                }),
        ])
    }
}
