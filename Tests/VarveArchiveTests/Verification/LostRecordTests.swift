import Testing
import VarveBytes
import VarveFormat
import VarveStorage
@testable import VarveArchive

/// Records whose loss drops a promise. Source: Spec 11, Verification.
@Suite("Verification: lost records")
struct LostRecordTests {
    private func world() throws -> ForgedHistory {
        let forged = try ForgedHistory(seed: 210)
        let repository = try forged.open()
        for days: UInt64 in [3_000, 1, 2] {
            try repository.promise(
                RetentionRecord(written: repository.now(), days: days), of: forged.history.id)
        }
        for ordinal: UInt64 in 0..<3 {
            let record = SettingsRecord(
                time: Int64(ordinal), documents: [.init(kind: "DescribeTable", json: "{}")])
            try forged.store.replace(
                ObjectName.settings(forged.history.id, ordinal: ordinal).path,
                try record.seal())
        }
        return forged
    }

    @Test func theWholeIsClean() throws { #expect(try world().problems(.plain) == []) }

    @Test(arguments: 0..<2 as Range<UInt64>) func lostRetention(ordinal: UInt64) throws {
        let forged = try world()
        let id = forged.history.id
        try forged.store.delete(ObjectName.retention(id, ordinal: ordinal).path)
        let message = "a record of the table's retention before it is missing"
        #expect(forged.problems(.plain) == [message])
        #expect(throws: VarveError.self) {
            _ = try Pruning(try forged.open(), Pruning.Request(grace: 0)).run()
        }
        // Whatever it promised, nothing goes after the repair.
        let report = try repair(forged.store)
        #expect(report.losses.count == 1)
        #expect(forged.problems(.plain) == [])
        #expect(try forged.open().retention(of: id).keepsEverything)
    }

    @Test func lostSettings() throws {
        let forged = try world()
        let id = forged.history.id
        let next = try forged.store.read(ObjectName.settings(id, ordinal: 2).path)
        try forged.store.delete(ObjectName.settings(id, ordinal: 1).path)
        let message = "a record of the table's settings before it is missing"
        #expect(forged.problems(.plain) == [message])
        #expect(try repair(forged.store).losses.count == 1)
        #expect(forged.problems(.plain) == [])
        #expect(try forged.store.read(ObjectName.settings(id, ordinal: 1).path) == next)
    }

    /// A replica has what is lost.
    @Test func aReplicaGivesItBack() throws {
        let forged = try world()
        let replica = forged.store.snapshot()
        let name = ObjectName.retention(forged.history.id, ordinal: 0).path
        try forged.store.delete(name)
        #expect(try repair(forged.store, from: replica).losses.isEmpty)
        #expect(try forged.store.read(name) == replica.read(name))
    }
}

extension ForgedHistory {
    func open() throws -> Repository {
        try Repository.open(store, environment: TestRepository.environment(seed: 3, workers: 1))
    }
}
