import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

/// Laying recorded history out anew: every second stays as it was.
struct CompactionTests {
    private func world(
        _ seed: UInt64, keys: Int = 40, largeEvery: Int = 0, packBytes: UInt64 = 1 << 16
    ) throws -> RecordedHistory {
        try RecordedHistory(
            try TestRepository(seed: seed, packBytes: packBytes), keys: keys,
            largeEvery: largeEvery)
    }

    @Test(arguments: [1, 2, 3, 4, 5, 6] as [UInt64]) func everySecondStays(seed: UInt64) throws {
        let world = try world(seed, largeEvery: seed % 3 == 0 ? 5 : 0)
        var steps = 0
        for round in 0..<12 {
            for _ in 0..<(1 + Int(world.test.random.next() % 40)) {
                try world.commit(seconds: 1 + Int(world.test.random.next() % 3))
            }
            let before = try world.test.reopened().history(of: "orders")
            steps += try compact(world.test.reopened(seed: seed), isForced: true).count
            let after = try world.test.reopened().history(of: "orders")
            #expect(after.commits.count == 1)
            #expect(after.nextSequence == before.nextSequence)
            #expect(after.head == before.head)
            if round % 4 == 3 { try world.checkSeconds() }
        }
        #expect(steps > 8)
        try world.checkSeconds()
        let report = try world.test.reopened().verify(VerificationOptions(data: .all))
        #expect(report.problems == [])
    }

    @Test func aLayoutIsDueAfterSoManyCommits() throws {
        let world = try world(20)
        let repository = try world.test.reopened()
        while try repository.history(of: "orders").commits.count < 255 {
            try world.commit([[]])
        }
        #expect(try compact(repository) == [])
        try world.commit(seconds: 1)
        let steps = try compact(repository)
        #expect(steps.count == 1 && steps[0].coveredCommits == 255)
        let history = try repository.history(of: "orders")
        #expect(history.pieces.filter { $0.kind == .run }.count == 2)
        #expect(try world.test.store.list("packs/") == [])
        try world.checkSeconds()
    }

    /// Few commits with many checkpoints: whoever opens the table would have to hold them all.
    @Test func aLayoutIsDueAfterSoManyCheckpoints() throws {
        let world = try world(21)
        var table = TestTable()
        table.add(7, world.test.random)
        let keys = table.sortedKeys
        /// Commits seconds with a change each.
        func commit(seconds: Int) throws {
            let first = Int(world.model.endSecond)
            try world.commit(
                (first..<first + seconds).map { second in
                    [
                        HistoryModel.Version(
                            key: keys[second % 7],
                            time: TestRepository.instant(Int64(second)).microseconds,
                            value: Self.noise(world.test.random, 20))
                    ]
                })
        }
        var limits = Compactor.Limits()
        limits.checkpoints = 100
        func covered(isForced: Bool = false) throws -> [Int] {
            let repository = try world.test.reopened()
            let history = try repository.history(of: "orders")
            return try Compactor(repository, limits: limits)
                .run(history.id, history.record, isForced: isForced).map(\.coveredCheckpoints)
        }
        func uncovered() throws -> [Int] {
            try world.test.reopened().history(of: "orders").commits
                .map(\.logical.checkpoints.count)
        }
        try commit(seconds: 99)
        // That of the first commit began the history.
        #expect(try uncovered() == [1, 99])
        try commit(seconds: 1)
        #expect(try covered() == [])
        try commit(seconds: 1)
        try commit(seconds: 1)
        #expect(try covered() == [101])
        #expect(try uncovered() == [1, 1])
        // What one step covers is bounded, and what is due is done in several.
        for _ in 0..<9 { try commit(seconds: 40) }
        #expect(try covered() == [122, 120])
        #expect(try uncovered() == [40, 40, 40])
        // Asked to, it covers all but the newest.
        for _ in 0..<9 { try commit(seconds: 40) }
        #expect(try covered(isForced: true) == [120, 120, 120, 80])
        #expect(try uncovered() == [40])
        try world.checkSeconds(every: 7)
        let report = try world.test.reopened().verify(VerificationOptions(data: .all))
        #expect(report.problems == [])
    }

