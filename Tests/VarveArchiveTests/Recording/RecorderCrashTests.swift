import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// A recorder dies before and after every operation of its store, or meets another one there; head
/// maps are in files that outlive it.
struct RecorderCrashTests {
    /// A repository with a table, and what is to be recorded.
    private struct Scene {
        let store = MemoryStore(clock: ManualTime())
        let source: RecordedSource
        let heads: HeadMapPlace
        private let directory: String

        /// - Parameter noise: bytes of each item that do not compress: with many, there are packs.
        init(seed: UInt64, noise: Int) throws {
            let test = try RecorderTests.repository(seed: seed, store: store)
            source = RecordedSource(
                test.random, seconds: 14, busy: 9, keys: 9, noise: noise,
                onlyWholeSeconds: seed % 2 == 0)
            directory = try FileSystem.makeTemporaryDirectory(prefix: "varve-heads")
            heads = .directory(directory)
        }

        func end() throws { try FileSystem.removeTree(directory) }

        /// Records everything from the beginning, flushing often.
        /// - Returns: the failure, if it fails.
        func record(in store: any ObjectStore, heads: HeadMapPlace, seed: UInt64) -> VarveError? {
            failure {
                let time = ManualTime(TestRepository.instant(100_000).microseconds)
                let repository = try Repository.open(
                    store,
                    environment: TestRepository.environment(seed: seed, workers: 1, time: time))
                var options = Recorder.Options(sourceKind: "test")
                // Several commits, some of them within a second.
                options.pendingBytesMax = 30_000
                let recorder = try Recorder(
                    repository, history: try repository.history(of: "orders"), heads: heads,
                    options: options)
                try recorder.feed(source, SeededRandom(seed: seed), time: time, batchMax: 5)
                #expect(recorder.takeRejected() == nil)
                try recorder.end()
            }
        }

        /// What is committed must be of the model, each change once.
        func check(_ store: any ObjectStore, isComplete: Bool, _ label: Comment) throws {
            let repository = try Repository.open(
                store, environment: TestRepository.environment(seed: 3, workers: 1))
            #expect(repository.verify(everything).problems == [], label)
            let history = try repository.history(of: "orders")
            let end = (history.chainHead.to ?? 0) / 1_000_000 - TestRepository.start
            for second in 0...end {
                #expect(
                    try contents(repository, at: second) == source.model.states[Int(second)],
                    label)
            }
            guard isComplete else { return }
            try source.model.check(
                repository, name: "orders", schema: TestTable.schemas[0])
            let entries = history.pieces.reduce(0) { $0 + $1.tree.entries }
            #expect(entries == UInt64(source.model.versions.count), label)
        }
    }

    @Test(arguments: [600, 601], [0, 4000])
    func everyCrashLosesNothingAndDoublesNothing(seed: UInt64, noise: Int) throws {
        let scene = try Scene(seed: seed, noise: noise)
        let counting = FaultyStore(scene.store.snapshot())
        #expect(scene.record(in: counting, heads: .memory, seed: 4) == nil)
        let count = counting.operations.count
        #expect(count > 20)
        for ordinal in 0..<count {
            let memory = scene.store.snapshot()
            let store = FaultyStore.dying(memory, at: ordinal, afterwards: ordinal % 2 != 0)
            let label: Comment = "operation \(ordinal) of \(count)"
            let failure = scene.record(in: store, heads: scene.heads, seed: 4)
            #expect(failure == nil || store.isCrashed, label)
            try scene.check(memory, isComplete: failure == nil, label)
            // With the map that the dead one left.
            #expect(scene.record(in: memory, heads: scene.heads, seed: 5) == nil, label)
            try scene.check(memory, isComplete: true, label)
        }
        try scene.end()
    }

    /// A second recorder runs from end to end before every operation of the first.
    @Test(arguments: [0, 4000]) func twoRecordersNeverHarmEachOther(noise: Int) throws {
        let scene = try Scene(seed: 610, noise: noise)
        var ordinal = 0
        var conflicts = 0
        while true {
            let memory = scene.store.snapshot()
            let second = Interlude()
            let at = ordinal
            let store = FaultyStore.interrupted(memory, before: at) {
                second.finish(scene.record(in: memory, heads: .memory, seed: 6))
            }
            let label: Comment = "operation \(at)"
            let failure = scene.record(in: store, heads: .memory, seed: 4)
            if !second.hasRun { break }
            #expect(second.failure == nil, label)
            #expect(failure == nil || failure?.code == .conflict, label)
            if failure != nil { conflicts += 1 }
            try scene.check(memory, isComplete: true, label)
            ordinal += 1
        }
        #expect(ordinal > 20)
        #expect(conflicts > 3)
        try scene.end()
    }
}
