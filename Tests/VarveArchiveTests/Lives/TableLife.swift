import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

/// One table of a life: what its source tells, the recorder that takes it in, and the model.
final class TableLife {
    let name: String
    private unowned let world: LifeWorld
    var source: LifeSource
    var table: PlainTable
    private(set) var recorder: Recorder?
    /// The recorder's store, if that is to crash.
    private var store: FaultyStore?
    private let heads: HeadMapPlace
    private let options: Recorder.Options
    /// Record that is told next.
    private(set) var next = 0
    /// Records before this are older than the range that is being recorded.
    private var rangeStart = 0
    private var backupCount = 0

    init(
        _ world: LifeWorld, name: String, heads: HeadMapPlace, options: Recorder.Options,
        source: LifeSource, table: PlainTable
    ) {
        self.name = name
        self.world = world
        self.heads = heads
        self.options = options
        self.source = source
        self.table = table
    }

    func history(_ repository: Repository) throws -> TableHistory {
        try repository.history(of: name)
    }

    // MARK: Recording

    var isTold: Bool { next == source.count }

    /// When the next record comes, by the clock; nil if none does.
    private var nextArrival: Int64? {
        isTold ? nil : source.arrivals[next] + world.offset
    }

    /// Opens a recorder; it goes on where the last one was, or earlier.
    private func open(_ crashes: Bool) throws -> Recorder {
        if let recorder { return recorder }
        store = nil
        if crashes {
            let ordinal = 8 + world.below(60)
            let isAfterwards = world.below(2) == 0
            store = FaultyStore(world.memory) { operation in
                if operation.ordinal < ordinal { return nil }
                return isAfterwards ? .crashAfterwards : .crash
            }
        }
        let repository = try world.open(store)
        let opened = try Recorder(
            repository, history: try history(repository), heads: heads, options: options)
        var first = rangeStart
        if let position = opened.acknowledged {
            first = RecordedSource.index(at: position.offset)
        }
        // It may be sent again what it has.
        if world.below(4) == 0 { first = world.below(first + 1) }
        next = first
        opened.begin(source: "changes", at: UInt64(first) * 10)
        recorder = opened
        return opened
    }

    /// Lets a recorder do something; if its store crashes meanwhile, it is gone.
    private func attempt(_ crashes: Bool = false, _ body: (Recorder) throws -> Void) throws {
        do {
            try body(try open(crashes))
        } catch {
            guard let store, store.isCrashed else { throw error }
            kill()
        }
    }

    func kill() {
        recorder = nil
        store = nil
        world.counts["kills", default: 0] += 1
    }

    /// Tells some records, with what may come in between.
    func tell(isCalm: Bool = false) throws {
        try attempt(!isCalm && world.below(6) == 0) { recorder in
            if isTold { return }
            let end = min(source.count, next + 1 + world.below(isCalm ? 100 : 30))
            world.clock(atLeast: source.arrivals[end - 1] + world.offset)
            try recorder.append(try source.log.batch(next..<end))
            next = end
            if !isCalm { try meddle(recorder) }
        }
    }

    private func meddle(_ recorder: Recorder) throws {
        switch world.below(24) {
        case 0...2: try recorder.flush()
        case 3...7: try tick(recorder)
        case 8...11: try repeatRecord(recorder)
        case 12: world.stepBack()
        case 13: kill()
        case 14:
            // Stopped, and begun anew.
            if source.isOrdered || source.lateness > 0 { try recorder.commitOpenSecond() }
            try recorder.end()
            self.recorder = nil
        default: break
        }
    }

    /// While nothing comes.
    private func tick(_ recorder: Recorder) throws {
        guard let due = recorder.nextFlush else { return }
        let arrival = nextArrival ?? .max
        if max(due, world.time.now()) >= arrival { return }
        world.clock(atLeast: due)
        try recorder.tick()
    }

    /// Sends something once more that was sent, lately or long ago.
    private func repeatRecord(_ recorder: Recorder) throws {
        if next == 0 { return }
        let reach = world.below(3) == 0 ? next : min(next, 12)
        for index in [next - 1 - world.below(reach)] where source.isUnique(index) {
            try recorder.append(
                try source.batch(source.log.records[index], behind: next))
            world.counts["repeated", default: 0] += 1
        }
    }

    /// Everything is told and committed.
    func settle() throws {
        while true {
            while !isTold { try tell(isCalm: true) }
            try attempt { recorder in
                if !isTold { return }
                world.time.advance(seconds: source.lateness + 20)
                world.clock(atLeast: (TestRepository.start + world.now + 20) * 1_000_000)
                try recorder.finish()
            }
            if recorder != nil, isTold { break }
        }
        #expect(recorder?.pendingCount == 0)
        #expect(recorder?.takeRejected() == nil, "\(name)")
        #expect(recorder?.isClosed == false, "\(name)")
        try notice()
        let end = table.kept.segments[table.kept.segments.count - 1].upperBound
        #expect(end >= table.seconds.filter { $0 > rangeBeginning }.last ?? end, "\(name)")
    }

    private var rangeBeginning: Int64 {
        table.kept.segments[table.kept.segments.count - 1].lowerBound
    }

