import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

/// What compaction leaves behind is freed, and no more than that.
struct CompactionGarbageTests {
    /// A history that has been laid out several times, with runs in packs.
    private func world(_ seed: UInt64, _ memory: MemoryStore) throws -> RecordedHistory {
        let world = try RecordedHistory(
            try TestRepository(seed: seed, packBytes: 1 << 14, store: memory), keys: 60,
            largeEvery: 5)
        for _ in 0..<4 {
            for _ in 0..<6 { try world.commit(seconds: 6, busy: 60) }
            try compact(world.test.reopened(), isForced: true)
        }
        return world
    }

    private func open(_ store: any ObjectStore) throws -> Repository {
        try Repository.open(store, environment: TestRepository.environment(seed: 9, workers: 1))
    }

    /// Condemns what is useless, and deletes it the second time.
    private func collect(_ store: any ObjectStore) throws -> (CollectionReport, CollectionReport) {
        let compactor = Compactor(try open(store))
        return (try compactor.collect(grace: 0), try compactor.collect(grace: 0))
    }

    @Test func whatIsMergedIsFreed() throws {
        let memory = MemoryStore(clock: ManualTime())
        let world = try world(60, memory)
        let before = try memory.list("packs/").reduce(0) { $0 + $1.size }
        let (first, second) = try collect(memory)
        #expect(first.condemnedPacks > 0 && second.deletedPacks > 0)
        let after = try memory.list("packs/").reduce(0) { $0 + $1.size }
        #expect(after < before)
        try world.checkSeconds(every: 7)
        #expect(try world.test.reopened().verify(VerificationOptions(data: .all)).problems == [])
        let again = try collect(memory).1
        #expect(again.condemnedPacks == 0 && again.deletedPacks == 0)
    }

    /// A list that another published ripens by the usual grace, not by this one's.
    @Test func othersListsAreLeftAlone() throws {
        let time = ManualTime()
        let memory = MemoryStore(clock: time)
        let world = try world(61, memory)
        try world.test.repository.blobs.reload()
        _ = try Pruning(try open(memory), Pruning.Request()).run()
        let lists = try memory.list("condemned/").map(\.name)
        #expect(lists.count == 1)
        time.advance(seconds: 3_600)
        #expect(try collect(memory).1.deletedPacks == 0)
        #expect(try memory.list("condemned/").map(\.name).contains(lists[0]))
        time.advance(seconds: 7 * 86_400)
        #expect(try collect(memory).0.deletedPacks > 0)
        try world.checkSeconds(every: 11)
    }

    @Test func crashAfterEveryOperation() throws {
        let memory = MemoryStore(clock: ManualTime())
        let world = try world(62, memory)
        let counting = FaultyStore(memory.snapshot())
        _ = try collect(counting)
        let operations = counting.operations.count
        #expect(operations > 20)
        for ordinal in 0..<operations {
            let copy = memory.snapshot()
            let store = FaultyStore.dying(copy, at: ordinal)
            _ = try? collect(store)
            #expect(store.isCrashed)
            try world.checkSeconds(try open(copy), every: 47, "operation \(ordinal)")
            _ = try collect(copy)
            try world.checkSeconds(try open(copy), every: 47, "operation \(ordinal)")
        }
    }

    /// Recording and compaction go on before every operation of a collection.
    @Test func othersAtWork() throws {
        var place = 0
        while true {
            let memory = MemoryStore(clock: ManualTime())
            let world = try world(63, memory)
            let (at, box) = (place, Box(world))
            let store = FaultyStore(memory) { operation in
                guard operation.ordinal == at else { return nil }
                return .after {
                    do {
                        for _ in 0..<3 { try box.world.commit(seconds: 4, busy: 60) }
                        try compact(box.world.test.reopened(seed: 77), isForced: true)
                    } catch { Issue.record("\(error)") }
                }
            }
            _ = try collect(store)
            try world.checkSeconds(try open(memory), every: 47, "operation \(place)")
            if store.operations.count <= at { break }
            place += 9
        }
        #expect(place > 20)
    }

    /// What is stored of a history is at most half as much again as its changes laid out once.
    @Test(arguments: [64, 65] as [UInt64]) func historyCostsItsChanges(seed: UInt64) throws {
        let memory = MemoryStore(clock: ManualTime())
        let world = try RecordedHistory(
            try TestRepository(seed: seed, packBytes: 1 << 20, store: memory), keys: 2_000)
        var rewritten: UInt64 = 0
        for _ in 0..<40 {
            for _ in 0..<10 { try world.commit(seconds: 2, busy: 40) }
            let steps = try compact(world.test.reopened(), isForced: true)
            rewritten += steps.reduce(0) { $0 + $1.rewrittenChanges }
        }
        _ = try collect(memory)
        let stored = try memory.list("").reduce(0) { $0 + $1.size }
        let changes = world.model.versions.count
        // The same changes in one run, and nothing else.
        let once = try TestRepository(seed: seed, packBytes: 1 << 20)
        let writer = BlobWriter(once.repository, purpose: "test", inlineBytesMax: 0)
        let tree = TreeBuilder(
            .run, schema: world.schema, repository: once.repository, writer: writer)
        let preparer = RunPreparer(cutHash: once.repository.cutHash)
        let all = RecordedHistory.buffer(world.model.versions)
        for start in stride(from: 0, to: all.count, by: 4_096) {
            let range = UInt32(start)..<UInt32(min(all.count, start + 4_096))
            try tree.append(try preparer.prepare(all, range))
        }
        let laidOut = try tree.finish().storedBytes
        _ = try writer.finish()
        let share = Double(stored) / Double(laidOut)
        print(
            "\(changes) changes: \(laidOut) bytes as one run, \(stored) stored, \(share); "
                + "each rewritten \(Double(rewritten) / Double(changes)) times")
        #expect(share <= 1.5)
        #expect(rewritten <= UInt64(changes * 4))
        try world.checkSeconds(every: 101)
    }

    /// However many commits come, few objects stay.
    @Test func objectsStayFew() throws {
        let memory = MemoryStore(clock: ManualTime())
        let world = try RecordedHistory(
            try TestRepository(seed: 66, packBytes: 1 << 20, store: memory), keys: 300)
        let compaction = BackgroundCompaction(try open(memory), inline: true)
        let id = try world.test.repository.history(of: "orders").id
        compaction.add(try world.test.repository.history(of: "orders"))
        var most = 0
        for number in 0..<5_000 {
            try world.commit(seconds: 1, busy: 1)
            compaction.committed(id)
            if number % 100 == 0 { most = max(most, try memory.list("").count) }
        }
        compaction.end()
        #expect(compaction.report.failure == nil)
        #expect(most < 320)
        try world.checkSeconds(every: 499)
    }

    /// Sendable: the store calls back on the test's own thread.
    private final class Box: @unchecked Sendable {
        let world: RecordedHistory

        init(_ world: RecordedHistory) { self.world = world }
    }
}
