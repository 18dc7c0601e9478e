import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

@Suite("Repair beside other writers, and of what no record names")
struct RepairRefusalTests {
    private static func announce(
        _ store: MemoryStore, process: String, asLease: Bool
    ) throws {
        let repository = try RepairScene.open(store)
        if asLease {
            let table = try #require(try repository.newestTable("films"))
            let lease = LeaseRecord(
                holder: repository.environment.randomID(), written: try store.now(), seconds: 20,
                process: process)
            try store.replace(ObjectName.lease(table.id).path, try lease.seal())
        } else {
            let intent = IntentRecord(
                id: repository.environment.randomID(), written: try store.now(),
                purpose: "backup films", process: process)
            try store.replace(ObjectName.intent(intent.id).path, try intent.seal())
        }
    }

    private static func repair(
        _ store: MemoryStore, isForced: Bool = false
    ) throws -> RepairReport {
        var environment = TestRepository.environment(seed: 21, workers: 1)
        environment.writer = "here \(CurrentProcess.identifier)"
        return try RepositoryRepair(store, environment: environment, isForced: isForced).run()
    }

    @Test(arguments: [true, false])
    func refusesBesideAnotherWriter(asLease: Bool) throws {
        let scene = try RepairScene(seed: 190)
        let index = try #require(try scene.store.list("indexes/").first).name
        try scene.store.delete(index)
        let damaged = scene.store.snapshot()
        try Self.announce(damaged, process: "elsewhere 17", asLease: asLease)
        let before = try damaged.everything()
        do {
            _ = try Self.repair(damaged)
            Issue.record("another writer was not seen")
        } catch let error as VarveError {
            #expect(error.code == .refused)
            #expect(error.message.contains("elsewhere 17") && error.message.contains("films"))
            #expect(error.message.contains("--force"))
        }
        #expect(try damaged.everything() == before)
        #expect(try Self.repair(damaged, isForced: true).isClean)

        // This process itself, and one of this machine that is gone, do not count.
        for process in ["here \(CurrentProcess.identifier)", "here 999999999"] {
            let store = scene.store.snapshot()
            try Self.announce(store, process: process, asLease: asLease)
            #expect(try Self.repair(store).isClean, "\(process)")
        }
        // One of this machine that is there does.
        let store = scene.store.snapshot()
        try Self.announce(store, process: "here 1", asLease: asLease)
        #expect(throws: VarveError.self) { try Self.repair(store) }
    }

    @Test func anIntentThatCannotBeReadCounts() throws {
        let scene = try RepairScene(seed: 191)
        try Self.announce(scene.store, process: "here 999999999", asLease: false)
        let name = try #require(try scene.store.list("intents/").first).name
        try scene.store.corrupt(name) { $0[$0.count / 2] ^= 1 }
        #expect(throws: VarveError.self) { try Self.repair(scene.store) }
        #expect(try Self.repair(scene.store, isForced: true).losses.isEmpty)
    }

    /// A record alone may be a first backup that was cut off: then nothing is lost. What packs
    /// hold must be told before someone prunes it.
    @Test func aTableWithARecordAloneIsToldOf() throws {
        let scene = try RepairScene(seed: 192)
        let films = try #require(try RepairScene.open(scene.store).newestTable("films")).id
        let record = ObjectName.table(films).path
        for entry in try scene.store.list("tables/\(films)/") where entry.name != record {
            try scene.store.delete(entry.name)
        }
        let report = try Self.repair(scene.store)
        let note = try #require(report.notes.first)
        #expect(report.notes.count == 1)
        #expect(note.contains("table films has a record and no commit"))
        #expect(note.contains("that no record names") && !note.contains(" 0 pages"))
        // A replica brings it back.
        _ = try copy(scene.replica, to: scene.store)
        #expect(
            try scene.restorable(scene.store, "taken").isSuperset(of: ["films 10", "films 30"]))
    }
}