    /// The input ended, if everything was told; else the recorder just stands there.
    func rest() throws {
        if !isTold || world.below(2) == 0 { return }
        let isQuiet = world.below(3) == 0
        try attempt { recorder in
            if !isTold { return }
            try recorder.finish()
            // Other tables have told that nothing came.
            if isQuiet { try recorder.moveOn(to: TestRepository.instant(world.now).microseconds) }
        }
    }

    /// Tells the model what is committed.
    @discardableResult
    func notice() throws -> ChainHead {
        let head = try history(try world.open()).chainHead
        let end = PlainTable.second(try #require(head.to))
        table.commit(upTo: end)
        return head
    }

    // MARK: Gaps

    enum Break: CaseIterable { case contradiction, late, impossible, malformed }

    /// What cannot be recorded ends the range; a full copy begins another.
    func breakOff(_ kind: Break) throws {
        kill()
        try settle()
        let first = source.count
        world.now = try source.live(.busy, from: world.now + 1, seconds: 4, &table)
        var limit = Int64.max
        if kind == .contradiction {
            let candidates = (first..<source.count).filter { source.isUnique($0) }
            guard !candidates.isEmpty else { return }
            let bad = candidates[world.below(candidates.count)]
            source.contradict(at: bad)
            limit = PlainTable.second(source.log.records[bad].version.time)
        }
        while !isTold { try tell(isCalm: true) }
        let recorder = try #require(self.recorder)
        switch kind {
        case .contradiction: break
        case .late:
            guard let time = try lateTime(recorder) else { return }
            limit = PlainTable.second(time)
            try send(source.stranger(at: time), recorder)
        case .impossible: try send(source.stranger(at: .max - 5), recorder)
        case .malformed: try recorder.closeRange()
        }
        world.time.advance(seconds: source.lateness + 20)
        world.clock(atLeast: (TestRepository.start + world.now + 20) * 1_000_000)
        try recorder.finish()
        #expect(recorder.isClosed, "\(kind)")
        let head = try notice()
        #expect(head.isClosed)
        let end = table.kept.segments[table.kept.segments.count - 1].upperBound
        if kind == .late {
            #expect(head.soundTo == TestRepository.instant(limit).microseconds)
            if limit < end { table.kept.doubts.append(limit + 1...end) }
        } else {
            #expect(head.soundTo == nil)
            #expect(end <= limit)
            #expect(!table.seconds.contains { end < $0 && $0 <= limit } || limit == .max)
        }
        // What comes now is rejected.
        world.now = try source.live(.busy, from: world.now + 1, seconds: 3, &table)
        let rejected = recorder.statistics.rejected
        let left = UInt64(source.count - next)
        while !isTold { try tell(isCalm: true) }
        #expect(recorder.statistics.rejected == rejected + left)
        #expect((recorder.takeRejected()?.count ?? 0) == recorder.statistics.rejected)
        try recorder.end()
        try copyFully()
    }

    /// A time that is committed, of a second that is complete.
    private func lateTime(_ recorder: Recorder) throws -> Int64? {
        try recorder.flush()
        let from = max(
            recorder.head.exactFrom,
            TestRepository.instant(rangeBeginning).microseconds)
        let to = (try #require(recorder.head.to)) / 1_000_000 * 1_000_000
        guard from < to else { return nil }
        let near = max(from, to - 30_000_000)
        let first = world.below(2) == 0 ? from : near
        return first + Int64(world.below(Int(to - first)))
    }

    private func send(_ version: HistoryModel.Version, _ recorder: Recorder) throws {
        let record = RecordedSource.Record(version: version, before: .untold)
        try recorder.append(try source.batch(record, behind: next))
    }

    /// A full copy of the table as it is: a new range begins.
    func copyFully() throws {
        recorder = nil
        try notice()
        world.now += 1 + Int64(world.below(3) == 0 ? world.below(9_000) : world.below(3))
        let repository = try world.open()
        let backup = try FullBackup(
            repository, history: try history(repository),
            request: FullBackup.Request(
                instant: TestRepository.instant(world.now), force: true, sourceKind: "copy"))
        do {
            var rows = HistoryModel.rows(table.latest)
            if rows.count > 0 { try backup.append(try backup.rowPreparer.prepare(&rows)) }
            _ = try backup.finish()
        } catch {
            backup.abandon()
            throw error
        }
        table.copy(at: world.now)
        rangeStart = source.count
        next = source.count
    }

    // MARK: Backups

    func backUp() throws {
        let seconds = table.kept.listed.sorted()
        let second = seconds[world.below(seconds.count)]
        let repository = try world.open()
        let history = try history(repository)
        var point = table.checkpoint(at: second)
        point.instant = TestRepository.instant(second)
        let origin = history.origin(of: point.instant)
        backupCount += 1
        let name = "b\(backupCount)"
        _ = try repository.makeBackup(
            history, name: name, checkpoint: point, commitSequence: origin.sequence,
            commitHash: origin.hash, keepUntil: nil, source: "test")
        table.kept.backups[name] = second
    }

    func forget() throws {
        let repository = try world.open()
        let history = try history(repository)
        guard !history.backups.isEmpty else { return }
        let backup = history.backups[world.below(history.backups.count)]
        try repository.forget(history.id, [backup])
        table.kept.backups[backup.name] = nil
    }
}
