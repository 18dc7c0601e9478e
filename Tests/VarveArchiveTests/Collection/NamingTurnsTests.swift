import Dispatch
import Synchronization
import Testing
import VarveBytes
import VarveFormat
import VarveStorage

@testable import VarveArchive

/// A recorded state becomes a backup while a prune drops it, and either may die: in turns, both
/// begin and both go on, so that one may look before the other publishes.
@Suite("Names and prunes in turns")
struct NamingTurnsTests {
    /// A prune that stops before one of its operations, until it may go on.
    ///
    /// Sendable: `failure` is written before `ended` is signalled, and read after.
    private final class PausedPrune: @unchecked Sendable {
        private let reached = DispatchSemaphore(value: 0)
        private let goes = DispatchSemaphore(value: 0)
        private let ended = DispatchSemaphore(value: 0)
        private let hasEnded = Atomic<Bool>(false)
        private let store: FaultyStore
        private var failure: (any Error)?

        /// Begins, and returns when it has come to the operation `pause`, or to its end.
        /// - Parameter death: the operation before which it dies.
        init(
            _ memory: MemoryStore, _ environment: Repository.Environment, pause: Int, death: Int
        ) {
            let (reached, goes) = (reached, goes)
            store = FaultyStore(memory) { operation in
                if operation.ordinal == death { return .crash }
                guard operation.ordinal == pause else { return nil }
                return .after {
                    reached.signal()
                    goes.wait()
                }
            }
            DispatchQueue(label: "prune").async { [self] in
                do {
                    let repository = try Repository.open(store, environment: environment)
                    _ = try Pruning(repository, Pruning.Request(grace: 0)).run()
                } catch {
                    failure = error
                }
                reached.signal()
                ended.signal()
            }
            reached.wait()
        }

        /// Lets it go on to its end; once.
        func finish() {
            if hasEnded.exchange(true, ordering: .acquiringAndReleasing) { return }
            goes.signal()
            ended.wait()
        }

        /// What went wrong, if it did not die.
        var fault: String? { store.isCrashed ? nil : failure.map { "\($0)" } }
    }

    /// Where a plain prune creates its layout.
    private static func layoutPlace(_ scene: NamingScene) throws -> Int {
        let (copy, trial) = try scene.trial()
        let counting = FaultyStore(copy)
        try trial.prune(store: counting)
        let layout = counting.operations.first {
            $0.kind == .create && $0.name.contains("/layouts/")
        }
        return try #require(layout).ordinal
    }

    /// Where a naming looks at the table first; before that it opens the repository.
    private static func firstTurn(_ scene: NamingScene) throws -> Int {
        let (copy, trial) = try scene.trial()
        let history = try trial.open().history(of: "T")
        let counting = FaultyStore(copy)
        #expect(scene.name(history, counting, trial.environment) == nil)
        let first = counting.operations.first { $0.kind == .list && $0.name.contains("tables/") }
        return try #require(first).ordinal
    }

    /// One run: the prune comes to `pause`; the naming begins, and comes to its operation `turn`;
    /// the prune goes on, and dies before `death`; the naming goes on, or dies where it is.
    /// - Returns: whether a backup was acknowledged; nil if the naming had ended before its turn.
    private static func run(
        _ scene: NamingScene, pause: Int, turn: Int, death: Int, namingDies: Bool = false
    ) throws -> Bool? {
        let label: Comment = "prune to \(pause), naming to \(turn), prune dies at \(death)"
        let (copy, trial) = try scene.trial()
        let history = try trial.open().history(of: "T")
        let prune = PausedPrune(copy, trial.environment, pause: pause, death: death)
        let named = FaultyStore(copy) { operation in
            if operation.ordinal != turn { return nil }
            prune.finish()
            return namingDies ? .crash : nil
        }
        let failure = scene.name(history, named, trial.environment)
        prune.finish()
        #expect(prune.fault == nil, label)
        // At its end it may have a last turn: the prune goes on after it.
        if named.operations.count < turn { return nil }
        if named.isCrashed {
            // Nothing was acknowledged: if the record is there, the next prune sees to its state.
            let now = try trial.open().history(of: "T", for: .reading)
            if now.backups.contains(where: { $0.name == "late" }) {
                trial.states["late"] = scene.rows
            }
        } else {
            #expect(failure == nil || failure?.code == .conflict, label)
            if failure == nil { trial.states["late"] = scene.rows }
            // Without another prune.
            #expect(try trial.faults() == [], label)
            try trial.compact()
            #expect(try trial.faults() == [], label)
        }
        trial.time.advance(seconds: 90_000)
        try trial.prune()
        #expect(try trial.faults() == [], label)
        return failure == nil
    }

    @Test(arguments: [(false, false), (true, false), (false, true)])
    func eitherMayDie(hasLayout: Bool, namingDies: Bool) throws {
        let scene = try NamingScene(seed: 93, hasLayout: hasLayout)
        let layout = try Self.layoutPlace(scene)
        let first = try Self.firstTurn(scene)
        var counts = (named: 0, refused: 0)
        for pause in layout - 3...layout + 2 {
            for turn in first..<first + 10 {
                for death in Array(layout...layout + 3).filter({ $0 > pause }) + [.max] {
                    let isNamed = try Self.run(
                        scene, pause: pause, turn: turn, death: death, namingDies: namingDies)
                    guard let isNamed else { break }
                    if isNamed { counts.named += 1 } else { counts.refused += 1 }
                }
            }
        }
        #expect(counts.named > (namingDies ? 4 : 40) && counts.refused > 10)
    }

    /// A prune died when it had announced a layout: the next name takes its announcement away.
    @Test func anAnnouncementOfTheDeadStaysForOneName() throws {
        let scene = try NamingScene(seed: 94)
        let (copy, trial) = try scene.trial()
        let history = try trial.open().history(of: "T")
        let faulty = FaultyStore(copy) { operation in
            operation.kind == .create && operation.name.contains("/layouts/") ? .crash : nil
        }
        #expect(throws: VarveError.self) { try trial.prune(store: faulty) }
        let announcement = DropAnnouncement(
            repository: try trial.open(), id: history.id, record: history.record)
        #expect(try announcement.all().count == 1)
        #expect(scene.name(history, copy, trial.environment) == nil)
        #expect(try announcement.all() == [])
        let counting = FaultyStore(copy)
        #expect(scene.name(history, counting, trial.environment, name: "later") == nil)
        #expect(!counting.operations.contains { $0.kind == .create && $0.name.contains("layouts") })
        trial.states["late"] = scene.rows
        trial.states["later"] = scene.rows
        #expect(try trial.faults() == [])
        trial.time.advance(seconds: 90_000)
        try trial.prune()
        #expect(try trial.faults() == [])
    }
}
