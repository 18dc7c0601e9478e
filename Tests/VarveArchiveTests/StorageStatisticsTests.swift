import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

struct StorageStatisticsTests {
    @Test func countsWhatIsThere() throws {
        let store = MemoryStore(clock: ManualTime())
        let test = try smallRepository(seed: 60, in: store)
        let found = try test.reopened().storageStatistics()
        let objects = try store.list("")
        #expect(found.objects == UInt64(objects.count))
        #expect(found.storedBytes == objects.reduce(0) { $0 + UInt64($1.size) })
        #expect(found.packs == UInt64(try store.list("packs/").count))
        var blobs: UInt64 = 0
        var plainBytes: UInt64 = 0
        for object in try store.list("packs/") {
            let pack = try store.read(object.name)
            let entries = try PackReader.entries(of: pack.raw)
            for entry in entries {
                blobs += 1
                plainBytes += UInt64(entry.plainBytes)
            }
        }
        #expect(found.blobs == blobs)
        #expect(found.plainBytes == plainBytes)
        #expect(found.tables.map(\.name) == ["customers", "orders"])
        let orders = found.tables[1]
        let history = try test.repository.history(of: "orders")
        #expect(orders.checkpoints == 3)
        #expect(try orders.items == history.latest?.items)
        var points = history.checkpoints()
        #expect(try orders.logicalBytes == points.rest().reduce(0) { $0 + $1.bytes })
        #expect(orders.images == 1)
        #expect(orders.runs == 2)
        #expect(orders.unneededBytes == 0)
        #expect(found.logicalBytes > orders.logicalBytes)
        #expect(try #require(found.reduction) > 0)
    }

    /// A chain of runs: the last backup alone needs the last run, all need the image.
    @Test(arguments: [false, true]) func tellsWhatABackupCosts(exactly: Bool) throws {
        let test = try smallRepository(seed: 61, in: MemoryStore(clock: ManualTime()))
        let history = try test.repository.history(of: "orders")
        let found = try test.repository.storageStatistics(of: history, exactly: exactly)
        let pieces = history.pieces
        #expect(found.backups.map(\.name) == ["at-10", "at-20", "at-30"])
        #expect(found.backups.map(\.ownBytes) == [0, 0, pieces[2].tree.storedBytes])
        #expect(found.backups.map(\.runs) == [0, 1, 2])
        #expect(
            found.backups[2].reachableBytes == pieces.reduce(0) { $0 + $1.tree.storedBytes })
        // Without the last backup nobody needs the last run.
        try test.repository.forget(history.id, [try history.backup(named: "at-30")])
        let after = try test.repository.storageStatistics(
            of: try test.repository.history(of: "orders"))
        #expect(after.unneededBytes == pieces[2].tree.storedBytes)
    }

    /// Two images that share most pages: exactly, each has only its own.
    @Test func tellsSharedPagesApart() throws {
        let test = try TestRepository(seed: 62)
        var table = TestTable()
        table.add(2500, test.random, noise: 300)
        try test.backUp(table, at: 10)
        table.edit(replacing: 1, removing: 0, test.random)
        try test.backUp(table, at: 5)
        let history = try test.repository.history(of: "orders")
        let roughly = try test.repository.storageStatistics(of: history)
        let exactly = try test.repository.storageStatistics(of: history, exactly: true)
        for (rough, exact) in zip(roughly.backups, exactly.backups) {
            #expect(rough.ownBytes == rough.reachableBytes)
            #expect(exact.reachableBytes == rough.reachableBytes)
            #expect(exact.ownBytes > 0)
            #expect(exact.ownBytes < rough.ownBytes * 3 / 4)
        }
    }
}
