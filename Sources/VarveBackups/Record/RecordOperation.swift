import Dispatch
public import VarveArchive
import VarveBytes
import VarveEndpoints
import VarveFormat
import VarveModel
import VarveStorage

/// Records changes of one table or of many, from files or from a pipe that stays open.
///
/// What is committed stays, whatever ends the process: run again, it goes on behind that. Asked to
/// stop, it commits what it holds and ends as if the sources had ended. Beside it what is recorded
/// is laid out anew.
public final class RecordOperation {
    let repository: Repository
    let request: RecordRequest
    let control: OperationControl
    let tell: (RecordEvent) -> Void
    let rejects: RejectsFile
    let schemas: RecordSchemas
    private let compaction: BackgroundCompaction
    private(set) var tables: [TableRecording] = []
    private var tableIndexes: [String: Int] = [:]
    /// Tables that are not there and not made: nothing of them could be recorded.
    var unmade: [String: TableRejects] = [:]
    /// Where the part of the sources begins in which one of them was met first, so that the next
    /// run meets it again: the order of its source, and the offset.
    var unmadePlace: (order: Int, offset: UInt64)?
    /// The first record of which not even the table could be told.
    private(set) var unassigned: RejectedRecord?
    private var report = RecordReport()
    private(set) var isReadingPipe = false
    /// When nothing had come the last time, by the clock.
    private var lastTick = Int64.min / 2
    var quiet: QuietWatch
    /// The sources begun so far, by the names in commits, and where the last one was begun: for
    /// tables that are opened later.
    private(set) var names: [String] = []
    private var begunOffset: UInt64 = 0
    /// Where the next parcel begins.
    private(set) var parcelStart: UInt64 = 0

    /// - Parameter tell: is told what happens, on the thread that runs.
    public init(
        _ repository: Repository, _ request: RecordRequest,
        control: OperationControl = OperationControl(),
        tell: @escaping (RecordEvent) -> Void = { _ in }
    ) throws {
        var request = request
        let choice = try RecordSchemas.choice(for: &request, repository)
        self.repository = repository
        self.request = request
        self.control = control
        self.tell = tell
        rejects = RejectsFile(
            request.rejectsPath ?? request.table.map { $0 + ".rejects.jsonl" } ?? "rejects.jsonl")
        schemas = try RecordSchemas(repository, request, in: choice)
        compaction = BackgroundCompaction(repository)
        quiet = QuietWatch(since: repository.now())
    }

    /// Reads the sources to their ends.
    ///
    /// Changes that cannot be recorded are no error: they are in the rejects file, and the report.
    /// - Throws: `invalidInput` if a source is not understood, or damaged; `refused` if a table is
    ///   closed, or has other key attributes; `conflict` if another recorder is at work; `storage`.
    ///   What was committed before stays.
    public func run() throws -> RecordReport {
        let started = SystemClock.microseconds()
        try rejects.check()
        var failures = Failures()
        failures.attempt {
            let sources = try SourceChain.sources(request.sources)
            if let table = request.table {
                try openExisting(table, serviceID: RecordSchemas.serviceID(sources))
            }
            try read(sources)
            try finish()
            try moveOn(isEnding: true)
        }
        // Whatever happened: what was rejected is in the file, and the tables are free for others.
        failures.attempt { try rejects.synchronize() }
        for table in tables { failures.attempt { try table.recorder.end() } }
        // What is due is done, unless whoever runs this is in a hurry.
        compaction.end(giveUp: { control.isStopping || !failures.isEmpty })
        try failures.throwAny()
        complete(startedAt: started)
        return report
    }

    private func complete(startedAt started: Int64) {
        report.compaction = compaction.report
        report.tables = tables.map(\.report)
        report.unmadeTables = unmade.keys.sorted()
        report.rejectedCount = rejects.count
        report.firstRejected = rejects.first
        report.rejectsPath = rejects.count > 0 ? rejects.path : nil
        // A pipe that stays open has no other end.
        report.wasInterrupted = control.isStopping && !isReadingPipe
        report.microseconds = SystemClock.microseconds() - started
    }

    // MARK: Sources

    private func read(_ sources: [ChangeInput]) throws {
        let chain = try SourceChain(sources)
        let start = try resumption(chain)
        control.begin(total: Int(clamping: sources[start.index...].storedBytes))
        var doneBefore: Int64 = 0
        if start.index > 0 || start.offset > 0 {
            tell(.resumed(path: sources[start.index].path, offset: start.offset))
        }
        for index in start.index..<sources.count {
            if control.isStopping { break }
            let source = sources[index]
            let offset = index == start.index ? start.offset : 0
            isReadingPipe = source.kind == .pipe
            quiet.unreadCount = sources.count - index
            names.append(try chain.name(index))
            begunOffset = UInt64(offset)
            parcelStart = begunOffset
            for table in tables { begin(table) }
            try openFollowed()
            if case .export(let window) = source.kind {
                try record(source, window)
            } else {
                try read(source, from: offset, doneBefore: doneBefore)
            }
            // What follows is not recorded over the record that is cut off.
            if !report.cutOff.isEmpty { break }
            if !control.isStopping { quiet.unreadCount -= 1 }
            doneBefore += source.storedBytes ?? 0
        }
    }

