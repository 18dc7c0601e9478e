import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

@testable import VarveArchive

/// Collectors beside collectors, backups and restores: the second runs from end to end before an
/// operation of the first, for every operation that differs in something.
@Suite("Two and three at a time")
struct ConcurrencyTests {
    /// Backups of which some are forgotten, so that packs and runs must be written anew.
    private static func world(_ seed: UInt64) throws -> PruningWorld {
        let world = try PruningWorld(seed: seed)
        world.change(60, largeEvery: 10)
        for index in 0..<6 {
            try world.backup("b\(index)", minutes: index + 1)
            world.change(12, largeEvery: 4)
        }
        try world.forget(["b0", "b2", "b3"])
        return world
    }

    /// Runs `body` in a copy of the world whose store runs `other` before one operation, for one
    /// operation after another.
    private static func interleave(
        _ world: PruningWorld, _ body: (PruningWorld, FaultyStore) throws -> Void,
        other: @escaping @Sendable (MemoryStore, Repository.Environment) throws -> Void,
        after: (PruningWorld, Comment) throws -> Void
    ) throws -> Int {
        let memory = world.base as! MemoryStore
        var place = 0
        while true {
            let copy = memory.snapshot()
            let trial = try PruningWorld(continuing: world, in: copy)
            let (at, environment) = (place, trial.environment)
            let paused = FaultyStore.interrupted(copy, before: at) {
                do {
                    try other(copy, environment)
                } catch {
                    Issue.record("beside operation \(at): \(error)")
                }
            }
            let label: Comment = "operation \(place), seed \(world.seed)"
            do {
                try body(trial, paused)
            } catch let error as VarveError where error.code == .conflict {
            } catch let error as VarveError where isOvertaken(error) {
            } catch {
                Issue.record("\(label): \(error)")
            }
            try after(trial, label)
            if paused.operations.count <= at { return place }
            // Pages are read at hundreds of places that differ in nothing: a few of them serve.
            place += place < 40 ? 1 : 23
        }
    }

    /// Without a grace period a prune frees what a plan of before it still names: whoever holds
    /// such a plan is told so, and reads the history anew.
    private static func isOvertaken(_ error: VarveError) -> Bool {
        error.code == .damaged && error.message.contains("no pack has the blob")
    }

    private static func prune(
        _ store: any ObjectStore, _ environment: Repository.Environment
    ) throws {
        let repository = try Repository.open(store, environment: environment)
        _ = try Pruning(repository, Pruning.Request(grace: 0)).run()
    }

    private static func settle(_ trial: PruningWorld, _ label: Comment) throws {
        #expect(try trial.faults() == [], label)
        // An intent that a rival left may make a collector wait: a day later it does not.
        trial.time.advance(seconds: 90_000)
        try trial.prune()
        #expect(try trial.faults() == [], label)
        #expect(try trial.base.list("condemned/") == [], label)
    }

    @Test func collectorsBesideEachOther() throws {
        let places = try Self.interleave(
            try Self.world(81), { try $0.prune(store: $1) },
            other: { try Self.prune($0, $1) },
            after: { try Self.settle($0, $1) })
        #expect(places > 40)
    }

    /// A whole backup within a prune; what it brings back was forgotten, so that it finds blobs
    /// that are about to go.
    @Test(arguments: [false, true])
    func backupWithinPrune(isFollowedByPrune: Bool) throws {
        let world = try Self.world(82)
        world.rows = world.states["b1"]!
        try world.forget(["b1"])
        let rows = world.rows
        let places = try Self.interleave(
            world, { try $0.prune(store: $1) },
            other: { store, environment in
                let rival = PruningWorld(
                    seed: 5, time: environment.time as! ManualTime, continuing: store)
                rival.rows = rows
                try rival.backup("within", minutes: 40)
                if isFollowedByPrune { try Self.prune(store, environment) }
            },
            after: { trial, label in
                let history = try trial.open().history(of: "T")
                if history.backups.contains(where: { $0.name == "within" }) {
                    trial.states["within"] = rows
                }
                try Self.settle(trial, label)
            })
        #expect(places > 40)
    }

    /// A prune in the middle of a prune in the middle of a backup.
    @Test(arguments: 0..<24)
    func threeAtATime(_ seed: UInt64) throws {
        let world = try Self.world(90)
        world.rows = world.states["b1"]!
        try world.forget(["b1"])
        let copy = (world.base as! MemoryStore).snapshot()
        let trial = try PruningWorld(continuing: world, in: copy)
        let random = SeededRandom(seed: seed)
        let (first, second) = (Int(random.next() % 30), Int(random.next() % 60))
        let environment = trial.environment
        let outer = FaultyStore.interrupted(copy, before: first) {
            let inner = FaultyStore.interrupted(copy, before: second) {
                try? Self.prune(copy, environment)
            }
            if let error = failure(of: { try Self.prune(inner, environment) }) {
                #expect(error.code == .conflict || Self.isOvertaken(error), "\(error)")
            }
        }
        do {
            try trial.backup("during", minutes: 30, store: outer)
        } catch let error as VarveError where error.code == .conflict {
            trial.states["during"] = nil
        }
        try Self.settle(trial, "places \(first) and \(second), seed \(seed)")
    }