    @Test func imagesAreWrittenWhenRunsOutweighThem() throws {
        let test = try TestRepository(seed: 30, packBytes: 1 << 20)
        let world = try RecordedHistory(test)
        var table = TestTable()
        table.add(3000, test.random)
        let keys = table.sortedKeys
        for second in 0..<40 {
            let time = TestRepository.instant(Int64(second)).microseconds
            try world.commit([
                keys.indices.filter { second == 0 || ($0 + second) % 4 == 0 }.map { index in
                    HistoryModel.Version(
                        key: keys[index], time: time, value: Self.noise(test.random, 900))
                }
            ])
            try compact(test.reopened(), isForced: true)
        }
        let history = try test.reopened().history(of: "orders")
        let images = history.pieces.filter { $0.kind == .image && !$0.tree.isEmpty }
        #expect(images.count > 1)
        let bytes = images.reduce(0) { $0 + $1.tree.storedBytes }
        let runs = history.pieces.filter { $0.kind == .run }
        #expect(bytes * 5 < runs.storedBytes * 3)
        #expect(runs.contains { $0.timeList != nil })
        try world.checkSeconds(every: 7)
        let report = try test.reopened().verify(VerificationOptions(data: .all))
        #expect(report.problems == [])
    }

    /// A key with many versions passes through in pieces, and costs what its versions cost.
    @Test func aHotKeyCostsItsVersions() throws {
        let test = try TestRepository(seed: 31, packBytes: 1 << 20)
        let world = try RecordedHistory(test)
        var table = TestTable()
        table.add(1, test.random)
        let key = table.sortedKeys[0]
        for second in 0..<100 {
            let time = TestRepository.instant(Int64(second)).microseconds
            try world.commit([
                (0..<1_000).map { step in
                    HistoryModel.Version(
                        key: key, time: time + Int64(step),
                        value: Self.counter(UInt64(second * 1_000 + step)))
                }
            ])
        }
        try compact(test.reopened(), isForced: true)
        let history = try test.reopened().history(of: "orders")
        let runs = history.pieces.filter { $0.kind == .run }
        #expect(runs.reduce(0) { $0 + $1.tree.entries } == 100_000)
        #expect(runs.storedBytes < 100_000 * 8)
        try world.checkSeconds(every: 33)
    }

    private static func noise(_ random: SeededRandom, _ count: Int) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(count: 1)
        writer.append(text: "v")
        writer.append(AttributeType.binary.rawValue)
        writer.append(counted: random.bytes(count))
        return writer.takeBytes()
    }

    private static func counter(_ number: UInt64) -> [UInt8] {
        Item([(name: "n", value: .number(DecimalNumber(Int64(number))))]).canonicalBytes
    }

    /// An image that cannot be written keeps no commit from being covered; it is told at the end.
    @Test func whatIsDamagedHoldsUpNothingElse() throws {
        let store = FaultyStore(MemoryStore(clock: ManualTime()))
        let world = try RecordedHistory(
            try TestRepository(seed: 32, packBytes: 1 << 24, store: store))
        var table = TestTable()
        table.add(400, world.test.random)
        let keys = table.sortedKeys
        for second in 0..<20 {
            let time = TestRepository.instant(Int64(second)).microseconds
            try world.commit([
                keys.prefix(second == 0 ? 400 : 2).map { key in
                    HistoryModel.Version(
                        key: key, time: time,
                        value: Self.noise(world.test.random, second == 0 ? 14_000 : 50))
                }
            ])
        }
        store.setScript { operation in
            operation.kind == .readRange && operation.name.hasPrefix("packs/")
                ? .fail(VarveError(.damaged, "a page is not what it was", at: operation.name))
                : nil
        }
        #expect(throws: VarveError(.damaged, "")) {
            try compact(world.test.reopened(), isForced: true)
        }
        #expect(try world.test.reopened().history(of: "orders").commits.count == 1)
        store.setScript { _ in nil }
        try compact(world.test.reopened(), isForced: true)
        let images = try world.test.reopened().history(of: "orders").pieces
            .filter { $0.kind == .image && !$0.tree.isEmpty }
        #expect(images.count == 1)
        try world.checkSeconds()
    }

    // MARK: Crashes and others at work

    @Test func crashAfterEveryOperation() throws {
        let memory = MemoryStore(clock: ManualTime())
        let world = try RecordedHistory(
            try TestRepository(seed: 40, packBytes: 1 << 14, store: memory), largeEvery: 6)
        for _ in 0..<20 { try world.commit(seconds: 2) }
        try compact(world.test.reopened(), isForced: true)
        for _ in 0..<17 { try world.commit(seconds: 2) }
        let counting = FaultyStore(memory.snapshot())
        try compact(try open(counting), isForced: true)
        let operations = counting.operations.count
        #expect(operations > 20)
        for ordinal in 0..<operations {
            for afterwards in [false, true] {
                let copy = memory.snapshot()
                let store = FaultyStore.dying(copy, at: ordinal, afterwards: afterwards)
                _ = try? compact(try open(store), isForced: true)
                // A read of what is not there has no afterwards.
                #expect(store.isCrashed || afterwards)
                let label: Comment = "operation \(ordinal) of \(operations)"
                try world.checkSeconds(try open(copy), every: 15, label)
                try compact(try open(copy), isForced: true)
                try world.checkSeconds(try open(copy), every: 15, label)
            }
        }
    }

    /// A recorder commits before every operation of a compaction: nothing that it wrote is lost.
    @Test func commitsMeanwhileStay() throws {
        var place = 0
        while true {
            let memory = MemoryStore(clock: ManualTime())
            let world = try RecordedHistory(
                try TestRepository(seed: 41, packBytes: 1 << 14, store: memory), keys: 12)
            for _ in 0..<12 { try world.commit(seconds: 2) }
            let at = place
            let box = Box(world)
            let store = FaultyStore(memory) { operation in
                guard operation.ordinal == at else { return nil }
                return .after {
                    do { try box.world.commit(seconds: 2) } catch { Issue.record("\(error)") }
                }
            }
            try compact(try open(store), isForced: true)
            try world.commit(seconds: 1)
            try world.checkSeconds(try open(memory), every: 5, "operation \(place)")
            if store.operations.count <= place { break }
            place += 1
        }
        #expect(place > 20)
    }

    /// Another compaction runs before every operation of one.
    @Test func twoCompactionsDoNotHarmEachOther() throws {
        let memory = MemoryStore(clock: ManualTime())
        let world = try RecordedHistory(
            try TestRepository(seed: 42, packBytes: 1 << 14, store: memory), largeEvery: 6)
        for _ in 0..<20 { try world.commit(seconds: 2) }
        try compact(world.test.reopened(), isForced: true)
        for _ in 0..<20 { try world.commit(seconds: 2) }
        var place = 0
        while true {
            let copy = memory.snapshot()
            let at = place
            let store = FaultyStore(copy) { operation in
                guard operation.ordinal == at else { return nil }
                return .after {
                    do { try compact(try open(copy), isForced: true) } catch {
                        Issue.record("\(error)")
                    }
                }
            }
            try compact(try open(store), isForced: true)
            try world.checkSeconds(try open(copy), every: 13, "operation \(place)")
            if store.operations.count <= place { break }
            place += 1
        }
        #expect(place > 20)
    }
}

