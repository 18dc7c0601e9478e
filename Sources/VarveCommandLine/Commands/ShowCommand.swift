import ArgumentParser
import VarveArchive
import VarveBackups
import VarveBytes
import VarveEndpoints
import VarveFormat
import VarveStorage

struct ShowCommand: VarveSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Tell what the repository knows of a table or a backup.",
        discussion: """
            Of a table: its key, its restorable times, its newest states and its backups. With \
            --settings: what the service said of it, as JSON.

            Example:
              varve show Orders -r /backups/shop
              varve show Orders monday -r /backups/shop
            """)

    @OptionGroup var common: CommonOptions

    @Argument(help: TableArgument.help)
    var table: String

    @Argument(help: "A backup: its name, its ARN, or the beginning of its id.")
    var backup: String?

    @Flag(help: "Print the newest settings of the table.")
    var settings = false

    func run(in session: Session) throws {
        let repository = try common.repository()
        let choice = try repository.tableChoice(table)
        let history = try repository.history(of: choice, for: .reading)
        session.warn(history.damage)
        if settings {
            guard let record = try RecordedSettings.newest(repository, history.id) else {
                throw VarveError(
                    .notFound,
                    "no settings of table \(table) are recorded; give them to "
                        + "'varve backup' with --settings")
            }
            return try Console.write(RecordedSettings.json(record).prettyText)
        }
        if let backup {
            let (owner, record, title) = try repository.backup(
                named: backup, of: table, for: .reading)
            return try session.print(
                .members(["table": .string(table), "backup": record.json]),
                lines: lines(record, in: owner, title))
        }
        try session.print(try json(history), lines: try lines(history, choice))
    }

    private func lines(
        _ backup: BackupRecord, in history: TableHistory, _ title: String
    ) -> [String] {
        var facts = FactList()
        facts.add("id", backup.id.description)
        facts.add("state of", backup.instant.description)
        facts.add("made", Quantities.time(backup.created))
        facts.add("items", Quantities.count(backup.items))
        facts.add("size", "\(Quantities.bytes(backup.bytes)) by DynamoDB's measure")
        facts.add("keep until", backup.keepUntil.map(Quantities.time) ?? "someone forgets it")
        facts.add("arn", backup.arn)
        facts.add("source", backup.source)
        facts.add("digest", backup.digest.description)
        facts.add("commit", "\(backup.commitSequence) \(backup.commitHash)")
        if common.verbose { facts.add("object", "tables/\(history.id)/backups/\(backup.id)") }
        return ["backup \(backup.name) of table \(title)"] + facts.lines
    }

    private func lines(
        _ history: TableHistory, _ choice: TableChoice
    ) throws -> [String] {
        var facts = FactList()
        facts.add("id", history.id.description)
        facts.add("key", KeyDefinition.text(history.record.keySchema))
        facts.add("arn", history.record.arn)
        facts.add("TableId", history.record.serviceID)
        let others = choice.entries.filter { $0.id != history.id }.map(\.record.title)
        facts.add("others", others.isEmpty ? nil : others.joined(separator: ", "))
        facts.add("first seen", Quantities.time(history.record.created))
        let latest = try history.latest
        if let latest {
            facts.add("newest state", latest.instant.description)
            facts.add("items", Quantities.count(latest.items))
            facts.add("size", "\(Quantities.bytes(latest.bytes)) by DynamoDB's measure")
        }
        let doubtful = try history.doubtfulCount()
        facts.add(
            "states",
            Quantities.count(try history.checkpointCount() - doubtful)
                + (doubtful == 0 ? "" : ", and \(Quantities.count(doubtful)) in doubt"))
        facts.add("commits", Quantities.count(history.nextSequence))
        facts.add("head", history.head.description)
        if common.verbose {
            facts.add("digest", latest?.digest.text)
            facts.add("layout", history.layoutNumber == 0 ? "none" : "\(history.layoutNumber)")
            facts.add("pieces", Quantities.count(history.pieces.count))
            facts.add("objects", "tables/\(history.id)/")
        }
        var lines = ["table \(choice.title(of: history.record))"] + facts.lines
        lines += ["", "restorable"]
        for range in history.ranges {
            var which = "every second"
            if range.isExactAtCheckpointsOnly {
                var states = history.checkpoints(from: range.from, through: range.to)
                which = Quantities.count(try states.rest().count, "recorded state")
            }
            lines.append("  \(range.from) to \(range.to), \(which)")
        }
        lines += ["", "backups"]
        if history.backups.isEmpty { return lines + ["  none"] }
        var list = TextTable(.text("ID"), .text("NAME"), .text("STATE OF"), .number("ITEMS"))
        for backup in history.backups {
            list.add(
                String(backup.id.description.prefix(common.verbose ? 64 : 8)), backup.name,
                backup.instant.description,
                Quantities.count(backup.items))
        }
        return lines + list.lines.map { "  " + $0 }
    }

    private func json(_ history: TableHistory) throws -> JSONValue {
        .members([
            "table": try history.summaryJSON(),
            "commits": .number(history.nextSequence),
            "ranges": .array(
                history.ranges.map {
                    .members([
                        "from": .string($0.from.description), "to": .string($0.to.description),
                        "everySecond": .boolean(!$0.isExactAtCheckpointsOnly),
                    ])
                }),
            "statesInDoubt": .number(try history.doubtfulCount()),
            "states": .array(try history.newestCheckpoints(1_000).map(\.json)),
            "backups": .array(history.backups.map(\.json)),
            "damage": .array(history.damage.map { .string($0.description) }),
        ])
    }
}

extension RecordedCheckpoint {
    var json: JSONValue {
        .members([
            "instant": .string(instant.description), "changes": .number(changes),
            "items": .number(items), "itemBytes": .number(bytes),
            "digest": .string(digest.text), "digestIsWhole": .boolean(digest.whole != nil),
        ])
    }
}

extension TableHistory {
    /// The newest checkpoints that are not in doubt, ascending; at most so many.
    fileprivate func newestCheckpoints(_ count: Int) throws -> [RecordedCheckpoint] {
        var result: [RecordedCheckpoint] = []
        var last = Instant.greatest
        while result.count < count, let point = try soundCheckpoint(upTo: last) {
            result.append(point)
            guard let before = Instant(second: point.instant.second - 1) else { break }
            last = before
        }
        return result.reversed()
    }
}
