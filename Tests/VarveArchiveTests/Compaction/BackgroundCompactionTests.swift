import Dispatch
import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

/// Laying history out anew while it is recorded.
struct BackgroundCompactionTests {
    /// A recorded history and the compaction beside it.
    private struct World {
        let history: RecordedHistory
        let compaction: BackgroundCompaction

        /// - Parameter workers: 1 does everything inline; else there is a thread.
        init(seed: UInt64, workers: Int, store: any ObjectStore) throws {
            history = try RecordedHistory(
                try TestRepository(seed: seed, packBytes: 1 << 16, store: store), keys: 200,
                largeEvery: 40)
            let repository = try Repository.open(
                store,
                environment: TestRepository.environment(seed: seed + 1, workers: workers))
            compaction = BackgroundCompaction(repository, inline: workers == 1)
            compaction.add(try repository.history(of: "orders"))
        }

        func commit(_ count: Int) throws {
            let id = try history.test.repository.history(of: "orders").id
            for _ in 0..<count {
                try history.commit(seconds: 1, busy: 4)
                compaction.committed(id)
            }
        }
    }

    @Test func historyStaysShort() throws {
        let world = try World(seed: 70, workers: 1, store: MemoryStore(clock: ManualTime()))
        var longest = 0
        for _ in 0..<20 {
            try world.commit(60)
            let history = try world.history.test.reopened().history(of: "orders")
            longest = max(longest, history.commits.count)
        }
        world.compaction.end()
        let report = world.compaction.report
        #expect(report.failure == nil)
        #expect(longest <= 256)
        #expect(report.steps >= 4 && report.coveredCommits >= 1_000)
        #expect(try world.history.test.store.list("tables/").count < 256 + 8)
        // Each size class writes a change once more.
        let recorded = world.history.model.versions.count
        #expect(report.rewrittenChanges >= UInt64(recorded / 2))
        #expect(report.rewrittenChanges <= UInt64(recorded * 3))
        try world.history.checkSeconds(every: 29)
    }

    @Test func aThreadOfItsOwn() throws {
        let world = try World(seed: 71, workers: 3, store: MemoryStore(clock: SystemTime()))
        try world.commit(700)
        world.compaction.end(giveUp: { false })
        #expect(world.compaction.report.failure == nil)
        #expect(world.compaction.report.steps >= 1)
        let history = try world.history.test.reopened().history(of: "orders")
        #expect(history.commits.count <= 256)
        try world.history.checkSeconds(every: 17)
    }

    /// Given up at any moment, it leaves a sound history, and the next one does the work.
    @Test func itCanBeGivenUp() throws {
        let memory = MemoryStore(clock: SystemTime())
        let world = try World(seed: 72, workers: 3, store: memory)
        for _ in 0..<4 {
            try world.commit(150)
            world.compaction.end()
            #expect(world.compaction.report.failure == nil)
            try world.history.checkSeconds(every: 41)
            let next = BackgroundCompaction(
                try Repository.open(
                    memory, environment: TestRepository.environment(seed: 5, workers: 1)),
                inline: true)
            next.add(try world.history.test.reopened().history(of: "orders"))
            next.end()
            try world.history.checkSeconds(every: 41)
        }
    }

    /// A compaction that hangs in the middle of publishing holds nobody up.
    @Test func commitsDoNotWait() throws {
        let memory = MemoryStore(clock: SystemTime())
        let hangs = DispatchSemaphore(value: 0)
        let mayGoOn = DispatchSemaphore(value: 0)
        let slow = FaultyStore(memory) { operation in
            guard operation.name.contains("/layouts/"), operation.kind == .create else {
                return nil
            }
            return .after {
                hangs.signal()
                mayGoOn.wait()
            }
        }
        let history = try RecordedHistory(
            try TestRepository(seed: 74, packBytes: 1 << 16, store: memory), keys: 50)
        let repository = try Repository.open(
            slow, environment: TestRepository.environment(seed: 6, workers: 2))
        let compaction = BackgroundCompaction(repository)
        let opened = try repository.history(of: "orders")
        compaction.add(opened)
        for _ in 0..<260 {
            try history.commit(seconds: 1, busy: 3)
            compaction.committed(opened.id)
        }
        hangs.wait()
        for _ in 0..<300 {
            try history.commit(seconds: 1, busy: 3)
            compaction.committed(opened.id)
        }
        #expect(compaction.report.steps == 0)
        // It goes on, and does what has become due meanwhile.
        for _ in 0..<8 { mayGoOn.signal() }
        compaction.end(giveUp: { false })
        #expect(compaction.report.failure == nil && compaction.report.steps >= 2)
        #expect(try repository.history(of: "orders").commits.count <= 256)
        try history.checkSeconds(every: 19)
    }

    /// A source that is long past brings many checkpoints in few commits; its recorder waits.
    @Test func aRecorderThatIsFarAheadWaits() throws {
        let history = try RecordedHistory(
            try TestRepository(
                seed: 75, packBytes: 1 << 16, store: MemoryStore(clock: SystemTime())), keys: 50)
        let repository = try Repository.open(
            history.test.store, environment: TestRepository.environment(seed: 6, workers: 2))
        var limits = Compactor.Limits()
        limits.checkpoints = 50
        let compaction = BackgroundCompaction(repository, limits: limits)
        let opened = try repository.history(of: "orders")
        compaction.add(opened)
        var longest = 0
        for _ in 0..<60 {
            let before = history.model.changedSeconds.count
            try history.commit(seconds: 30, busy: 3)
            compaction.committed(
                opened.id, checkpoints: history.model.changedSeconds.count - before)
            compaction.catchUp(opened.id) { false }
            let uncovered = try repository.history(of: "orders").uncovered.count
            longest = max(longest, uncovered)
        }
        #expect(longest <= 150)
        compaction.end(giveUp: { false })
        #expect(compaction.report.failure == nil)
        try history.checkSeconds(every: 19)
    }

    /// What it cannot do harms nothing that is recorded, and is told; nobody waits for it.
    @Test func failuresAreTold() throws {
        let memory = MemoryStore(clock: ManualTime())
        let failing = FaultyStore(memory) { operation in
            operation.name.contains("/layouts/") && operation.kind == .create
                ? .fail(VarveError(.storage, "the disk is full", at: operation.name)) : nil
        }
        let history = try RecordedHistory(
            try TestRepository(seed: 73, packBytes: 1 << 16, store: memory), keys: 50)
        let repository = try Repository.open(
            failing, environment: TestRepository.environment(seed: 6, workers: 1))
        let compaction = BackgroundCompaction(repository, inline: true)
        let opened = try repository.history(of: "orders")
        compaction.add(opened)
        for _ in 0..<300 {
            try history.commit(seconds: 1, busy: 3)
            compaction.committed(opened.id, checkpoints: 10_000)
            compaction.catchUp(opened.id) { false }
        }
        compaction.end()
        #expect(compaction.report.failure == VarveError(.storage, ""))
        #expect(try repository.history(of: "orders").commits.count == 301)
        try history.checkSeconds(every: 37)
    }
}
