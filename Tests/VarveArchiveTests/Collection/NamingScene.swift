import VarveBytes
import VarveFormat
import VarveStorage

@testable import VarveArchive

/// A state that no backup names any more and that is still there: the world's "b2".
struct NamingScene: Sendable {
    let lost: BackupRecord
    let rows: PruningWorld.Rows
    private let memory: MemoryStore
    private let time: ManualTime
    private let seed: UInt64
    private let states: [String: PruningWorld.Rows]

    /// - Parameter hasLayout: whether a layout tells of the state, or commits.
    init(seed: UInt64, hasLayout: Bool = false) throws {
        let world = try PruningWorld(seed: seed)
        world.change(60, largeEvery: 10)
        for index in 0..<5 {
            try world.backup("b\(index)", minutes: index + 1)
            world.change(12, largeEvery: 4)
        }
        lost = try world.open().history(of: "T").backup(named: "b2")
        rows = world.states["b2"]!
        try world.forget(["b2", "b3"])
        if hasLayout { try world.compact() }
        memory = world.base as! MemoryStore
        time = world.time
        self.seed = seed
        states = world.states
    }

    /// The same world, to do something in.
    func trial() throws -> (MemoryStore, PruningWorld) {
        let copy = memory.snapshot()
        let trial = PruningWorld(seed: seed, time: time, continuing: copy)
        trial.states = states
        return (copy, trial)
    }

    /// Names the state by what was read before.
    /// - Returns: the failure, if it fails.
    func name(
        _ history: TableHistory, _ store: any ObjectStore,
        _ environment: Repository.Environment, name: String = "late"
    ) -> VarveError? {
        do {
            let repository = try Repository.open(store, environment: environment)
            _ = try repository.makeBackup(
                history, name: name,
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
