import ArgumentParser
import VarveArchive
import VarveBackups
import VarveBytes
import VarveEndpoints
import VarveFormat
import VarveModel

struct RecordCommand: VarveSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "record", abstract: "Record changes as they happen: every second restorable.",
        usage: """
            varve record <table> <changes> ... [options]
            varve record --all <changes> ... [options]
            """,
        discussion: """
            CHANGES are files, directories, or - for standard input, which may stay open: change \
            records of incremental exports, of DynamoDB Streams as GetRecords prints them and as \
            Lambda delivers them, of Kinesis; or the directory of an incremental export. Files may \
            be gzip. See 'varve help changes'.

            The key attributes are needed once, for a table that is new to the repository: its \
            history begins empty, with the first change. After a full backup, recording goes on \
            from there. Run again, it goes on behind what is recorded already.

            A change that cannot be recorded (malformed, too late, contradicting what is recorded) \
            ends the restorable range at the last good second. It goes to the rejects file with \
            all that follow it, and the exit status is 3; a full backup begins a new range.

            Example:
              varve record Orders changes.jsonl -r /backups/shop \\
                --partition-key InvoiceNo:S --sort-key Line:N
              stream-reader Orders | varve record Orders - -r /backups/shop
            """)

    static let endsGently = true

    @OptionGroup var common: CommonOptions

    @Argument(help: ArgumentHelp("The table's name, then the changes.", valueName: "table"))
    var arguments: [String]

    @Flag(help: "Record all tables; each record names its own. Then no table is named.")
    var all = false

    @Option(
        help: ArgumentHelp(
            "The partition key: its name and type S, N or B.", valueName: "name:type"))
    var partitionKey: String?

    @Option(help: ArgumentHelp("The sort key, if the table has one.", valueName: "name:type"))
    var sortKey: String?

    @Option(
        help: ArgumentHelp(
            "What aws dynamodb describe-table and the like print; may be given several times.",
            valueName: "file"),
        completion: .file())
    var settings: [String] = []

    @Option(
        help: ArgumentHelp(
            "How long complete seconds may wait for their commit.", valueName: "seconds"))
    var flushSeconds: Int64 = 1

    @Option(
        help: ArgumentHelp(
            "How long after its end a second stays open for records that come late.",
            valueName: "seconds"))
    var lateness: Int64 = 0

    @Option(
        help: ArgumentHelp(
            "Take it that a table of which nothing came for so long has not changed, and move the "
                + "end of its history on. A change that comes later than that ends its range, so "
                + "the source must bring in that time, too, what happened while nobody recorded. "
                + "With --all and a pipe, one such recorder a repository.",
            valueName: "seconds"))
    var unchangedAfter: Int64?

    @Flag(help: "Give changes the present time.")
    var restamp = false

    @Option(
        help: ArgumentHelp(
            "Where what cannot be recorded goes; else TABLE.rejects.jsonl here.",
            valueName: "file"),
        completion: .file())
    var rejects: String?

    @Option(
        help: ArgumentHelp(
            "Where to keep what makes recording fast, and can be made anew; else ~/.cache/varve.",
            valueName: "directory"),
        completion: .directory)
    var cache: String?

    func run(in session: Session) throws {
        let request = try self.request()
        let watcher = RecordWatcher(
            asJSON: common.json, isQuiet: common.quiet, control: session.control)
        let repository = try common.repository()
        let report = try session.withProgress("recording", countsBytes: true) {
            let operation = try RecordOperation(
                repository, request, control: session.control, tell: watcher.tell)
            do {
                return try operation.run()
            } catch {
                watcher.tellOfWhatStays()
                throw error.including(watcher.check)
            }
        }
        try watcher.check()
        if common.json {
            try Console.write(report.json.compactText + "\n")
        } else if !common.quiet {
            try Console.writeLines(lines(report))
        }
        warn(report)
        if report.hasRejects || !report.cutOff.isEmpty {
            throw SilentStatus(status: .invalidInput)
        }
        if report.wasInterrupted { throw SilentStatus(status: .interrupted) }
    }

    private func request() throws(VarveError) -> RecordRequest {
        var sources = arguments
        let table = all ? nil : sources.removeFirst()
        if sources.isEmpty {
            throw VarveError(
                .usage, "name the table and then the changes: files, directories, or -")
        }
        guard flushSeconds >= 0, flushSeconds <= 86_400, lateness >= 0, lateness <= 86_400 else {
            throw VarveError(.usage, "--flush-seconds and --lateness are 0 to 86400 seconds")
        }
        if let unchangedAfter, !(max(10, lateness)...86_400 ~= unchangedAfter) {
            throw VarveError(
                .usage,
                "--unchanged-after is 10 to 86400 seconds, and not less than --lateness")
        }
        var request = RecordRequest(table: table, sources: sources)
        request.schema = try KeyDefinition.schema(partition: partitionKey, sort: sortKey)
        request.settingsFiles = settings
        request.flushSeconds = flushSeconds
        request.latenessSeconds = lateness
        request.unchangedSeconds = unchangedAfter
        request.restamps = restamp
        request.rejectsPath = rejects
        request.cacheDirectory = cache ?? RecordRequest.standardCacheDirectory
        return request
    }

    // MARK: Telling

    /// Why changes are not recorded yet, and what to do.
    private func waiting(_ count: Int) -> String {
        if lateness == 0 { return "\(Quantities.count(count)) of a second that is not over" }
        return "\(Quantities.count(count, "change")) of the last "
            + "\(Quantities.count(lateness + 1, "second")) wait for --lateness: run this again"
    }

    private func lines(_ report: RecordReport) -> [String] {
        var lines: [String] = []
        for table in report.tables {
            let statistics = table.statistics
            lines.append(
                "recorded \(Quantities.count(statistics.recorded, "change")) of table "
                    + "\(table.table) in \(Quantities.elapsed(report.microseconds))")
            var facts = FactList()
            facts.add("history to", table.head.to.map(Quantities.time))
            // How many there were before what is in doubt is in the checkpoints.
            facts.add("items", table.isInDoubt ? nil : Quantities.count(table.head.items))
            facts.add("checkpoints", Quantities.count(statistics.checkpoints))
            func count(_ name: String, _ value: UInt64) {
                facts.add(name, value > 0 ? Quantities.count(value) : nil)
            }
            count("known already", statistics.known + statistics.covered)
            count("without effect", statistics.noChanges)
            count("rejected", table.rejectedCount)
            facts.add("not yet", table.heldCount > 0 ? waiting(table.heldCount) : nil)
            facts.add(
                "stored",
                "\(Quantities.bytes(statistics.writtenBytes)) in "
                    + Quantities.count(statistics.commits, "commit"))
            facts.add("head", table.head.hash.description)
            lines += facts.lines
        }
        if report.tables.isEmpty { lines += nothingRecorded(report) }
        for name in report.unmadeTables {
            lines.append("table \(name) was not made: nothing of it could be recorded")
        }
        for (name, count) in report.leftOut.sorted(by: { $0.key < $1.key }) {
            lines.append(
                "\(Quantities.count(count, "record")) of another table, \(name): left out")
        }
        return lines
    }

    private func nothingRecorded(_ report: RecordReport) -> [String] {
        guard let first = report.firstRejected else {
            return ["nothing was recorded: no changes came"]
        }
        let count = report.rejectedCount
        let came =
            count == 1
            ? "the one record that came could not be"
            : "none of the \(Quantities.count(count, "record")) that came could be"
        var facts = FactList()
        facts.add(count == 1 ? "why" : "why the first", "\(first.place): \(first.reason)")
        facts.add("rejects", report.rejectsPath)
        return ["nothing was recorded: \(came)"] + facts.lines
    }

    private func warn(_ report: RecordReport) {
        if common.json { return }
        for place in report.cutOff {
            Console.note(
                "varve: warning: \(place): the source ends within a record; that one is left for "
                    + "the next run\n")
        }
        if let failure = report.compaction.failure {
            Console.note(
                "varve: warning: laying history out anew failed, and will be tried again: "
                    + "\(failure)\n")
        }
        guard let path = report.rejectsPath else { return }
        Console.note(
            "varve: warning: \(Quantities.count(report.rejectedCount, "record")) could not be "
                + "recorded; see \(path)\n")
    }
}

