import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// How many packs hold each blob.
private func copies(_ store: MemoryStore) throws -> [Hash256: Int] {
    var result: [Hash256: Int] = [:]
    for object in try store.list("packs/") {
        let pack = try store.read(object.name)
        let entries = try PackReader.entries(of: pack.raw)
        for entry in entries { result[entry.id, default: 0] += 1 }
    }
    return result
}

private func open(_ store: any ObjectStore, seed: UInt64) throws -> Repository {
    try Repository.open(store, environment: TestRepository.environment(seed: seed, workers: 1))
}

/// Opens the repository and backs up.
/// - Returns: the failure, if it fails.
private func attempt(
    _ table: TestTable, at second: Int64, in store: any ObjectStore, seed: UInt64
) -> VarveError? {
    failure {
        let repository = try open(store, seed: seed)
        try backUp(table, at: second, SeededRandom(seed: seed), in: repository)
    }
}

struct CrashTests {
    /// A repository with one state, and two states that may follow.
    private struct Scene {
        let store = MemoryStore(clock: ManualTime())
        var first = TestTable()
        var second = TestTable()
        var third = TestTable()

        init(seed: UInt64, noise: Int) throws {
            let test = try TestRepository(seed: seed, packBytes: 1 << 15, store: store)
            first.add(60, test.random, largeEvery: 20, noise: noise)
            try test.backUp(first, at: 10)
            second = first
            second.edit(replacing: 4, removing: 3, test.random)
            second.add(90, test.random, largeEvery: 30, noise: noise)
            third = second
            third.edit(replacing: 2, removing: 2, test.random)
        }
    }

    /// The process dies before and after every operation of a backup.
    @Test(arguments: [900, 20], [false, true])
    func everyCrashLeavesWhatWasAcknowledged(noise: Int, afterwards: Bool) throws {
        let scene = try Scene(seed: 50, noise: noise)
        let counting = FaultyStore(scene.store.snapshot())
        #expect(attempt(scene.second, at: 20, in: counting, seed: 3) == nil)
        let operations = counting.operations.count
        #expect(operations > 10)
        for ordinal in 0..<operations {
            let memory = scene.store.snapshot()
            let store = FaultyStore.dying(memory, at: ordinal, afterwards: afterwards)
            let acknowledged = attempt(scene.second, at: 20, in: store, seed: 3) == nil
            #expect(acknowledged || store.isCrashed)
            let label: Comment = "operation \(ordinal) of \(operations)"
            let reopened = try open(memory, seed: 4)
            let report = reopened.verify(VerificationOptions(data: .all, drill: .allCheckpoints))
            #expect(report.problems == [], label)
            #expect(try contents(reopened, at: 10) == scene.first.rows, label)
            #expect(report.backups.contains { $0.name == "at-10" && $0.isProven })
            if acknowledged {
                #expect(try contents(reopened, at: 20) == scene.second.rows, label)
            }
            // The next attempt succeeds, and writes no blob again.
            let again = try open(memory, seed: 5)
            try backUp(scene.second, at: 20, keep: false, SeededRandom(seed: 9), in: again)
            #expect(try contents(again, at: 20) == scene.second.rows, label)
            let twice = try copies(memory).filter { $0.value > 1 }.count
            #expect(twice == 0, label)
            #expect(again.verify(everything).problems == [], label)
        }
    }

    /// A failing store, not a dying process: the backup takes back what it wrote, or it stays
    /// unnamed.
    @Test func fullDisksLeaveTheRepositoryGood() throws {
        let scene = try Scene(seed: 51, noise: 900)
        for write in 0..<12 {
            let memory = scene.store.snapshot()
            let full = FaultyStore.full(memory, fromWrite: write)
            let failure = attempt(scene.second, at: 20, in: full, seed: 3)
            #expect(failure == nil || failure?.code == .storage)
            let again = try open(memory, seed: 5)
            #expect(again.verify(everything).problems == [])
            try backUp(scene.second, at: 20, keep: false, SeededRandom(seed: 9), in: again)
            #expect(try contents(again, at: 20) == scene.second.rows)
        }
    }

    /// A second writer runs from end to end before every operation of the first. They may have the
    /// very same rows, so that one finds the other's packs.
    @Test(arguments: [true, false]) func twoWritersNeverHarmEachOther(sameRows: Bool) throws {
        let scene = try Scene(seed: 52, noise: 900)
        let other = sameRows ? scene.second : scene.third
        var ordinal = 0
        while true {
            let memory = scene.store.snapshot()
            let second = Interlude()
            let at = ordinal
            let store = FaultyStore.interrupted(memory, before: at) {
                second.finish(attempt(other, at: 30, in: memory, seed: 6))
            }
            let first = attempt(scene.second, at: 20, in: store, seed: 3)
            let firstSucceeded = first == nil
            #expect(
                firstSucceeded || first?.code == .conflict,
                "operation \(at): \(String(describing: first))")
            if !second.hasRun { break }
            let label: Comment = "operation \(at)"
            #expect(second.failure == nil, label)
            let reopened = try open(memory, seed: 4)
            #expect(reopened.verify(everything).problems == [], label)
            #expect(try contents(reopened, at: 10) == scene.first.rows, label)
            #expect(try contents(reopened, at: 30) == other.rows, label)
            if firstSucceeded {
                #expect(try contents(reopened, at: 20) == scene.second.rows, label)
            }
            ordinal += 1
        }
        #expect(ordinal > 10)
    }

    /// The second writer finds the packs of the first, which then fails and gives up.
    @Test func aFailingWriterTakesNothingFromAnother() throws {
        let scene = try Scene(seed: 53, noise: 900)
        var ordinal = 0
        while true {
            let memory = scene.store.snapshot()
            let second = Interlude()
            let at = ordinal
            let store = FaultyStore(memory) { operation in
                guard operation.ordinal == at else { return nil }
                second.finish(attempt(scene.second, at: 20, in: memory, seed: 6))
                return .diskFull
            }
            let first = attempt(scene.second, at: 20, in: store, seed: 3)
            if !second.hasRun { break }
            let label: Comment = "operation \(at)"
            // What fails when the backup is there is told beside its success.
            let isNamed = store.operations[..<at].contains {
                $0.kind == .create && $0.name.contains("/backups/")
            }
            #expect(isNamed || first != nil, label)
            #expect(second.failure == nil, label)
            let reopened = try open(memory, seed: 4)
            #expect(reopened.verify(everything).problems == [], label)
            #expect(try contents(reopened, at: 20) == scene.second.rows, label)
            ordinal += 1
        }
        #expect(ordinal > 10)
    }
}