/// Sendable: the store calls back on the test's own thread.
private final class Box: @unchecked Sendable {
    let world: RecordedHistory

    init(_ world: RecordedHistory) { self.world = world }
}

private func open(_ store: any ObjectStore) throws -> Repository {
    try Repository.open(store, environment: TestRepository.environment(seed: 9, workers: 1))
}

@discardableResult
func compact(
    _ repository: Repository, _ name: String = "orders", isForced: Bool = false
) throws -> [Compactor.Step] {
    let history = try repository.history(of: name)
    return try Compactor(repository).run(history.id, history.record, isForced: isForced)
}

extension RecordedHistory {
    /// Restores every second, or some, and compares it with the model; compares the checkpoints.
    func checkSeconds(
        _ repository: Repository? = nil, every step: Int = 1, _ label: Comment = ""
    ) throws {
        let repository = try repository ?? test.reopened(seed: 3)
        let history = try repository.history(of: name)
        var seconds = Set(history.commits.flatMap(\.logical.checkpoints).map(\.instant.second))
        if let root = history.layout?.checkpoints {
            let tree = CheckpointTree(
                blobs: repository.blobs, writer: BlobWriter(repository, purpose: "test"))
            let covered = try tree.seconds(root)
            #expect(covered == covered.sorted(), label)
            seconds.formUnion(covered)
        }
        #expect(
            seconds == Set(model.changedSeconds.union([0]).map { $0 + TestRepository.start }),
            label)
        for second in stride(from: 0, through: Int(model.endSecond), by: step) {
            let instant = TestRepository.instant(Int64(second))
            let chain = try #require(PieceChain(history.pieces, to: instant.microseconds), label)
            let expected = try HistoryModel.checkpoint(
                model.states[second], instant, changes: 0, schema: schema)
            let plan = try history.plan(at: instant)
            #expect(plan.runs == chain.runs && plan.image == chain.image, label)
            #expect(plan.checkpoint.digest.agrees(with: expected.digest), label)
            let sum = try repository.stretchSum(for: plan, in: history)
            let source = try repository.rows(plan, schema: schema, adding: sum)
            var digest = Hash256.zero
            var items: UInt64 = 0
            while let block = try source.nextBlock() {
                var whole = RowBuffer()
                try repository.expand(block, 0..<block.rows.count, into: &whole)
                for index in 0..<whole.count { digest = digest &+ whole.itemHash(index) }
                items += UInt64(whole.count)
            }
            #expect(digest == expected.digest && items == expected.items, "second \(second)")
            if let sum {
                let summed = try repository.wholeDigest(of: plan, in: history, adding: sum)
                #expect(summed.digest == digest, "second \(second)")
            }
        }
    }
}
