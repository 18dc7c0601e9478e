import ArgumentParser
import VarveArchive
import VarveBackups
import VarveBytes
import VarveEndpoints
import VarveFormat

struct VerifyCommand: VarveSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check that the repository is whole.",
        discussion: """
            Always checks every record, every chain of hashes, every index page, and that all data \
            is there. With --read-data reads it all and checks every byte; with --restore also \
            puts states together in memory and holds their digests against those recorded; with \
            --every-second replays all changes, and so proves each second that can be restored. \
            Ends with status 20 if anything is wrong, and says which backups it affects.

            Example:
              varve verify -r /backups/shop --read-data
              varve verify -r /backups/shop --read-data-subset 1/7 --restore monday
              varve head Orders -r /backups/shop -q > head-of-orders
              varve verify -r /backups/shop --anchor "$(cat head-of-orders)"
              varve verify -r /backups/shop --restore random:5
              varve verify -r /backups/shop --read-data --every-second
            """,
        aliases: ["check"])

    static let endsGently = true

    @OptionGroup var common: CommonOptions

    @Flag(help: "Read all data.")
    var readData = false

    @Option(help: ArgumentHelp("Read a part of the data: N/M, or P%.", valueName: "part"))
    var readDataSubset: String?

    @Flag(help: "Decode every value of the data read, too: finds faults that no hash shows.")
    var decode = false

    @Option(
        help: ArgumentHelp(
            "Restore in memory: a backup, or 'all' of them; every table at a time; or 'random:N' "
                + "instants of each table.", valueName: "state"))
    var restore: String?

    @Flag(
        help: "Replay all changes, and hold every second's state to the digest recorded for it.")
    var everySecond = false

    @Option(
        name: .customLong("anchor"),
        help: ArgumentHelp(
            "A head hash kept elsewhere: its commit must be in the chain; may be repeated.",
            valueName: "hash[@table]"))
    var anchors: [String] = []

    func run(in session: Session) throws {
        var request = VerifyRequest()
        for anchor in anchors {
            request.anchors.append(try readingArgument { () throws(VarveError) in
                try VerifyRequest.anchor(anchor)
            })
        }
        if readData {
            request.data = .all
            if readDataSubset != nil {
                throw VarveError(.usage, "--read-data and --read-data-subset exclude each other")
            }
        } else if let readDataSubset {
            request.data = try readingArgument { () throws(VarveError) in
                try VerifyRequest.subset(readDataSubset)
            }
        }
        request.decodesPages = decode
        if decode, request.data == .none {
            throw VarveError(.usage, "--decode needs --read-data or --read-data-subset beside it")
        }
        if let restore {
            request.restores = try readingArgument { () throws(VarveError) in
                try VerifyRequest.Restores(restore)
            }
        }
        request.provesEverySecond = everySecond
        let started = SystemClock.microseconds()
        let report = try session.withProgress("checking", countsBytes: false) {
            try VerifyOperation(
                try common.repository(), request, control: session.control
            ).run()
        }
        let elapsed = SystemClock.microseconds() - started
        try session.print(json(report, elapsed), lines: lines(report, elapsed))
        if report.isPartial { throw SilentStatus(status: .interrupted) }
        if !report.isClean { throw SilentStatus(status: .damage) }
    }

    // MARK: Text

    private func lines(_ report: VerificationReport, _ elapsed: Int64) -> [String] {
        let counts = report.counts
        var facts = FactList()
        facts.add("objects", Quantities.count(counts.objects))
        facts.add(
            "tables",
            "\(Quantities.count(counts.tables)), \(Quantities.count(counts.commits, "commit")), "
                + Quantities.count(counts.backups, "backup"))
        facts.add(
            "pages",
            "\(Quantities.count(counts.indexPages)) of indexes read, "
                + "\(Quantities.count(counts.leaves)) leaves found")
        facts.add(
            "packs read",
            "\(Quantities.count(counts.packsRead)) of \(Quantities.count(counts.packs)), "
                + "\(Quantities.bytes(counts.packBytesRead)) of "
                + Quantities.bytes(counts.packBytes))
        facts.add(
            "states restored",
            counts.states == 0
                ? nil
                : "\(Quantities.count(counts.states)), \(Quantities.count(counts.items, "item"))")
        facts.add(
            "states proven",
            counts.statesReplayed == 0
                ? nil
                : "\(Quantities.count(counts.statesReplayed)), by replaying "
                    + Quantities.count(counts.rowsReplayed, "row"))
        var title = report.isClean ? "no problems found" : problemTitle(report)
        if report.isPartial { title = "interrupted; not everything was checked; \(title)" }
        var lines = ["\(title), in \(Quantities.elapsed(elapsed))"] + facts.lines
        lines += report.problems.map { "problem: \($0)" }
        lines += report.damages.map { "damaged: \(Self.text($0))" }
        lines += affected(report)
        if common.verbose {
            for backup in report.backups where !backup.isAffected {
                let what = backup.isProven ? "proven" : "sound"
                lines.append(
                    "\(what): \(backup.id)  \(backup.table)  \(backup.name)  \(backup.instant)")
            }
        }
        return lines
    }

    /// The backups that something affects.
    private func affected(_ report: VerificationReport) -> [String] {
        if report.isClean || !report.isAssessed { return [] }
        func id(_ backup: BackupID) -> String {
            common.verbose ? backup.description : String(backup.description.prefix(8))
        }
        var lines = report.backups.filter(\.isAffected).map {
            "  \(id($0.id))  \($0.table)  \($0.name)  \($0.instant)"
        }
        let known = Set(report.backups.map(\.id))
        for backup in report.affectedBackups.subtracting(known).sorted() {
            let table = report.damages.first { $0.backups.contains(backup) }?.table ?? ""
            lines.append("  \(id(backup))  \(table)  its record cannot be read")
        }
        if lines.isEmpty { return report.isPartial ? [] : ["no backup is affected"] }
        return ["affected backups:"] + lines
    }

    private func problemTitle(_ report: VerificationReport) -> String {
        "\(Quantities.count(report.problems.count, "problem")) found"
    }

    /// What is damaged, in the terms of its table.
    static func text(_ damage: VerificationReport.Damage) -> String {
        let piece = damage.piece.isEmpty ? "a part of its history" : damage.piece
        // What is no page holds no keys.
        if damage.blob == nil { return "table \(damage.table), \(piece)" }
        return "table \(damage.table), \(piece), \(damage.keysText)"
    }

    // MARK: JSON

    private func json(_ report: VerificationReport, _ elapsed: Int64) -> JSONValue {
        .members([
            "clean": .boolean(report.isClean && !report.isPartial),
            "partial": .boolean(report.isPartial),
            "counts": json(report.counts),
            "problems": .array(
                report.problems.map {
                    .members([
                        "object": .string($0.object),
                        "offset": $0.offset.map { .number($0) },
                        "message": .string($0.message),
                    ])
                }),
            "damages": .array(
                report.damages.map {
                    .members([
                        "table": .string($0.table), "tableId": .string($0.tableID.description),
                        "piece": .string($0.piece),
                        "blob": $0.blob.map { .string($0.description) },
                        "afterKey": $0.afterKey.map { .string($0) },
                        "throughKey": $0.throughKey.map { .string($0) },
                        "backups": .array($0.backups.map { .string($0.description) }),
                    ])
                }),
            "backups": .array(
                report.backups.map {
                    .members([
                        "table": .string($0.table), "id": .string($0.id.description),
                        "name": .string($0.name), "instant": .string($0.instant.description),
                        "affected": .boolean($0.isAffected), "proven": .boolean($0.isProven),
                    ])
                }),
            "affectedBackups": report.isAssessed
                ? .array(report.affectedBackups.sorted().map { .string($0.description) }) : nil,
            "microseconds": .number(elapsed),
        ])
    }

    private func json(_ counts: VerificationReport.Counts) -> JSONValue {
        .members([
            "objects": .number(counts.objects), "tables": .number(counts.tables),
            "commits": .number(counts.commits), "layouts": .number(counts.layouts),
            "backups": .number(counts.backups), "indexes": .number(counts.indexes),
            "packs": .number(counts.packs), "packsRead": .number(counts.packsRead),
            "packBytes": .number(counts.packBytes),
            "packBytesRead": .number(counts.packBytesRead),
            "blobs": .number(counts.blobs), "plainBytes": .number(counts.plainBytes),
            "indexPages": .number(counts.indexPages),
            "leaves": .number(counts.leaves),
            "pagesDecoded": .number(counts.pagesDecoded),
            "states": .number(counts.states), "items": .number(counts.items),
            "statesReplayed": .number(counts.statesReplayed),
            "rowsReplayed": .number(counts.rowsReplayed),
        ])
    }
}
