import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

/// A source that lacks pages: a copy ends before the first commit that needs them, and goes on when
/// the source is mended.
@Suite("Copying from a damaged source")
struct DamagedCopyTests {
    /// Full copies, each with packs of its own.
    private struct Scene {
        let store = MemoryStore(clock: ManualTime())
        var states: [Int64: [[UInt8]: [UInt8]]] = [:]
        /// Packs of each copy.
        var packs: [Int64: [String]] = [:]

        init(seed: UInt64) throws {
            let test = try TestRepository(seed: seed, packBytes: 1 << 15, store: store)
            var table = TestTable()
            for second in [10, 20, 30, 40] as [Int64] {
                table.add(80, test.random, largeEvery: 20, noise: 900)
                table.edit(replacing: 5, removing: 3, test.random)
                let before = Set(try store.list("packs/").map(\.name))
                try test.backUp(table, at: second)
                states[second] = table.rows
                packs[second] = try store.list("packs/").map(\.name)
                    .filter { !before.contains($0) }
            }
        }
    }

    private func open(_ store: MemoryStore) throws -> Repository {
        try Repository.open(store, environment: TestRepository.environment(seed: 9, workers: 1))
    }

    /// The replica tells of these states and no others, and has them.
    private func check(
        _ replica: MemoryStore, _ scene: Scene, _ seconds: [Int64], _ label: Comment
    ) throws {
        let repository = try open(replica)
        let problems = repository.verify(
            VerificationOptions(data: .all, drill: .allCheckpoints)).problems
        #expect(problems == [], label)
        let history = try repository.history(of: "orders")
        let instants = seconds.map(TestRepository.instant)
        var points = history.checkpoints()
        var found: [Instant] = []
        while let point = try points.next() { found.append(point.instant) }
        #expect(found == instants, label)
        #expect(history.backups.map(\.instant) == instants, label)
        for second in seconds {
            #expect(try contents(repository, at: second) == scene.states[second], label)
        }
    }

    /// A crash before and after every write of such a copy: the next one comes to the same end.
    @Test(arguments: [false, true]) func crashAfterEveryWrite(afterwards: Bool) throws {
        let scene = try Scene(seed: 651)
        let source = scene.store.snapshot()
        try source.delete(try #require(scene.packs[30]?.first))
        for write in 0... {
            let replica = MemoryStore(clock: ManualTime())
            let faulty = FaultyStore.dying(replica, atWrite: write, afterwards: afterwards)
            let label: Comment = "write \(write)"
            _ = try? copy(source, to: faulty)
            if let repository = try? open(replica) {
                #expect(repository.verify(VerificationOptions(data: .all)).problems == [], label)
            }
            let report = try copy(source, to: replica, seed: 12)
            #expect(report.tables[0].failure?.code == .damaged, label)
            try check(replica, scene, [10, 20], label)
            #expect(try copy(scene.store, to: replica, seed: 13).isComplete, label)
            try check(replica, scene, [10, 20, 30, 40], label)
            if faulty.writes <= write {
                #expect(write > 8)
                break
            }
        }
    }

    @Test(arguments: [20, 30, 40] as [Int64], [false, true])
    func theCopyEndsBeforeTheDamage(lost: Int64, isNew: Bool) throws {
        let scene = try Scene(seed: 650)
        let label: Comment = "\(lost), \(isNew)"
        let whole = MemoryStore(clock: ManualTime())
        if !isNew {
            // The replica has the first state already.
            let early = MemoryStore(clock: ManualTime())
            for (name, bytes) in try scene.store.everything() { try early.create(name, bytes) }
            let history = try open(early).history(of: "orders")
            for backup in history.backups.dropFirst() {
                try early.delete(ObjectName.backup(history.id, backup.id).path)
            }
            for commit in history.commits.dropFirst() {
                try early.delete(
                    ObjectName.commit(history.id, sequence: commit.logical.sequence).path)
            }
            #expect(try copy(early, to: whole).isComplete)
        }
        let packs = try #require(scene.packs[lost])
        #expect(!packs.isEmpty)
        for pack in packs {
            let (source, replica) = (scene.store.snapshot(), whole.snapshot())
            let bytes = try source.read(pack)
            try source.delete(pack)
            let kept = scene.states.keys.sorted().filter { $0 < lost }
            let report = try copy(source, to: replica)
            #expect(report.tables[0].failure?.code == .damaged, label)
            #expect(!report.isComplete, label)
            try check(replica, scene, kept, label)
            if lost > 20 || isNew {
                #expect(report.tables[0].isCut && report.tables[0].lacking.count == 5 - lost / 10)
            }
            // Again: nothing new comes, and it is told again.
            let again = try copy(source, to: replica)
            #expect(again.tables[0].failure?.code == .damaged && !again.tables[0].isCut, label)
            try check(replica, scene, kept, label)
            // Mended by its pack, the source gives the rest.
            let mended = source.snapshot()
            try mended.create(pack, bytes)
            let last = replica.snapshot()
            #expect(try copy(mended, to: last).isComplete, label)
            try check(last, scene, [10, 20, 30, 40], label)
            // Mended without it, the source gives what it still has and what is new.
            _ = try repair(source)
            var rows = TestTable()
            rows.add(20, SeededRandom(seed: 1))
            let repository = try Repository.open(
                source, environment: TestRepository.environment(seed: 31, workers: 1))
            try backUp(rows, at: 50, SeededRandom(seed: 2), in: repository)
            let third = try copy(source, to: replica)
            #expect(third.tables[0].failure == nil, label)
            let (one, other) = (try open(source), try open(replica))
            let (from, to) = (try one.history(of: "orders"), try other.history(of: "orders"))
            #expect(to.head == from.head, label)
            #expect(try contents(other, at: 50) == rows.rows, label)
            for second in kept {
                #expect(try contents(other, at: second) == scene.states[second], label)
            }
            #expect(other.verify(VerificationOptions(data: .all)).problems == [], label)
        }
    }
}