    /// Backups and prunes while a state is read that is kept: the reader gets it whole.
    @Test(arguments: [false, true])
    func writersBesideARestore(prunes: Bool) throws {
        let world = try Self.world(83)
        let places = try Self.interleave(
            world,
            { trial, store in
                let repository = try trial.open(store)
                let history = try repository.history(of: "T", for: .reading)
                #expect(history.damage.isEmpty)
                let backup = try history.backup(named: "b4")
                let found = try PruningWorld.read(repository, history, backup)
                #expect(found.rows == trial.states["b4"] && found.digest == backup.digest)
            },
            other: { store, environment in
                if prunes { return try Self.prune(store, environment) }
                let rival = PruningWorld(
                    seed: 6, time: environment.time as! ManualTime, continuing: store)
                rival.change(30, largeEvery: 7)
                try rival.backup("beside", minutes: 50)
            }, after: { _, _ in })
        #expect(places > 5)
    }

    /// Prune dies before an operation of any kind, a read among them.
    @Test func pruneDiesBeforeEveryOperation() throws {
        let world = try Self.world(84)
        let memory = world.base as! MemoryStore
        var place = 0
        while true {
            let copy = memory.snapshot()
            let trial = try PruningWorld(continuing: world, in: copy)
            let at = place
            let dying = FaultyStore.dying(copy, at: at)
            let finished = (try? trial.prune(store: dying)) != nil
            try Self.settle(trial, "operation \(place)")
            if finished { break }
            place += place < 40 ? 1 : 11
        }
        #expect(place > 40)
    }

    /// The disk is full from a write of prune on: it says so, and nothing is lost.
    @Test func pruneOnAFullDisk() throws {
        let world = try Self.world(85)
        let memory = world.base as! MemoryStore
        var writes = 0
        while true {
            let copy = memory.snapshot()
            let trial = try PruningWorld(continuing: world, in: copy)
            let full = FaultyStore.full(copy, fromWrite: writes)
            var failure: VarveError?
            do {
                try trial.prune(store: full)
            } catch let error as VarveError {
                failure = error
            }
            #expect(failure == nil || failure?.code == .storage)
            try Self.settle(trial, "write \(writes)")
            if failure == nil { break }
            writes += 1
        }
        #expect(writes > 2)
    }
}

@Suite("Long histories")
struct LongHistoryTests {
    @Test func manyCommitsAndManyIndexes() throws {
        let world = try PruningWorld(seed: 86)
        world.keyCount = 40
        world.change(40)
        var layouts: Set<UInt64> = []
        for index in 0..<300 {
            try world.backup("b\(index)", minutes: index + 1)
            world.change(2)
            if index % 20 == 0 {
                layouts.insert(try world.open().history(of: "T").layoutNumber)
            }
        }
        let history = try world.open().history(of: "T")
        #expect(history.nextSequence >= 300)
        #expect(history.commits.count <= 256)
        #expect(layouts.count > 2)
        #expect(try world.faults() == [])
        try world.forget((0..<300).filter { $0 % 50 != 7 }.map { "b\($0)" })
        try world.prune()
        #expect(try world.faults() == [])
    }

    /// Every backup brings a pack and an index; prune makes few indexes of many.
    @Test func manyIndexesAreMerged() throws {
        let world = try PruningWorld(seed: 87)
        for index in 0..<14 {
            world.change(12, largeEvery: 2)
            try world.backup("b\(index)", minutes: index + 1)
        }
        let before = try world.base.list("indexes/").count
        try #require(before > Repository.indexCountMax)
        let memory = world.base as! MemoryStore
        var writes = 0
        while true {
            let copy = memory.snapshot()
            let trial = try PruningWorld(continuing: world, in: copy)
            let dying = FaultyStore.crashing(copy, beforeWrite: writes)
            let finished = (try? trial.prune(store: dying)) != nil
            #expect(try trial.faults() == [], "before write \(writes)")
            trial.time.advance(seconds: 90_000)
            try trial.prune()
            #expect(try copy.list("indexes/").count <= Repository.indexCountMax)
            #expect(try trial.faults() == [], "again, before write \(writes)")
            if finished { break }
            writes += 1
        }
        #expect(writes > 1)
    }
}
