import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

/// Recorder, compaction, pruning and collection take turns within each other's operations.
struct HistoryInterleavingTests {
    private enum Actor: CaseIterable {
        case recorder, compaction, pruning, collection
    }

    /// Sendable: the store calls back on the test's own thread.
    private final class Stage: @unchecked Sendable {
        let world: RetentionWorld
        let random: SeededRandom
        private let compactor: Compactor
        private var isTurn = false
        private(set) var turns = 0

        init(seed: UInt64) throws {
            world = try RetentionWorld(seed: seed, days: 2, largeEvery: seed % 3 == 0 ? 5 : 0)
            random = SeededRandom(seed: seed)
            compactor = Compactor(try world.open())
            try world.promise(days: 1)
        }

        func below(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }

        func act(_ actor: Actor, _ store: (any ObjectStore)? = nil) throws {
            switch actor {
            case .recorder: try world.history.commit(seconds: 50, busy: 1)
            case .compaction: try compact(try world.open(store), isForced: true)
            case .pruning: try world.prune(store)
            case .collection:
                if store == nil {
                    try compactor.collect(grace: 0)
                } else {
                    try Compactor(try world.open(store)).collect(grace: 0)
                }
            }
        }

        /// Another has a turn.
        func interrupt() {
            if isTurn { return }
            isTurn = true
            defer { isTurn = false }
            turns += 1
            let actor = Actor.allCases[below(Actor.allCases.count)]
            do { try act(actor) } catch { Issue.record("\(actor) in its turn: \(error)") }
        }
    }

    @Test(arguments: 1...16 as ClosedRange<UInt64>)
    func whatIsPromisedStays(seed: UInt64) throws {
        let stage = try Stage(seed: seed + 300)
        let world = stage.world
        let window = world.clock - 86_400
        for round in 0..<3 {
            let actor = [Actor.compaction, .pruning, .collection][(Int(seed) + round) % 3]
            let every = 5 + stage.below(20)
            let store = FaultyStore(world.memory) { operation in
                operation.ordinal % every == every - 1
                    ? .after { stage.interrupt() } : nil
            }
            do {
                try stage.act(actor, store)
            } catch let error as VarveError {
                // Runs that another has replaced may be gone: who reads them tries again later.
                #expect(
                    [.damaged, .conflict].contains(error.code), "\(actor), seed \(seed): \(error)")
            }
        }
        #expect(stage.turns > 3)
        try world.prune()
        try stage.act(.collection)
        try world.check(window: window, kept: [], "seed \(seed)")
        #expect(try world.open().verify(VerificationOptions(data: .all)).problems == [])
    }
}
