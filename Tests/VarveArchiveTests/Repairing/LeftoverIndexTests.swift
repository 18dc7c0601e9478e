import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

/// An index outlives its pack: nothing new relies on what it tells of.
@Suite("Backups beside lost packs")
struct LeftoverIndexTests {
    /// A table with large values, in several packs.
    private struct Scene {
        let store = MemoryStore(clock: ManualTime())
        var table = TestTable()
        let packs: [String]

        init(seed: UInt64) throws {
            let test = try TestRepository(seed: seed, packBytes: 1 << 15, store: store)
            table.add(150, test.random, largeEvery: 10, noise: 900)
            try test.backUp(table, at: 10)
            packs = try store.list("packs/").map(\.name)
            #expect(packs.count > 1)
        }

        func open(_ store: MemoryStore) throws -> Repository {
            try Repository.open(
                store, environment: TestRepository.environment(seed: 9, workers: 1))
        }
    }

    /// The same items once more: of another table, of an earlier time, and beside new ones.
    private enum Case: CaseIterable {
        case anotherTable, earlier, later
    }

    @Test(arguments: [false, true]) func whatIsLostIsWrittenAgain(isCut: Bool) throws {
        let scene = try Scene(seed: 640)
        var (restorable, refused) = (0, 0)
        for pack in scene.packs {
            for one in Case.allCases {
                let store = scene.store.snapshot()
                let bytes = try store.read(pack)
                try store.delete(pack)
                if isCut { try store.create(pack, Array(bytes.prefix(bytes.count / 2))) }
                let label: Comment = "\(one), \(pack)"
                let (name, second): (String, Int64)
                switch one {
                case .anotherTable: (name, second) = ("films", 20)
                case .earlier: (name, second) = ("orders", 5)
                case .later: (name, second) = ("orders", 20)
                }
                var rows = scene.table
                if one == .later { rows.add(20, SeededRandom(seed: 1), noise: 900) }
                do {
                    let repository = try scene.open(store)
                    try backUp(rows, at: second, name: name, SeededRandom(seed: 4), in: repository)
                } catch let error as VarveError {
                    refused += 1
                    #expect(error.code == .damaged, label)
                    #expect(error.message.contains("varve repair"), label)
                    continue
                }
                let found = try contents(try scene.open(store), at: second, name: name)
                #expect(found == rows.rows, label)
                restorable += 1
                _ = try RepositoryRepair(
                    store, environment: TestRepository.environment(seed: 8, workers: 1),
                    isForced: true, dropsLost: true
                ).run()
                let again = try contents(try scene.open(store), at: second, name: name)
                #expect(again == rows.rows, label)
            }
        }
        #expect(restorable > 3 && refused > 0)
    }

    /// A replica that has lost a pack: what is brought to it does not build on that either.
    @Test func aCopyBringsItAgain() throws {
        let scene = try Scene(seed: 641)
        let target = MemoryStore(clock: ManualTime())
        try copy(scene.store, to: target)
        var rows = scene.table
        rows.add(10, SeededRandom(seed: 2), noise: 900)
        // An image that shares its leaves with the state before.
        try backUp(
            rows, at: 5, SeededRandom(seed: 3), in: try scene.open(scene.store))
        for pack in try target.list("packs/").map(\.name) {
            let damaged = target.snapshot()
            try damaged.delete(pack)
            let report = try copy(scene.store, to: damaged)
            #expect(report.isComplete)
            #expect(try contents(try scene.open(damaged), at: 5) == rows.rows, "\(pack)")
        }
    }
}
