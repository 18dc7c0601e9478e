import ArgumentParser
import VarveArchive
import VarveBytes
import VarveEndpoints
import VarveFormat

struct StatsCommand: VarveSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "stats", abstract: "Tell how much is stored, and what each backup costs.",
        discussion: """
            Images are whole states; runs are the changes between states. FREES is what no
            other backup needs: what deleting this one lets 'varve prune' free. Of recorded
            history: what it costs beside the newest state and the backups, and what a
            shorter window would free.

            Example:
              varve stats -r /backups/shop
            """)

    @OptionGroup var common: CommonOptions

    @Flag(help: "Tell pages that backups share from their own, page by page.")
    var exact = false

    func run(in session: Session) throws {
        let found = try common.repository().storageStatistics(exactly: exact)
        try session.print(json(found), lines: lines(found))
    }

    private func lines(_ found: StorageStatistics) -> [String] {
        var objects = TextTable(.text("OBJECTS"), .number("COUNT"), .number("STORED"))
        let others = found.objects - found.packs - found.indexes
        objects.add("packs", Quantities.count(found.packs), Quantities.bytes(found.packBytes))
        objects.add(
            "indexes", Quantities.count(found.indexes), Quantities.bytes(found.indexBytes))
        objects.add("others", Quantities.count(others), Quantities.bytes(found.metadataBytes))
        objects.add("total", Quantities.count(found.objects), Quantities.bytes(found.storedBytes))
        var lines = objects.lines
        if found.tables.isEmpty { return lines }
        lines += [""] + tables(found) + [""] + backups(found)
        if found.tables.contains(where: { $0.history != nil }) { lines += HistoryText.lines(found) }
        if let reduction = found.reduction {
            lines += [
                "",
                "The states as full copies would take \(Quantities.bytes(found.logicalBytes)), "
                    + "\(Quantities.decimal(reduction, 1)) times what is stored.",
            ]
        }
        return lines
    }

    private func tables(_ found: StorageStatistics) -> [String] {
        var tables = TextTable(
            .text("TABLE"), .number("ITEMS"), .number("SIZE"), .number("STATES"),
            .number("BACKUPS"), .number("IMAGES"), .number("STORED"), .number("RUNS"),
            .number("STORED"))
        for table in found.tables {
            tables.add(
                table.title, Quantities.count(table.items), Quantities.bytes(table.itemBytes),
                Quantities.count(table.checkpoints), Quantities.count(table.backups.count),
                Quantities.count(table.images), Quantities.bytes(table.imageBytes),
                Quantities.count(table.runs), Quantities.bytes(table.runBytes))
        }
        return tables.lines
    }

    private func backups(_ found: StorageStatistics) -> [String] {
        var backups = TextTable(
            .text("ID"), .text("TABLE"), .text("BACKUP"), .number("ITEMS"), .number("SIZE"),
            .number("READS"), .number("FREES"))
        for table in found.tables {
            for backup in table.backups {
                backups.add(
                    String(backup.id.description.prefix(common.verbose ? 64 : 8)), table.title,
                    backup.name,
                    Quantities.count(backup.items), Quantities.bytes(backup.itemBytes),
                    Quantities.bytes(backup.reachableBytes), Quantities.bytes(backup.ownBytes))
            }
        }
        return backups.lines
    }

    private func json(_ found: StorageStatistics) -> JSONValue {
        .members([
            "objects": number(found.objects), "storedBytes": number(found.storedBytes),
            "packs": number(found.packs), "packBytes": number(found.packBytes),
            "indexes": number(found.indexes), "indexBytes": number(found.indexBytes),
            "blobs": number(found.blobs), "blobBytes": number(found.blobBytes),
            "plainBytes": number(found.plainBytes),
            "tables": .array(found.tables.map(json)),
        ])
    }

    private func json(_ table: TableStorage) -> JSONValue {
        .members([
            "table": .string(table.name), "tableId": .string(table.id.description),
            "incarnation": .number(table.ordinal),
            "items": number(table.items), "itemBytes": number(table.itemBytes),
            "states": .number(table.checkpoints),
            "images": .number(table.images), "imageBytes": number(table.imageBytes),
            "runs": .number(table.runs), "runBytes": number(table.runBytes),
            "objects": number(table.objects), "metadataBytes": number(table.metadataBytes),
            "history": table.history?.json,
            "backups": .array(
                table.backups.map { backup in
                    .members([
                        "id": .string(backup.id.description), "name": .string(backup.name),
                        "instant": .string(backup.instant.description),
                        "items": number(backup.items), "itemBytes": number(backup.itemBytes),
                        "reachableBytes": number(backup.reachableBytes),
                        "ownBytes": number(backup.ownBytes),
                    ])
                }),
        ])
    }

    private func number(_ value: UInt64) -> JSONValue { .number(value) }
}