/// Tells what happens while changes are recorded: JSON lines on standard output, or warnings.
private final class RecordWatcher {
    private let asJSON: Bool
    private let isQuiet: Bool
    private let control: OperationControl
    /// Why nothing can be told any more.
    private var failure: (any Error)?
    private var rejectedCount = 0
    /// Ends of the tables' histories, as text.
    private var committed: [String: String] = [:]
    /// Rejected records that are told of one by one; all are in the rejects file.
    private static let rejectedMax = 10

    init(asJSON: Bool, isQuiet: Bool, control: OperationControl) {
        self.asJSON = asJSON
        self.isQuiet = isQuiet
        self.control = control
    }

    /// - Throws: `brokenPipe` or `storage` if something could not be told.
    func check() throws {
        if let failure { throw failure }
    }

    /// After a failure.
    func tellOfWhatStays() {
        if asJSON || isQuiet { return }
        for (table, end) in committed.sorted(by: { $0.key < $1.key }) {
            Console.note("varve: note: table \(table) is recorded up to \(end); that stays\n")
        }
    }

    func tell(_ event: RecordEvent) {
        if case .committed(let table, let head, _) = event {
            committed[table] = head.to.map(Quantities.time)
        }
        if case .rejected = event {
            rejectedCount += 1
            if rejectedCount > Self.rejectedMax { return }
        }
        if asJSON {
            if failure != nil { return }
            do {
                try Console.write(event.json.compactText + "\n")
            } catch {
                // Who was to be told is gone: what has come is committed, and then it ends.
                failure = error
                control.stop()
            }
            return
        }
        switch event {
        case .closed(let table, let head, let reason):
            let end = head.to.map(Quantities.time) ?? "its beginning"
            Console.note(
                "varve: warning: the restorable range of table \(table) ends at \(end): \(reason)\n"
            )
        case .rejected(_, let place, let reason):
            Console.note("varve: warning: \(place): \(reason)\n")
            if rejectedCount == Self.rejectedMax {
                Console.note("varve: warning: more are in the rejects file\n")
            }
        case .resumed(let path, _):
            if !isQuiet { Console.note("varve: note: \(path): going on behind what is recorded\n") }
        case .passedOver(let path, let table, let begin):
            Console.note(
                "varve: warning: \(path): not recorded: it ends before the history of table "
                    + "\(table) begins, at \(begin)\n")
        case .opened, .committed: break
        }
    }
}
