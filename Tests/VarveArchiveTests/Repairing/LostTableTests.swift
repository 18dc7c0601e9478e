import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

/// A table whose record is lost, and of which there is no replica. Source: Spec 11, Repair.
@Suite("Repair: a lost record of a table")
struct LostTableTests {
    private static func scene(
        seed: UInt64, isLaidOut: Bool
    ) throws -> (store: MemoryStore, history: TableHistory, path: String) {
        let store = MemoryStore(clock: ManualTime())
        let world = try RecordedHistory(
            try TestRepository(seed: seed, store: store), schema: TestTable.schemas[1])
        for _ in 0..<4 { try world.commit(seconds: 4) }
        if isLaidOut { _ = try compact(try world.test.reopened(), isForced: true) }
        let history = try world.test.reopened().history(of: "orders")
        return (store, history, ObjectName.table(history.id).path)
    }

    private static func repair(
        _ store: MemoryStore, _ statements: [TableStatement]
    ) throws -> RepairReport {
        try RepositoryRepair(
            store, environment: TestRepository.environment(seed: 1, workers: 1), isForced: true,
            statements: statements
        ).run()
    }

    @Test(arguments: [false, true]) func theFirstCommitProvesTheRecord(isDamaged: Bool) throws {
        let (store, history, path) = try Self.scene(seed: 810, isLaidOut: false)
        let bytes = try store.read(path)
        if isDamaged {
            var wrong = bytes
            wrong[58] ^= 0xff
            wrong[60] ^= 0xff
            try store.replace(path, wrong)
        } else {
            try store.delete(path)
        }
        let untold = try Self.repair(store, [])
        #expect(!untold.isClean)
        #expect(untold.losses.contains { $0.text.contains("--partition-key") })
        let named = try Self.repair(store, [TableStatement(name: "orders")])
        #expect(named.losses.contains { $0.text.contains("it is the table orders") })
        let report = try Self.repair(
            store, [TableStatement(name: "orders", keySchema: history.record.keySchema)])
        #expect(report.isClean, "\(report.losses) \(report.verification.problems)")
        #expect(report.actions.contains { $0.kind == .madeRecord })
        #expect(try store.read(path) == bytes)
    }

    @Test func theTypesOfTheKeysAreHeldToThePages() throws {
        let (store, history, path) = try Self.scene(seed: 811, isLaidOut: true)
        try store.delete(path)
        let right = history.record.keySchema
        let wrong = KeySchema(
            partition: KeyAttribute(
                name: right.partition.name,
                type: right.partition.type == .binary ? .string : .binary),
            sort: right.sort)
        let report = try Self.repair(store, [TableStatement(name: "orders", keySchema: wrong)])
        #expect(report.losses.contains { $0.text.contains("which is not what was told") })
        #expect(try store.metadataIfPresent(path) == nil)
    }

    /// A record that another name or another name of a key would make is refused.
    @Test func whatTheFirstCommitContradictsIsRefused() throws {
        let (store, history, path) = try Self.scene(seed: 812, isLaidOut: false)
        try store.delete(path)
        let other = try Self.repair(
            store, [TableStatement(name: "other", keySchema: history.record.keySchema)])
        #expect(other.losses.contains { $0.text.contains("unless a replica is found") })
        #expect(try store.metadataIfPresent(path) == nil)
    }

    /// Where the first commit is covered and gone, nothing holds the record to a hash.
    @Test func aTableWithoutItsFirstCommitCanBeReadAgain() throws {
        let (store, history, path) = try Self.scene(seed: 813, isLaidOut: true)
        try store.delete(path)
        for commit in try store.list(ObjectName.commitsPrefix(of: history.id)) {
            guard case .commit(_, 0)? = ObjectName(path: commit.name) else { continue }
            try store.delete(commit.name)
        }
        let report = try Self.repair(
            store,
            [
                TableStatement(name: "orders", arn: "arn:aws:dynamodb:::table/orders"),
                TableStatement(name: "orders", keySchema: history.record.keySchema),
            ])
        #expect(report.isClean, "\(report.losses) \(report.verification.problems)")
        let record = try RepairScene.open(store).history(of: "orders").record
        #expect(record.keySchema == history.record.keySchema)
        #expect(record.arn == "arn:aws:dynamodb:::table/orders")
    }
}
