import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

@Suite("Repair: crashes and damage of many kinds at once")
struct RepairCrashTests {
    /// What is to be damaged: one object of each kind.
    private static func victims(_ store: MemoryStore) throws -> [String] {
        let names = try store.list("").map(\.name)
        let kinds = ["packs/", "indexes/", "/commits/", "/layouts/", "/backups/", "/table"]
        return kinds.compactMap { kind in names.first { $0.contains(kind) } }
    }

    /// A crash before and after every operation, with a replica and without: a second repair comes
    /// to the same end.
    @Test(arguments: [false, true]) func crashAfterEveryOperation(hasReplica: Bool) throws {
        let scene = try RepairScene(seed: 96)
        for victim in try Self.victims(scene.store) {
            // Without its record a table stays as it is.
            if victim.hasSuffix("/table"), !hasReplica { continue }
            let damaged = scene.store.snapshot()
            try damaged.corrupt(victim) { $0[$0.count / 2] ^= 1 }
            let other = hasReplica ? scene.replica : nil
            let undisturbed = damaged.snapshot()
            let counting = FaultyStore(undisturbed)
            try repair(counting, from: other)
            let expected = try scene.restorable(undisturbed, "\(victim)")
            let problems = try RepairScene.open(undisturbed)
                .verify(VerificationOptions(data: .all)).problems
            for operation in counting.operations where operation.kind.isWrite {
                for afterwards in [false, true] {
                    let store = damaged.snapshot()
                    let faulty = FaultyStore.dying(
                        store, at: operation.ordinal, afterwards: afterwards)
                    _ = try? repair(faulty, from: other)
                    let label: Comment = "\(victim), \(operation.kind) \(operation.name)"
                    try repair(store, from: other)
                    #expect(try scene.restorable(store, label) == expected, label)
                    let found = try RepairScene.open(store)
                        .verify(VerificationOptions(data: .all)).problems
                    #expect(found == problems, label)
                }
            }
        }
    }

    /// Much is damaged at once, at random: with a replica all comes back; without one nothing that
    /// could be read is lost, and nothing traps.
    @Test(arguments: 1...13 as ClosedRange<UInt64>) func muchAtOnce(seed: UInt64) throws {
        let scene = try RepairScene(seed: 97)
        let whole = try scene.restorable(scene.store, "whole")
        let random = SeededRandom(seed: seed)
        func below(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }
        let store = scene.store.snapshot()
        for name in try store.list("").map(\.name) where below(3) == 0 && name != "config" {
            switch below(4) {
            case 0: try store.delete(name)
            case 1: try store.corrupt(name) { $0.removeLast($0.count / 3) }
            case 2: try store.corrupt(name) { $0 += random.bytes(40) }
            default:
                for _ in 0...below(3) {
                    try store.corrupt(name) { $0[below($0.count)] ^= UInt8(1 << below(8)) }
                }
            }
        }
        let alone = store.snapshot()
        let before = try scene.restorable(alone, "seed \(seed)")
        let report = try repair(alone)
        #expect(try scene.restorable(alone, "seed \(seed)").isSuperset(of: before))
        let check = try RepairScene.open(alone).verify(VerificationOptions(data: .all))
        #expect(check.problems.isEmpty == report.verification.problems.isEmpty, "seed \(seed)")
        // What was lost without one, a replica brings back later; or at once.
        try repair(store, from: scene.replica)
        try copy(scene.replica, to: store)
        #expect(try scene.restorable(store, "seed \(seed)") == whole)
        let mended = try RepairScene.open(store).verify(VerificationOptions(data: .all))
        #expect(mended.problems == [], "seed \(seed)")
    }

    /// A repository that is no replica gives blobs, and no records.
    @Test func anotherRepositoryGivesBlobs() throws {
        let one = try TestRepository(seed: 98)
        var table = TestTable()
        table.add(200, one.random, largeEvery: 20, noise: 900)
        try one.backUp(table, at: 10)
        let target = MemoryStore(clock: one.time)
        let environment = TestRepository.environment(seed: 40, workers: 1)
        let configuration = RepositoryConfiguration(
            id: try Repository.create(in: target, environment: environment).configuration.id,
            created: 0, cutKey: one.repository.configuration.cutKey, packBytes: 1 << 16)
        try target.corrupt("config") { bytes in
            bytes = (try? configuration.seal()) ?? bytes
        }
        try backUp(table, at: 10, one.random, in: try Repository.open(target))
        let store = try #require(one.store as? MemoryStore)
        for pack in try store.list("packs/") { try store.delete(pack.name) }
        let report = try repair(store, from: target)
        #expect(report.isClean && report.actions.contains { $0.kind == .takenBlobs })
        #expect(try contents(try RepairScene.open(store), at: 10) == table.rows)
        // Its configuration is not this one's.
        try store.delete("config")
        #expect(throws: VarveError(.refused, "")) { try repair(store, from: target) }
        #expect(throws: VarveError(.damaged, "")) { try repair(store) }
    }

    @Test func theConfigurationComesFromAReplica() throws {
        let scene = try RepairScene(seed: 99)
        let bytes = try scene.store.read("config")
        for isLost in [false, true] {
            let store = scene.store.snapshot()
            if isLost {
                try store.delete("config")
            } else {
                try store.corrupt("config") { $0[70] ^= 1 }
            }
            #expect(try repair(store, from: scene.replica).isClean)
            #expect(try store.read("config") == bytes)
        }
    }

    /// One byte of a small record went wrong: its hash tells which one it must have been.
    @Test(arguments: [false, true]) func oneWrongByte(isConfiguration: Bool) throws {
        let scene = try RepairScene(seed: 98)
        let id = try RepairScene.open(scene.store).history(of: "films").id
        let name = isConfiguration ? "config" : ObjectName.table(id).path
        let bytes = try scene.store.read(name)
        let whole = try scene.restorable(scene.store, "whole")
        for place in [0, 4, 20, 57, bytes.count / 2, bytes.count - 33, bytes.count - 1] {
            let store = scene.store.snapshot()
            try store.corrupt(name) { $0[place] ^= 0x24 }
            let report = try repair(store)
            #expect(report.isClean, "\(place)")
            #expect(report.actions.map(\.kind) == [.correctedRecord], "\(place)")
            #expect(try store.read(name) == bytes, "\(place)")
            #expect(try scene.restorable(store, "\(place)") == whole)
        }
        // Two are too many.
        let store = scene.store.snapshot()
        try store.corrupt(name) { bytes in
            bytes[60] ^= 1
            bytes[70] ^= 1
        }
        if isConfiguration {
            #expect(throws: VarveError(.damaged, "")) { try repair(store) }
        } else {
            #expect(try repair(store).actions.allSatisfy { $0.kind != .correctedRecord })
        }
    }
}
