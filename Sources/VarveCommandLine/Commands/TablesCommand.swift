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
            A table that was deleted and made again is listed once for each incarnation: \
            'Orders (1)', 'Orders (2)'; every command takes such a title for a table's name. Below \
            each recorded table stand the times of which every second can be restored, and the \
            gaps between them. AGE is that of the newest state.

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
        let now = repository.now()
        try session.print(
            .array(try histories.map { try $0.summaryJSON(now: now) }),
            lines: catalog.tables.isEmpty && !catalog.damage.isEmpty
                ? ["no table can be read; 'varve verify' tells what is damaged"]
                : try lines(histories, TableTitles(catalog.tables.map(\.record)), now))
    }

    private func age(of instant: Instant, _ now: Int64) -> String {
        let seconds = now / 1_000_000 - instant.second
        // A state's instant is rounded up to the second: just now it is that of the next.
        if (-1...0).contains(seconds) { return "now" }
        return seconds < 0 ? "in the future" : Quantities.duration(seconds: seconds)
    }

    /// What can be restored of a recorded table.
    private func restorable(_ history: TableHistory, _ titles: TableTitles) -> [String] {
        let ranges = history.ranges
        if ranges.allSatisfy(\.isExactAtCheckpointsOnly) { return [] }
        var lines = ["", "restorable of \(titles.title(of: history.record))"]
        for (index, range) in ranges.enumerated() {
            if index > 0, ranges[index - 1].to < range.from {
                let seconds = range.from.second - ranges[index - 1].to.second
                lines.append("  gap of \(Quantities.duration(seconds: seconds))")
            }
            let which =
                range.isExactAtCheckpointsOnly ? "only full copies and backups" : "every second"
            lines.append(
                "  \(range.from) to \(range.to), \(which)" + (range.isClosed ? ", closed" : ""))
        }
        return lines
    }

    private func lines(
        _ histories: [TableHistory], _ titles: TableTitles, _ now: Int64
    ) throws -> [String] {
        if histories.isEmpty { return ["no tables yet; 'varve backup' makes one"] }
        var table = TextTable(
            .text("TABLE"), .text("KEY"), .number("ITEMS"), .number("SIZE"), .number("BACKUPS"),
            .text("NEWEST STATE"), .text("AGE"))
        for history in histories {
            let latest = try history.latest
            table.add(
                titles.title(of: history.record),
                KeyDefinition.text(history.record.keySchema),
                latest.map { Quantities.count($0.items) } ?? "-",
                latest.map { Quantities.bytes($0.bytes) } ?? "-",
                Quantities.count(history.backups.count),
                latest?.instant.description ?? "-",
                (latest.map { age(of: $0.instant, now) } ?? "-")
                    + (history.damage.isEmpty ? "" : ", damaged"))
        }
        return table.lines + histories.flatMap { restorable($0, titles) }
            + (common.verbose ? histories.flatMap { places($0, titles) } : [])
    }

    /// What a table is known by, and where it lies.
    private func places(_ history: TableHistory, _ titles: TableTitles) -> [String] {
        var facts = FactList()
        facts.add("id", history.id.description)
        facts.add("arn", history.record.arn)
        facts.add("TableId", history.record.serviceID)
        facts.add("commits", Quantities.count(history.nextSequence))
        facts.add("head", history.head.description)
        facts.add("objects", "tables/\(history.id)/")
        return ["", "table \(titles.title(of: history.record))"] + facts.lines
    }
}

extension TableHistory {
    /// - Parameter now: for the age of the last checkpoint; microseconds since 1970.
    func summaryJSON(now: Int64? = nil) throws -> JSONValue {
        let latest = try latest
        let age = now.flatMap { now in latest.map {
                let seconds = now / 1_000_000 - $0.instant.second
                return seconds == -1 ? 0 : seconds
            }
        }
        let gaps = zip(ranges, ranges.dropFirst()).filter { $0.to < $1.from }
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
            "ageSeconds": age.map { .number($0) },
            "head": .string(head.description),
            "restorable": .array(
                ranges.map {
                    .members([
                        "from": .string($0.from.description), "to": .string($0.to.description),
                        "everySecond": .boolean(!$0.isExactAtCheckpointsOnly),
                        "isClosed": .boolean($0.isClosed),
                    ])
                }),
            "gaps": .array(
                gaps.map { before, after in
                    .members([
                        "from": .string(before.to.description),
                        "to": .string(after.from.description),
                    ])
                }),
            "isDamaged": damage.isEmpty ? nil : .boolean(true),
        ])
    }
}