    /// Where to go on: the greatest position that a commit of any table tells. Each of them holds
    /// for all tables of its kind of source.
    private func resumption(_ chain: SourceChain) throws -> (index: Int, offset: Int64) {
        var best = (index: 0, offset: Int64(0))
        var positions: [SourcePosition] = []
        if request.table != nil {
            positions = tables.compactMap { $0.recorder.acknowledged }
        } else {
            for entry in try repository.tables() {
                let history = try repository.history(entry.id, entry.record)
                let head = history.chainHead
                if head.sourceKind == sourceKind,
                    let position = SourcePosition(encoded: head.sourcePosition)
                {
                    positions.append(position)
                } else if !head.isClosed, history.ranges.contains(where: \.isClosed) {
                    // A full copy has begun a new range, perhaps in front of changes that were
                    // rejected: all is read again, and what is known is passed over.
                    return best
                }
            }
        }
        for position in positions {
            guard let found = try chain.resumption(position) else { continue }
            if found > best { best = found }
        }
        return best
    }

    /// Positions of a run for one table say nothing of others: the kinds differ.
    var sourceKind: String { request.table == nil ? "changes of all" : "changes" }

    private func begin(_ table: TableRecording) {
        guard let name = names.last else { return }
        table.recorder.begin(source: name, at: begunOffset, isLasting: !isReadingPipe)
    }

    private func read(_ source: ChangeInput, from offset: Int64, doneBefore: Int64) throws {
        var options = ChangeOptions()
        options.restamp = request.restamps
        let schemas = self.schemas
        let which: ChangeTables =
            if let table = request.table {
                .one(try schemas.required(table), name: table)
            } else {
                .named({ name throws(VarveError) in try schemas.schema(of: name) })
            }
        let stream = source.changes(
            which, from: offset, options: options,
            workers: Workers(count: repository.environment.workers),
            time: repository.environment.time)
        let isPipe = isReadingPipe
        while !control.isStopping {
            let wait = isPipe ? waitingTime() : Self.longestWait
            let asked = repository.now()
            switch try stream.next(waitingAtMost: wait) {
            case .parcel(let parcel): try take(parcel)
            case .nothing:
                quiet.until = asked
                if isPipe { try tick() }
                try keepLeases()
            case .end:
                quiet.until = asked
                return
            }
            control.report(
                done: Int(clamping: doneBefore + stream.storedCount),
                items: Int(clamping: report.recordCount))
        }
    }

    /// Longer than this no wait takes, unless the process was stopped, or busy with a commit.
    private static let stall: Int64 = 700_000

    private func tick() throws {
        let now = repository.now()
        if now - lastTick > Self.stall {
            for table in tables { table.recorder.noteStall() }
            quiet.since = now
        }
        lastTick = now
        for table in tables {
            guard let next = table.recorder.nextFlush, next <= now else { continue }
            holdBack()
            try table.recorder.tick()
            try table.settle()
        }
        try moveOn()
        try rejects.flush()
    }

    // MARK: Parcels

    private func take(_ parcel: ChangeParcel) throws {
        report.recordCount += UInt64(parcel.recordCount)
        for (name, count) in parcel.leftOut { report.leftOut[name, default: 0] += count }
        if let cutOff = parcel.cutOff { report.cutOff.append(cutOff.place) }
        holdBack(before: parcelStart)
        for changes in parcel.tables {
            guard let table = try table(of: changes) else {
                try rejectUnmade(changes, of: parcel)
                continue
            }
            try table.take(changes, of: parcel)
            try table.catchUp(giveUp: {
                try keepLeases()
                return control.isStopping
            })
        }
        for rejected in parcel.unassigned {
            // It may be a change of any of them, and of those that are met later.
            for table in tables { try table.close(because: rejected) }
            unassigned = unassigned ?? rejected
            try rejects.append(
                table: nil, place: rejected.place, reason: rejected.reason, record: rejected.record)
            tell(
                .rejected(
                    table: nil, place: rejected.place.description, reason: rejected.reason))
            report.unassignedCount += 1
        }
        parcelStart = UInt64(parcel.end)
        for table in tables { try table.recorder.advance(to: parcelStart) }
        quiet.noteArrival(repository.now())
        if isReadingPipe { try moveOn() }
        try rejects.flush()
    }

