import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

struct PruningTests {
    /// Thirty backups, of which some stay.
    private func thirty(_ seed: UInt64, largeEvery: Int = 0) throws -> PruningWorld {
        let world = try PruningWorld(seed: seed)
        world.keyCount = 2000
        world.change(2000, largeEvery: largeEvery)
        for index in 0..<30 {
            try world.backup("b\(index)", minutes: index + 1)
            world.change(400, largeEvery: largeEvery)
        }
        return world
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func remainingBackupsRestore(seed: UInt64) throws {
        let world = try thirty(seed, largeEvery: seed == 3 ? 10 : 0)
        #expect(try world.faults() == [])
        let before = try world.bytes("")
        try world.forget((0..<30).filter { $0 % 7 != 3 }.map { "b\($0)" })
        let estimate = try world.prune(isDryRun: true)
        #expect(estimate.collection.condemnedPacks > 0)
        #expect(try world.bytes("") < before)
        let report = try world.prune()
        #expect(try world.faults() == [])
        #expect(report.collection.deletedPacks > 0)
        #expect(report.tables[0].instantsAfter.count == 4)
        let after = try world.bytes("")
        #expect(after < before * 2 / 3, "seed \(seed): \(before) → \(after)")
        #expect(UInt64(try world.bytes("packs/")) == report.collection.keptBytes)
        let again = try world.prune()
        #expect(!again.tables[0].isLaidOut)
        #expect(again.collection.deletedPacks == 0)
        // Life goes on.
        try world.backup("later", minutes: 100)
        #expect(try world.faults() == [])
    }

    @Test func nothingKeptLeavesNothing() throws {
        let world = try thirty(4)
        try world.forget((0..<30).map { "b\($0)" })
        try world.prune()
        #expect(try world.base.list("packs/") == [])
        #expect(try world.base.list("indexes/") == [])
        #expect(try world.base.list("condemned/") == [])
        #expect(try world.base.list("intents/") == [])
        #expect(try world.bytes("tables/") < 1000)
        world.change(20)
        try world.backup("new", minutes: 50)
        #expect(try world.faults() == [])
        let history = try world.open().history(of: "T")
        #expect(history.nextSequence == 32)
    }

    @Test func copiesOlderThanTheNewest() throws {
        let world = try PruningWorld(seed: 5)
        world.change(400)
        for index in 0..<6 {
            try world.backup("b\(index)", minutes: 10 * index + 10)
            world.change(30)
        }
        for index in 0..<3 {
            world.change(20)
            try world.backup("old\(index)", minutes: 13 + 20 * index)
        }
        #expect(try world.faults() == [])
        try world.forget(["b0", "b2", "old1"])
        try world.prune()
        #expect(try world.faults() == [])
        try world.backup("more", minutes: 200)
        try world.forget(["b1", "b5", "old0"])
        try world.prune()
        #expect(try world.faults() == [])
    }

    @Test func expiredBackupsGoFirst() throws {
        let world = try PruningWorld(seed: 6)
        world.change(100)
        try world.backup("short", minutes: 1, keepUntil: world.time.now() + 3_600_000_000)
        world.change(10)
        try world.backup("long", minutes: 2)
        #expect(try world.prune().tables[0].expired.isEmpty)
        world.time.advance(seconds: 7200)
        #expect(try world.prune(isDryRun: true).tables[0].expired.map(\.name) == ["short"])
        #expect(try world.faults() == [])
        #expect(try world.prune().tables[0].expired.map(\.name) == ["short"])
        world.states["short"] = nil
        #expect(try world.faults() == [])
    }

    @Test func graceHoldsPacksBack() throws {
        let world = try thirty(7)
        try world.forget((0..<29).map { "b\($0)" })
        try #require(try world.base.list("packs/").count > 10)
        let before = try world.bytes("packs/")
        let first = try world.prune(grace: Pruning.Request.graceDefault)
        #expect(first.collection.deletedPacks == 0)
        #expect(first.collection.waitingPacks == first.collection.condemnedPacks)
        #expect(try world.bytes("packs/") >= before)
        world.time.advance(seconds: 8 * 86400)
        let second = try world.prune(grace: Pruning.Request.graceDefault)
        #expect(second.collection.deletedPacks == first.collection.condemnedPacks)
        #expect(try world.base.list("condemned/") == [])
        #expect(try world.faults() == [])
    }

    @Test func manyRunsMergeAndCommitsAreCovered() throws {
        let world = try PruningWorld(seed: 8)
        world.change(300)
        for index in 0..<70 {
            try world.backup("b\(index)", minutes: index + 1)
            world.change(3)
        }
        let history = try world.open().history(of: "T")
        #expect(history.layoutNumber >= 1)
        #expect(try history.newestPlan().runs.count <= 64)
        #expect(try world.faults() == [])
        try world.forget((0..<60).filter { $0 % 3 != 0 }.map { "b\($0)" })
        try world.prune()
        #expect(try world.faults() == [])
    }

    // MARK: Crashes

    @Test func crashAfterEveryWrite() throws {
        let world = try PruningWorld(seed: 9)
        world.change(300, largeEvery: 25)
        for index in 0..<8 {
            try world.backup("b\(index)", minutes: index + 1)
            world.change(25, largeEvery: 12)
        }
        try world.forget(["b0", "b2", "b3", "b6", "b7"])
        let memory = world.base as! MemoryStore
        var count = 0
        while true {
            let copy = memory.snapshot()
            let crashing = FaultyStore.crashing(copy, beforeWrite: count)
            let trial = try PruningWorld(continuing: world, in: copy)
            let finished = (try? trial.prune(store: crashing)) != nil
            #expect(try trial.faults() == [], "before write \(count)")
            trial.time.advance(seconds: 90_000)
            try trial.prune()
            #expect(try trial.faults() == [], "again, before write \(count)")
            #expect(try copy.list("condemned/") == [])
            trial.change(5)
            try trial.backup("later", minutes: 90)
            #expect(try trial.faults() == [], "later, before write \(count)")
            if finished { break }
            count += 1
        }
        #expect(count > 10)
    }

    // MARK: Two at a time

    @Test(arguments: [false, true])
    func pruneDuringBackup(forgetsHead: Bool) throws {
        let world = try PruningWorld(seed: 10)
        world.change(60, largeEvery: 10)
        for index in 0..<6 {
            try world.backup("b\(index)", minutes: index + 1)
            world.change(12, largeEvery: 4)
        }
        // What the backup brings back was forgotten, so that it finds blobs about to go.
        let old = world.states["b1"]!
        try world.forget(["b0", "b1", "b2", "b3"] + (forgetsHead ? ["b5"] : []))
        world.rows = old
        let memory = world.base as! MemoryStore
        var place = 0
        var conflicts = 0
        while true {
            let copy = memory.snapshot()
            let trial = try PruningWorld(continuing: world, in: copy)
            let at = place
            let environment = trial.environment
            let paused = FaultyStore(copy) { operation in
                guard operation.ordinal == at else { return nil }
                return .after {
                    do {
                        let repository = try Repository.open(copy, environment: environment)
                        _ = try Pruning(repository, Pruning.Request(grace: 0)).run()
                    } catch {
                        Issue.record("prune: \(error)")
                    }
                }
            }
            do {
                try trial.backup("during", minutes: 30, store: paused)
            } catch let error as VarveError where error.code == .conflict {
                conflicts += 1
                trial.states["during"] = nil
            } catch {
                Issue.record(
                    "operation \(place), \(paused.operations.dropFirst(at).first!): \(error)")
                break
            }
            do { try trial.prune() } catch { Issue.record("prune \(place): \(error)"); break }
            let faults = try trial.faults()
            #expect(faults == [], "operation \(place)")
            trial.change(5)
            try trial.backup("next", minutes: 40)
            #expect(try trial.faults() == [], "next, operation \(place)")
            if paused.operations.count <= at { break }
            // Pages are read at hundreds of places that differ in nothing: a few of them serve.
            place += place < 40 ? 2 : 37
        }
        #expect(place > 20)
        #expect(forgetsHead ? conflicts > 0 : conflicts == 0, "\(conflicts) conflicts")
    }

    @Test func oldHistoriesReadAfterOneReload() throws {
        let world = try thirty(11)
        let repository = try world.open()
        let old = try repository.history(of: "T")
        try world.forget((0..<28).map { "b\($0)" })
        try world.prune()
        for backup in old.backups.suffix(2) {
            var found: (rows: PruningWorld.Rows, digest: Hash256)?
            do {
                found = try PruningWorld.read(repository, old, backup)
            } catch {
                found = try PruningWorld.read(repository, try repository.history(of: "T"), backup)
            }
            #expect(found?.rows == world.states[backup.name])
        }
    }
}

extension PruningWorld {
    /// The same world in another store.
    convenience init(continuing other: PruningWorld, in store: MemoryStore) throws {
        self.init(seed: other.seed, time: other.time, continuing: store)
        states = other.states
        rows = other.rows
    }
}
