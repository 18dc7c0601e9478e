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

    /// What history costs: each piece counts once, each change on its day, and a shorter window
    /// frees at least what is told.
    @Test func tellsWhatHistoryCosts() throws {
        let world = try RetentionWorld(seed: 63, days: 6, largeEvery: 4)
        func history() throws -> HistoryStorage {
            try #require(try world.open().storageStatistics().tables[0].history)
        }
        func pieces() throws -> UInt64 {
            Set(try world.open().history(of: "orders").pieces)
                .reduce(0) { $0 + $1.tree.storedBytes }
        }
        let found = try history()
        let versions = world.history.model.versions.count
        #expect(found.changes == UInt64(versions))
        #expect(found.days.reduce(0) { $0 + $1.changes } == UInt64(versions))
        #expect(found.days.count == 7)
        #expect(found.seconds == world.end)
        let before = try pieces()
        let told = found.imageBytes + found.backupBytes + found.historyBytes
        #expect(told == before + found.checkpointBytes)
        // Before a layout they are in the commits, with their digests.
        let points = try world.open().history(of: "orders").checkpointCount()
        #expect(found.checkpointBytes > UInt64(points) * 36)
        let runs = found.days.reduce(0) { $0 + $1.runBytes }
        #expect(runs <= before && runs + 200 > before)
        #expect(found.windows.map(\.days) == [1, 2])
        #expect(found.windows[0].freedBytes > found.windows[1].freedBytes)
        #expect(found.windows[1].freedBytes > 0)
        // Twelve commits a day.
        #expect(350...380 ~= found.putsAMonth)
        try world.promise(days: 2)
        try world.prune()
        let after = try history()
        let left = try pieces()
        // What is merged has its own pages: it may cost a little more than the bytes taken over.
        #expect(before - left + 4_096 >= found.windows[1].freedBytes)
        #expect(after.seconds <= 3 * 86_400)
    }

    @Test func fullCopiesHaveNoHistory() throws {
        let test = try smallRepository(seed: 64, in: MemoryStore(clock: ManualTime()))
        let found = try test.reopened().storageStatistics()
        #expect(found.tables.allSatisfy { $0.history == nil && $0.objects > 0 })
    }
}