    // MARK: Tables

    /// Nil if the table is not there, and is not to be made.
    private func table(of changes: TableChanges) throws -> TableRecording? {
        guard let name = changes.table ?? request.table else { return nil }
        if let index = tableIndexes[name] { return tables[index] }
        if unmade[name] != nil { return nil }
        guard try schemas.schema(of: name) != nil else { return nil }
        if let table = try existing(name) {
            if let unassigned { try table.close(because: unassigned) }
            return table
        }
        if unassigned != nil { return nil }
        guard let instant = try beginning(of: changes) else { return nil }
        return try create(name, at: instant)
    }

    /// A table that the repository has.
    /// - Parameter serviceID: the TableId of the incarnation, if it is known.
    func existing(_ name: String, serviceID: String? = nil) throws -> TableRecording? {
        if tableIndexes[name] == nil { try openExisting(name, serviceID: serviceID) }
        return tableIndexes[name].map { tables[$0] }
    }

    /// Makes a table that begins empty.
    func create(
        _ name: String, at instant: Instant, arn: String = "", serviceID: String = ""
    ) throws -> TableRecording {
        let settings = schemas.settings(of: name)
        let history = try repository.beginHistory(
            name: name, schema: try schemas.required(name), arn: settings?.tableARN ?? arn,
            serviceID: settings?.tableID ?? serviceID, at: instant, sourceKind: sourceKind)
        if let settings {
            _ = try settings.store(in: repository, table: history.id, from: instant)
        }
        return try open(history, isNew: true)
    }

    func countRecords(_ parcel: ChangeParcel) { report.recordCount += UInt64(parcel.recordCount) }

    private func openExisting(_ name: String, serviceID: String?) throws {
        guard let found = try schemas.incarnation(of: name, serviceID: serviceID) else { return }
        try schemas.check(found.record)
        let history = try repository.history(found.id, found.record)
        if history.isEmpty { return }
        try open(history, isNew: false)
        if request.table != nil, tables[0].recorder.isClosed {
            let end = tables[0].recorder.head.restorable.to.map { Instant.text($0) } ?? "its end"
            try tables[0].recorder.end()
            tables = []
            throw VarveError(
                .refused,
                "the history of table \(name) is closed at \(end), because a change could not be "
                    + "recorded; begin a new range with a full copy (varve backup \(name) COPY), "
                    + "then record what came after it")
        }
    }

    @discardableResult
    private func open(_ history: TableHistory, isNew: Bool) throws -> TableRecording {
        var options = Recorder.Options(sourceKind: sourceKind)
        options.flushSeconds = request.flushSeconds
        options.latenessSeconds = request.latenessSeconds
        options.aheadSecondsMax = Self.aheadSecondsMax
        let place = request.cacheDirectory.map {
            HeadMapPlace.directory("\($0)/\(repository.idText)")
        }
        let recorder = try Recorder(
            repository, history: history, heads: place ?? .memory, options: options)
        let table = TableRecording(
            recorder, history, isNew: isNew, restamps: request.restamps, rejects: rejects,
            compaction: compaction, tell: tell)
        compaction.add(history)
        schemas.note(history.record)
        tableIndexes[history.record.name] = tables.count
        tables.append(table)
        begin(table)
        return table
    }

    // MARK: Ending

    /// Commits what is complete, and, without lateness, waits for the end of the second that is
    /// under way.
    private func finish() throws {
        if control.isStopping || !report.cutOff.isEmpty {
            // A file still has more of the last second, and so may whoever fed a pipe.
            for table in tables {
                holdBack()
                if control.isStopping, !isReadingPipe {
                    try table.recorder.flush()
                } else {
                    try table.recorder.commitOpenSecond()
                }
                try table.settle()
            }
            return
        }
        for round in 0...2 {
            for table in tables {
                holdBack()
                try table.recorder.finish()
                try table.settle()
            }
            if control.isStopping || tables.allSatisfy({ $0.recorder.pendingCount == 0 }) { return }
            // What waits for the lateness stays with its source.
            if request.latenessSeconds > 0 { return }
            if round == 2 { break }
            Self.pause(1_001_000 - repository.now() % 1_000_000)
        }
        // Times ahead of the clock: they stay, but nobody knows what their second may still bring.
        for table in tables {
            holdBack()
            try table.recorder.commitOpenSecond()
            try table.settle()
        }
    }

    private static func pause(_ microseconds: Int64) {
        let limit = DispatchTime.now() + .microseconds(Int(clamping: microseconds))
        _ = DispatchSemaphore(value: 0).wait(timeout: limit)
    }
}
