import Synchronization
import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

@testable import VarveArchive

/// A recorded state becomes a backup while a prune drops it: one of the two gives way.
@Suite("Names beside prunes")
struct NamingTests {
    /// A state that no backup names any more and that is still there: the world's "b2".
    private struct Scene {
        let memory: MemoryStore
        let world: PruningWorld
        let lost: BackupRecord
        let rows: PruningWorld.Rows

        init(seed: UInt64) throws {
            world = try PruningWorld(seed: seed)
            world.change(60, largeEvery: 10)
            for index in 0..<5 {
                try world.backup("b\(index)", minutes: index + 1)
                world.change(12, largeEvery: 4)
            }
            lost = try world.open().history(of: "T").backup(named: "b2")
            rows = world.states["b2"]!
            try world.forget(["b2", "b3"])
            memory = world.base as! MemoryStore
        }

        func trial() throws -> (MemoryStore, PruningWorld) {
            let copy = memory.snapshot()
            let trial = PruningWorld(seed: world.seed, time: world.time, continuing: copy)
            trial.states = world.states
            return (copy, trial)
        }

        /// Names the state by what was read before.
        static func name(
            _ lost: BackupRecord, _ history: TableHistory, _ store: any ObjectStore,
            _ environment: Repository.Environment
        ) -> VarveError? {
            do {
                let repository = try Repository.open(store, environment: environment)
                _ = try repository.makeBackup(
                    history, name: "late",
                    checkpoint: Checkpoint(
                        instant: lost.instant, changes: 0, items: lost.items, bytes: lost.bytes,
                        digest: lost.digest),
                    commitSequence: lost.commitSequence, commitHash: lost.commitHash,
                    keepUntil: nil, source: "test")
                return nil
            } catch {
                return error
            }
        }
    }

    /// What came of a name within a prune.
    private final class Naming: Sendable {
        private let state = Mutex<(isDone: Bool, failure: VarveError?)>((false, nil))

        var isNamed: Bool { state.withLock { $0.isDone && $0.failure == nil } }
        var failure: VarveError? { state.withLock { $0.failure } }

        func finish(_ failure: VarveError?) { state.withLock { $0 = (true, failure) } }
    }

    @Test func aStateIsNamedWhileItIsDropped() throws {
        let scene = try Scene(seed: 91)
        var counts = (named: 0, refused: 0)
        for place in 0... {
            let (copy, trial) = try scene.trial()
            let history = try trial.open().history(of: "T")
            let (environment, lost) = (trial.environment, scene.lost)
            let naming = Naming()
            let store = FaultyStore(copy) { operation in
                guard operation.ordinal == place else { return nil }
                return .after { naming.finish(Scene.name(lost, history, copy, environment)) }
            }
            try trial.prune(store: store)
            let label: Comment = "operation \(place)"
            if naming.isNamed {
                counts.named += 1
                trial.states["late"] = scene.rows
            } else if let failure = naming.failure {
                counts.refused += 1
                #expect(failure.code == .conflict, label)
            }
            #expect(try trial.faults() == [], label)
            try trial.prune()
            #expect(try trial.faults() == [], label)
            if store.operations.count <= place { break }
        }
        #expect(counts.named > 10 && counts.refused > 5)
    }

    /// The prune dies at any moment after that: the next one brings the state back.
    @Test func aPruneDiesBeforeItBringsAStateBack() throws {
        let scene = try Scene(seed: 92)
        let (first, plain) = try scene.trial()
        let counting = FaultyStore(first)
        try plain.prune(store: counting)
        let layout = try #require(
            counting.operations.first { $0.kind == .create && $0.name.contains("/layouts/") })
        for death in (layout.ordinal + 1)... {
            let (copy, trial) = try scene.trial()
            let history = try trial.open().history(of: "T")
            let (environment, lost) = (trial.environment, scene.lost)
            let naming = Naming()
            let store = FaultyStore(copy) { operation in
                if operation.ordinal == death { return .crash }
                guard operation.ordinal == layout.ordinal else { return nil }
                return .after { naming.finish(Scene.name(lost, history, copy, environment)) }
            }
            let label: Comment = "operation \(death)"
            do {
                try trial.prune(store: store)
            } catch {
                #expect(store.isCrashed, "\(label): \(error)")
            }
            #expect(naming.isNamed, label)
            trial.states["late"] = scene.rows
            try trial.prune()
            let faults = try trial.faults()
            #expect(faults == [], label)
            trial.time.advance(seconds: 90_000)
            try trial.prune()
            #expect(try trial.faults() == [], label)
            if !store.isCrashed { break }
        }
    }
}
