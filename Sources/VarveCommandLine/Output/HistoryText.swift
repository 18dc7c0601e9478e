import VarveArchive
import VarveBytes
import VarveEndpoints
import VarveFormat

/// What recorded history costs, for people.
enum HistoryText {
    /// Days that are told one by one.
    private static let daysMax = 7

    static func lines(_ found: StorageStatistics) -> [String] {
        [""] + costs(found) + [""] + days(found) + windows(found)
    }

    private static func costs(_ found: StorageStatistics) -> [String] {
        var table = TextTable(
            .text("HISTORY"), .text("EVERY SECOND OF"), .number("CHANGES"), .number("STORED"),
            .number("A DAY"), .number("BACKUPS"), .number("IMAGE"), .number("OBJECTS"),
            .number("PUTS A MONTH"))
        for entry in found.tables {
            guard let history = entry.history else { continue }
            table.add(
                entry.title, Quantities.duration(seconds: history.seconds),
                Quantities.count(history.changes), Quantities.bytes(history.historyBytes),
                Quantities.bytes(history.bytesADay), Quantities.bytes(history.backupBytes),
                Quantities.bytes(history.imageBytes), Quantities.count(entry.objects),
                Quantities.count(history.putsAMonth))
        }
        return table.lines
    }

    private static func days(_ found: StorageStatistics) -> [String] {
        var table = TextTable(
            .text("DAY"), .text("TABLE"), .number("CHECKPOINTS"), .number("CHANGES"),
            .number("STORED"))
        for entry in found.tables {
            for day in entry.history?.days.suffix(daysMax) ?? [] {
                table.add(
                    String(day.start.description.prefix(10)), entry.title,
                    Quantities.count(day.checkpoints), Quantities.count(day.changes),
                    Quantities.bytes(day.runBytes))
            }
        }
        return table.lines
    }

    private static func windows(_ found: StorageStatistics) -> [String] {
        found.tables.compactMap { table in
            guard let windows = table.history?.windows, !windows.isEmpty else { return nil }
            let texts = windows.map {
                "\(Quantities.count($0.days, "day")) \(Quantities.bytes($0.freedBytes))"
            }
            return "A shorter window of \(table.title) would free at least: "
                + texts.joined(separator: ", ") + "."
        }
    }
}

extension HistoryStorage {
    var json: JSONValue {
        .members([
            "changes": .number(changes), "imageBytes": .number(imageBytes),
            "backupBytes": .number(backupBytes), "historyBytes": .number(historyBytes),
            "checkpointBytes": .number(checkpointBytes), "seconds": .number(seconds),
            "bytesADay": .number(bytesADay), "putsAMonth": .number(putsAMonth),
            "days": .array(
                days.map { day in
                    .members([
                        "day": .string(String(day.start.description.prefix(10))),
                        "checkpoints": .number(day.checkpoints), "changes": .number(day.changes),
                        "runBytes": .number(day.runBytes),
                    ])
                }),
            "windows": .array(
                windows.map {
                    .members([
                        "days": .number($0.days), "freedBytes": .number($0.freedBytes),
                    ])
                }),
        ])
    }
}
