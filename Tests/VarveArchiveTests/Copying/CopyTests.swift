import Synchronization
import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

/// Brings everything into a replica, as the command does.
@discardableResult
func copy(
    _ source: any ObjectStore, to target: any ObjectStore, seed: UInt64 = 11,
    time: ManualTime = ManualTime(),
    _ change: (inout RepositoryCopy.Request) -> Void = { _ in }
) throws -> CopyReport {
    let environment = TestRepository.environment(seed: seed, workers: 1, time: time)
    let from = try Repository.open(source, environment: environment)
    var request = RepositoryCopy.Request()
    change(&request)
    let (to, isNew) = try Repository.replica(
        of: from, in: target, environment: environment, makes: true,
        isDryRun: request.isDryRun)
    var report = try RepositoryCopy(from: from, to: to, request).run()
    report.madeTarget = isNew
    return report
}

/// A copy that must bring everything.
@discardableResult
private func bring(
    _ source: any ObjectStore, to target: any ObjectStore, seed: UInt64 = 11,
    time: ManualTime = ManualTime(), _ label: Comment = ""
) throws -> CopyReport {
    let report = try copy(source, to: target, seed: seed, time: time)
    for table in report.tables { #expect(table.failure == nil, label) }
    #expect(report.damage == [], label)
    return report
}

private func open(_ store: any ObjectStore) throws -> Repository {
    try Repository.open(store, environment: TestRepository.environment(seed: 9, workers: 1))
}

@Suite("Copying into a replica")
struct CopyTests {
    /// Random histories are copied in steps, with compactions on either side in between: every
    /// second of the replica is that of the model, and a second copy finds nothing to do.
    @Test(arguments: 1...5 as ClosedRange<UInt64>)
    func everySecondComesAcross(seed: UInt64) throws {
        let test = try TestRepository(seed: seed, packBytes: 1 << 14)
        let world = try RecordedHistory(test, largeEvery: seed % 2 == 0 ? 5 : 0)
        let target = MemoryStore(clock: test.time)
        let random = SeededRandom(seed: seed &* 31)
        func below(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }
        var isMade = false
        for round in 0..<9 {
            for _ in 0..<below(24) { try world.commit(seconds: 1 + below(3)) }
            if below(3) == 0 { try compact(test.reopened(seed: seed), isForced: true) }
            if below(2) == 0 { try backUp(world, at: below, name: "b\(round)") }
            if isMade, below(4) == 0 { try compact(try open(target), isForced: true) }
            if below(4) == 0 { continue }
            isMade = true
            let label: Comment = "seed \(seed), round \(round)"
            try bring(test.store, to: target, time: test.time, label)
            let replica = try open(target)
            let (own, other) = (
                try test.reopened().history(of: "orders"), try replica.history(of: "orders")
            )
            #expect(own.head == other.head && own.nextSequence == other.nextSequence, label)
            #expect(own.backups == other.backups, label)
            try world.checkSeconds(replica, every: 9, label)
            #expect(replica.verify(VerificationOptions(data: .all)).problems == [], label)
            let before = try target.everything()
            let again = try bring(test.store, to: target, time: test.time, label)
            #expect(again.isUpToDate, label)
            #expect(try target.everything() == before, label)
        }
        try bring(test.store, to: target, time: test.time)
        try world.checkSeconds(try open(target))
    }

    /// Gives a name to a state of the past.
    private func backUp(
        _ world: RecordedHistory, at below: (Int) -> Int, name: String
    ) throws {
        let seconds = world.model.changedSeconds.union([0]).sorted()
        let second = seconds[below(seconds.count)]
        let repository = try world.test.reopened(seed: 1_000 + UInt64(below(1 << 30)))
        let history = try repository.history(of: "orders")
        let point = try HistoryModel.checkpoint(
            world.model.states[Int(second)], TestRepository.instant(second), changes: 0,
            schema: world.schema)
        let origin = history.origin(of: point.instant)
        _ = try repository.makeBackup(
            history, name: name, checkpoint: point, commitSequence: origin.sequence,
            commitHash: origin.hash, keepUntil: nil, source: "test")
    }

    /// Backups come and go, both sides are pruned: the replica has every backup that the source
    /// has, and those that it was not told to forget.
    @Test(arguments: [1, 2, 3, 19, 42, 142, 143, 145] as [UInt64])
    func backupsComeAcross(seed: UInt64) throws {
        let world = try PruningWorld(seed: seed)
        let target = MemoryStore(clock: world.time)
        var all: [String: PruningWorld.Rows] = [:]
        for round in 0..<14 {
            world.change(1 + world.below(200), largeEvery: seed % 2 == 0 ? 9 : 0)
            try world.backup("b\(round)", minutes: round * 10)
            if world.below(3) == 0, world.states.count > 1 {
                let names = world.states.keys.sorted().filter { _ in world.below(2) == 0 }
                try world.forget(Array(names.prefix(world.states.count - 1)))
            }
            if world.below(3) == 0 { try world.prune() }
            if world.below(3) == 0 { continue }
            let label: Comment = "seed \(seed), round \(round)"
            let report = try copy(world.base, to: target, time: world.time)
            #expect(report.isComplete, label)
            #expect(report.tables[0].leftOut == [], label)
            all.merge(world.states) { $1 }
            #expect(try Self.faults(target, all, world) == [], label)
            if world.below(4) == 0 {
                let replica = try world.open(target)
                let history = try replica.history(of: "T")
                let gone = history.backups.filter { backup in
                    world.states[backup.name] == nil && world.below(2) == 0
                }
                try replica.forget(history.id, gone)
                for backup in gone { all[backup.name] = nil }
                try world.prune(store: target)
                #expect(try Self.faults(target, all, world) == [], label)
            }
        }
    }

    static func faults(
        _ store: MemoryStore, _ states: [String: PruningWorld.Rows], _ world: PruningWorld
    ) throws -> [String] {
        let other = PruningWorld(seed: world.seed, time: world.time, continuing: store)
        other.states = states
        return try other.faults()
    }

    @Test func onlyWhatIsMissingComes() throws {
        let test = try TestRepository(seed: 51)
        var table = TestTable()
        table.add(2_000, test.random, largeEvery: 50, noise: 400)
        try test.backUp(table, at: 10)
        let target = MemoryStore(clock: test.time)
        let first = try bring(test.store, to: target)
        #expect(first.madeTarget && first.tables[0].isNew && first.tables[0].blobs > 0)
        table.edit(replacing: 1, removing: 0, test.random)
        try test.backUp(table, at: 20)
        let estimate = try copy(test.store, to: target) { $0.isDryRun = true }
        let before = try target.everything()
        let second = try bring(test.store, to: target)
        #expect(second.tables[0].commits == 1 && second.tables[0].backups.count == 1)
        #expect(second.tables[0].blobBytes * 20 < first.tables[0].blobBytes)
        #expect(estimate.tables[0].blobs == second.tables[0].blobs)
        #expect(estimate.tables[0].blobBytes == second.tables[0].blobBytes)
        #expect(estimate.isDryRun && estimate.tables[0].commits == 1)
        #expect(try target.everything().count > before.count)
        #expect(try contents(try open(target), at: 20) == table.rows)
    }

    @Test func aDryRunChangesNothing() throws {
        let test = try TestRepository(seed: 52)
        var table = TestTable()
        table.add(100, test.random)
        try test.backUp(table, at: 10)
        let target = MemoryStore(clock: test.time)
        let report = try copy(test.store, to: target) { $0.isDryRun = true }
        #expect(report.tables[0].isNew && report.tables[0].commits == 1)
        #expect(try target.everything().isEmpty)
        _ = try Repository.create(
            in: target, environment: TestRepository.environment(seed: 4, workers: 1))
        let before = try target.everything()
        _ = try copy(test.store, to: target) { $0.isDryRun = true }
        #expect(try target.everything() == before)
        try bring(test.store, to: target)
        #expect(try open(target).configuration.id == test.repository.configuration.id)
    }

    @Test func onlyTheTablesNamedCome() throws {
        let test = try TestRepository(seed: 53)
        var table = TestTable()
        table.add(50, test.random)
        for name in ["orders", "films", "notes"] { try test.backUp(table, at: 10, name: name) }
        let target = MemoryStore(clock: test.time)
        try copy(test.store, to: target) { $0.tables = ["films", "notes"] }
        #expect(try open(target).tables().map(\.record.name) == ["films", "notes"])
        #expect(throws: VarveError(.notFound, "")) {
            try copy(test.store, to: target) { $0.tables = ["flims"] }
        }
        try bring(test.store, to: target)
        #expect(try open(target).tables().map(\.record.name) == ["films", "notes", "orders"])
    }

    @Test func anotherRepositoryIsRefused() throws {
        let (one, two) = (try TestRepository(seed: 54), try TestRepository(seed: 55))
        var table = TestTable()
        table.add(50, one.random)
        try one.backUp(table, at: 10)
        try two.backUp(table, at: 10)
        #expect(throws: VarveError(.refused, "")) { try copy(one.store, to: two.store) }
    }

    /// The replica was written to: nothing is brought of that table, and nothing is lost.
    @Test(arguments: [false, true], [false, true])
    func aHistoryOfItsOwnIsRefused(goesOn: Bool, isLaidOut: Bool) throws {
        let test = try TestRepository(seed: 56)
        let world = try RecordedHistory(test)
        for _ in 0..<5 { try world.commit(seconds: 2) }
        let target = MemoryStore(clock: test.time)
        try bring(test.store, to: target)
        let replica = try open(target)
        let history = try replica.history(of: "orders")
        var content = CommitPublisher.Content(
            to: TestRepository.instant(world.model.endSecond + 1).microseconds, items: 0,
            bytes: 0, digest: .zero)
        content.sourceKind = "test"
        var key = ByteWriter()
        key.append(text: "a key of its own")
        let end = history.ranges[0].to.microseconds
        let own = [HistoryModel.Version(key: key.takeBytes(), time: end, value: nil)]
        content.changes = 1
        content.checkpoints = [
            Checkpoint(
                instant: TestRepository.instant(world.model.endSecond + 1), changes: 1, items: 0,
                bytes: 0, digest: .zero)
        ]
        let publisher = CommitPublisher(replica, history: history)
        _ = try publisher.publish(content, RecordedHistory.buffer(own))
        if goesOn { for _ in 0..<3 { try world.commit(seconds: 2) } }
        if isLaidOut { try compact(test.reopened(), isForced: true) }
        let before = try target.everything()
        let report = try copy(test.store, to: target) { $0.isForced = true }
        #expect(report.tables[0].failure?.code == .refused)
        #expect(report.tables[0].failure?.message.contains("its own way") == true)
        #expect(!report.isComplete)
        #expect(try target.everything() == before)
    }

    /// The source has dropped what would show that the replica's history is a part of its own.
    @Test func whatCannotBeShownNeedsForce() throws {
        let world = try PruningWorld(seed: 57)
        let target = MemoryStore(clock: world.time)
        world.change(100)
        try world.backup("old", minutes: 0)
        try bring(world.base, to: target)
        world.change(100)
        try world.backup("new", minutes: 10)
        try world.forget(["old"])
        try world.prune()
        // Without the mark of the last copy, as if it had been stopped before its end.
        let marked = target.snapshot()
        for entry in try target.list("copied/") { try target.delete(entry.name) }
        let report = try copy(world.base, to: target)
        #expect(report.tables[0].failure?.code == .refused)
        #expect(report.tables[0].failure?.message.contains("--force") == true)
        try copy(world.base, to: target) { $0.isForced = true }
        #expect(try open(target).history(of: "T").backups.map(\.name) == ["old", "new"])
        // With it, its head is known to be the source's.
        try bring(world.base, to: marked)
        #expect(try open(marked).history(of: "T").backups.map(\.name) == ["old", "new"])
    }

    /// What is no mark of a copy stays; a mark that is damaged counts as none, and is mended.
    @Test func strangeNamesBesideMarks() throws {
        let store = MemoryStore(clock: ManualTime())
        let test = try TestRepository(seed: 59, store: store)
        var table = TestTable()
        table.add(20, test.random)
        try test.backUp(table, at: 10)
        let target = MemoryStore(clock: test.time)
        try copy(store, to: target)
        let id = try test.repository.history(of: "orders").id
        let mark = try #require(try target.list("copied/").first?.name)
        let strange = [
            "copied/\(id)/notes", "copied/\(id)/" + String(repeating: "AB", count: 32),
            "copied/\(id)/\(id)", "copied/here",
        ]
        for name in strange { try target.create(name, [1, 2, 3]) }
        table.add(5, test.random)
        try test.backUp(table, at: 20)
        try copy(store, to: target)
        let marks = try target.list("copied/").map(\.name).filter { !strange.contains($0) }
        #expect(marks.count == 1 && marks != [mark])
        for name in strange { #expect(try target.read(name) == [1, 2, 3]) }
        let report = try copy(store, to: target)
        #expect(report.isUpToDate)
        #expect(try open(target).verify(VerificationOptions()).problems == [])
        try target.corrupt(marks[0]) { $0[3] ^= 1 }
        let problems = try open(target).verify(VerificationOptions()).problems
        #expect(problems.map(\.object) == [marks[0]])
        let repaired = try RepositoryRepair(
            target, environment: TestRepository.environment(seed: 3, workers: 1)).run()
        #expect(repaired.actions.count == 1 && repaired.isClean)
        for name in strange { #expect(try target.read(name) == [1, 2, 3]) }
        try copy(store, to: target)
        let mended = try target.read(marks[0])
        #expect(mended.count == 32 && marks[0].hasSuffix(mended.raw.hexadecimal))
    }

    /// A damaged blob of the source stops its table and no other, and nothing wrong is brought.
    @Test func damageStaysWhereItIs() throws {
        let store = MemoryStore(clock: ManualTime())
        let test = try TestRepository(seed: 58, store: store)
        var table = TestTable()
        table.add(600, test.random, noise: 900)
        try test.backUp(table, at: 10)
        let packs = try store.list("packs/").map(\.name)
        try test.backUp(table, at: 10, name: "same")
        var other = TestTable()
        other.add(300, test.random, noise: 900)
        try test.backUp(other, at: 10, name: "films")
        try store.corrupt(packs[0]) { $0[$0.count / 2] ^= 1 }
        let target = MemoryStore(clock: test.time)
        let report = try copy(store, to: target)
        #expect(
            report.tables.map { $0.failure?.code } == [nil, VarveError.Code.damaged, .damaged])
        let replica = try open(target)
        #expect(replica.verify(VerificationOptions(data: .all)).problems == [])
        #expect(try contents(replica, at: 10, name: "films") == other.rows)
    }
}
