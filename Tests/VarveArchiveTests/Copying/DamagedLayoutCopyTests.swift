import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

/// The source's newest layout lacks pages.
@Suite("Copying from a source with a damaged layout")
struct DamagedLayoutCopyTests {
    private static func open(_ store: MemoryStore) throws -> Repository {
        try Repository.open(store, environment: TestRepository.environment(seed: 9, workers: 1))
    }

    /// States at 10, 20 and 30 and a replica that has them; then the source drops the first, so
    /// that its image moves, names the second once more, and goes on.
    private struct Scene {
        let source = MemoryStore(clock: ManualTime())
        let replica = MemoryStore(clock: ManualTime())
        var states: [Int64: [[UInt8]: [UInt8]]] = [:]
        /// Packs that came with the layout.
        var packs: [String] = []

        init(seed: UInt64) throws {
            let test = try TestRepository(seed: seed, packBytes: 1 << 15, store: source)
            var table = TestTable()
            for second in [10, 20, 30] as [Int64] {
                table.add(80, test.random, noise: 900)
                table.edit(replacing: 40, removing: 3, test.random)
                try test.backUp(table, at: second)
                states[second] = table.rows
            }
            try copy(source, to: replica)
            let repository = try DamagedLayoutCopyTests.open(source)
            var history = try repository.history(of: "orders")
            let last = try #require(history.commits.last)
            try repository.forget(history.id, [history.backup(named: "at-10")])
            let before = Set(try source.list("packs/").map(\.name))
            _ = try Pruning(repository, Pruning.Request(deadShareMax: 1)).run()
            packs = try source.list("packs/").map(\.name).filter { !before.contains($0) }
            history = try repository.history(of: "orders")
            let point = try #require(
                try history.checkpoint(at: TestRepository.instant(20))?.whole)
            // One that no backup names is said to be of the last commit of its range.
            _ = try repository.makeBackup(
                history, name: "late", checkpoint: point,
                commitSequence: last.logical.sequence, commitHash: last.hash, keepUntil: nil,
                source: "test")
            table.add(10, test.random, noise: 900)
            try backUp(table, at: 40, test.random, in: repository)
            states[40] = table.rows
        }
    }

    @Test func aReplicaThatCanGoesOnByCommits() throws {
        let scene = try Scene(seed: 660)
        #expect(!scene.packs.isEmpty)
        for pack in scene.packs {
            let (source, replica) = (scene.source.snapshot(), scene.replica.snapshot())
            let bytes = try source.read(pack)
            try source.delete(pack)
            let table = try #require(try copy(source, to: replica).tables.first)
            #expect(table.failure?.code == .damaged && table.isCut && !table.takesLayout)
            #expect(table.commits == 1 && table.backups.map(\.name) == ["at-40"])
            #expect(table.lacking.map(\.name) == ["late"] && table.leftOut.isEmpty)
            let repository = try Self.open(replica)
            let options = VerificationOptions(data: .all, drill: .allCheckpoints)
            #expect(repository.verify(options).problems == [])
            for (second, rows) in scene.states {
                #expect(try contents(repository, at: second) == rows, "\(second)")
            }
            // Again it is told, and nothing changes; mended, the source gives the rest.
            let before = try replica.everything()
            let again = try #require(try copy(source, to: replica).tables.first)
            #expect(again.failure?.code == .damaged && !again.isCut)
            #expect(try replica.everything() == before)
            try source.create(pack, bytes)
            let last = try copy(source, to: replica, seed: 12)
            #expect(last.isComplete && last.tables[0].takesLayout)
            #expect(try Self.open(replica).verify(options).problems == [])
            let names = try Self.open(replica).history(of: "orders").backups.map(\.name)
            #expect(Set(names) == ["at-10", "at-20", "late", "at-30", "at-40"])
        }
    }

    @Test func aReplicaThatCannotIsToldWhatToDo() throws {
        let scene = try Scene(seed: 661)
        try scene.source.delete(try #require(scene.packs.first))
        var films = TestTable()
        films.add(20, SeededRandom(seed: 1))
        let source = try Self.open(scene.source)
        try backUp(films, at: 5, name: "films", SeededRandom(seed: 2), in: source)
        let replica = MemoryStore(clock: ManualTime())
        let report = try copy(scene.source, to: replica)
        let failure = report.tables.first { $0.name == "orders" }?.failure
        #expect(failure?.code == .damaged)
        for part in ["repair --from", "repair --drop-lost", "of all others everything"] {
            #expect(failure?.message.contains(part) == true)
        }
        #expect(report.tables.first { $0.name == "films" }?.failure == nil)
        #expect(try contents(try Self.open(replica), at: 5, name: "films") == films.rows)
    }
}
