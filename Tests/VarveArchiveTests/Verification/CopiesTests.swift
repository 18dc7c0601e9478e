import Synchronization
import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

@testable import VarveArchive

@Suite("Blobs in several places")
struct CopiesTests {
    /// A repository whose packs there are twice, under different names, and all indexed.
    private static func doubled(seed: UInt64) throws -> (TestRepository, MemoryStore, TestTable) {
        let store = MemoryStore(clock: ManualTime())
        let test = try TestRepository(seed: seed, packBytes: 1 << 20, store: store)
        var table = TestTable()
        table.add(300, test.random, largeEvery: 20, noise: 900)
        try test.backUp(table, at: 10)
        let packs = try store.list("packs/")
        #expect(!packs.isEmpty)
        for (number, pack) in packs.enumerated() {
            let bytes = try store.read(pack.name)
            var builder = PackBuilder()
            let entries = try PackReader.entries(of: bytes.raw)
            for entry in entries {
                let record = PackReader.record(entry, in: bytes.raw)
                try builder.append(record: record)
            }
            builder.append(plain: [5, UInt8(number)].raw, type: .outlinedValue)
            let sealed = builder.finish()
            try store.create(ObjectName.pack(sealed.name).path, sealed.bytes)
            try test.repository.publishIndex(of: [
                StoredPack(
                    name: sealed.name, size: UInt64(sealed.bytes.count), entries: sealed.entries)
            ])
        }
        return (test, store, table)
    }

    @Test func anotherCopyIsReadIfOneIsDamaged() throws {
        let (test, store, table) = try Self.doubled(seed: 70)
        let packs = try store.list("packs/").map(\.name)
        for pack in packs {
            let copy = store.snapshot()
            // Everything but the footer and its index: the blobs themselves.
            let bytes = try store.read(pack)
            let entries = try PackReader.entries(of: bytes.raw)
            try copy.corrupt(pack) { bytes in
                for entry in entries { bytes[entry.range.upperBound - 1] ^= 0x10 }
            }
            let repository = try Repository.open(
                copy, environment: TestRepository.environment(seed: 1, workers: 1))
            #expect(try contents(repository, at: 10) == table.rows, "\(pack)")
            let whole = repository.verify(VerificationOptions(data: .all))
            #expect(!whole.isClean)
        }
        _ = test
    }

    @Test func aMissingPackIsMadeUpForByItsCopy() throws {
        let (_, store, table) = try Self.doubled(seed: 71)
        for pack in try store.list("packs/").map(\.name) {
            let copy = store.snapshot()
            try copy.delete(pack)
            let repository = try Repository.open(
                copy, environment: TestRepository.environment(seed: 1, workers: 1))
            #expect(try contents(repository, at: 10) == table.rows, "\(pack)")
        }
    }

    /// One copy is gone, and no other can be read now: nobody knows that the blob is lost.
    @Test func aStoreThatFailsIsNoDamage() throws {
        let (_, store, _) = try Self.doubled(seed: 75)
        for pack in try store.list("packs/").map(\.name) {
            let copy = store.snapshot()
            try copy.delete(pack)
            let faulty = FaultyStore(copy) { operation in
                let isPack = operation.name.hasPrefix("packs/") && operation.kind == .readRange
                return isPack ? .fail(VarveError(.storage, "the network is down")) : nil
            }
            let repository = try Repository.open(
                faulty, environment: TestRepository.environment(seed: 1, workers: 1))
            let error = #expect(throws: VarveError.self, "\(pack)") {
                try contents(repository, at: 10)
            }
            #expect(error?.code == .storage, "\(pack)")
            #expect(error?.message.contains("network") == true, "\(pack)")
        }
    }

    /// What no index tells, the packs themselves do.
    @Test(arguments: [8, 40])
    func anIndexOfAnotherVersionIsNotNeeded(_ offset: Int) throws {
        let (_, store, table) = try Self.doubled(seed: 72)
        for index in try store.list("indexes/").map(\.name) {
            try store.corrupt(index) { $0[offset] = 9 }
        }
        let repository = try Repository.open(
            store, environment: TestRepository.environment(seed: 1, workers: 1))
        #expect(try contents(repository, at: 10) == table.rows)
    }

    @Test func forgedSizesAreAddedWithoutATrap() {
        var image = TreeReference.empty
        image.storedBytes = .max - 1
        var run = TreeReference.empty
        run.storedBytes = .max
        let point = Checkpoint(
            instant: TestRepository.instant(0), changes: 0, items: 0, bytes: 0, digest: .zero)
        let plan = StatePlan(
            instant: point.instant, before: 0, image: image,
            runs: [Piece(kind: .run, from: 0, to: 1, tree: run, timeList: nil)],
            checkpoint: RecordedCheckpoint(point))
        #expect(plan.storedBytes == .max)
        #expect(UInt64(3).saturated(adding: 4) == 7)
        #expect((UInt64.max - 4).saturated(adding: 4) == .max)
    }
}

@Suite("Verification: anchors, and an end before its time")
struct PartialVerificationTests {
    @Test func stoppingNeverMakesUpAProblem() throws {
        let test = try TestRepository(seed: 73)
        var table = TestTable()
        table.add(400, test.random, largeEvery: 20, noise: 900)
        try test.backUp(table, at: 10)
        table.edit(replacing: 20, removing: 5, test.random)
        try test.backUp(table, at: 20)
        var stops = 0
        while true {
            let left = Countdown(stops)
            var options = VerificationOptions(data: .all, drill: .allBackups)
            options.isStopping = { left.isOver() }
            let report = try test.reopened().verify(options)
            #expect(report.problems == [], "stopped after \(stops)")
            #expect(!report.backups.contains { $0.isAffected }, "stopped after \(stops)")
            if !report.isPartial {
                #expect(report.backups.allSatisfy { $0.isProven })
                break
            }
            stops += 1
        }
        #expect(stops >= 5)
    }

    @Test func anchorsHoldTheChain() throws {
        let test = try TestRepository(seed: 74)
        var table = TestTable()
        table.add(50, test.random)
        try test.backUp(table, at: 10)
        let first = try test.repository.history(of: "orders").head
        table.add(5, test.random)
        try test.backUp(table, at: 20)
        let history = try test.repository.history(of: "orders")
        func problems(_ hash: Hash256, _ name: String?) -> Int {
            var options = VerificationOptions()
            options.anchors = [VerificationOptions.Anchor(hash: hash, table: name)]
            return test.repository.verify(options).problems.count
        }
        for hash in [history.record.hash, first, history.head] {
            #expect(problems(hash, "orders") == 0)
            #expect(problems(hash, nil) == 0)
            #expect(problems(hash, "customers") == 1)
        }
        #expect(problems(Hash256.zero, "orders") == 1)
        #expect(problems(Hash256.zero, nil) == 1)
    }
}

/// Over after so many questions.
private final class Countdown: Sendable {
    private let left: Mutex<Int>

    init(_ count: Int) { left = Mutex(count) }

    func isOver() -> Bool {
        left.withLock {
            $0 -= 1
            return $0 < 0
        }
    }
}
