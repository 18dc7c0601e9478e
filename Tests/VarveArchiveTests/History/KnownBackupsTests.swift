import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

@Suite("Backups are read once")
struct KnownBackupsTests {
    private static let count = 300

    /// A repository with one state and many backups of it.
    private static func store() throws -> (MemoryStore, BackupRecord) {
        let store = MemoryStore(clock: ManualTime())
        let test = try TestRepository(seed: 71, store: store)
        var table = TestTable()
        table.add(10, test.random)
        try test.backUp(table, at: 10)
        let repository = test.repository
        let history = try repository.history(of: "orders")
        let first = try #require(history.backups.first)
        for number in 1..<count {
            _ = try repository.makeBackup(
                history, name: "b\(number)", checkpoint: try #require(history.latest?.whole),
                commitSequence: first.commitSequence, commitHash: first.commitHash,
                keepUntil: nil, source: "test")
        }
        return (store, first)
    }

    private static func reads(_ store: FaultyStore) -> Int {
        store.operations.filter { $0.kind == .read && $0.name.contains("/backups/") }.count
    }

    @Test(arguments: [1, 2])
    func eachIsReadOnce(workers: Int) throws {
        let (base, first) = try Self.store()
        let store = FaultyStore(base)
        let repository = try Repository.open(
            store, environment: TestRepository.environment(seed: 9, workers: workers))
        let history = try repository.history(of: "orders")
        #expect(Set(history.backups.map(\.id)).count == Self.count)
        #expect(Self.reads(store) == Self.count)
        #expect(try repository.history(of: "orders").backups == history.backups)
        #expect(Self.reads(store) == Self.count)

        // One is forgotten, and one comes.
        try repository.forget(history.id, [first])
        let other = try RepairScene.open(base)
        let made = try other.makeBackup(
            history, name: "new", checkpoint: try #require(history.latest?.whole),
            commitSequence: first.commitSequence, commitHash: first.commitHash,
            keepUntil: nil, source: "test")
        let now = try repository.history(of: "orders").backups
        #expect(Set(now) == Set(history.backups).subtracting([first]).union([made]))
        #expect(Self.reads(store) == Self.count + 1)
    }

    /// What cannot be read is told every time, and asked for every time.
    @Test(arguments: [1, 2])
    func damageIsToldEveryTime(workers: Int) throws {
        let (base, _) = try Self.store()
        let names = try base.list("tables/").map(\.name).filter { $0.contains("/backups/") }
        for name in [names[3], names[200]] { try base.corrupt(name) { $0[$0.count / 2] ^= 1 } }
        let repository = try Repository.open(
            base, environment: TestRepository.environment(seed: 9, workers: workers))
        for _ in 0..<2 {
            let history = try repository.history(of: "orders", for: .reading)
            #expect(history.backups.count == Self.count - 2)
            #expect(history.damage.map(\.location) == [names[3], names[200]])
            #expect(throws: VarveError.self) { try repository.history(of: "orders") }
        }
    }
}
