import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// A small repository with an image, runs in line and in packs, large values and two tables.
func smallRepository(
    seed: UInt64, in store: MemoryStore, workers: Int = 1
) throws -> TestRepository {
    let test = try TestRepository(seed: seed, workers: workers, packBytes: 1 << 15, store: store)
    var table = TestTable(schema: TestTable.schemas[1])
    table.add(120, test.random, largeEvery: 40, noise: 700)
    try test.backUp(table, at: 10)
    table.edit(replacing: 5, removing: 5, test.random)
    try test.backUp(table, at: 20)
    table.add(110, test.random, noise: 700)
    try test.backUp(table, at: 30)
    var other = TestTable(schema: TestTable.schemas[3])
    other.add(30, test.random)
    try test.backUp(other, at: 10, name: "customers")
    return test
}

var everything: VerificationOptions {
    var options = VerificationOptions(data: .all, decodesPages: true, drill: .allCheckpoints)
    options.provesEverySecond = true
    return options
}

struct VerificationTests {
    @Test(arguments: [1, 4]) func findsNothingInGoodRepositories(workers: Int) throws {
        let store = MemoryStore(clock: ManualTime())
        let test = try smallRepository(seed: 1, in: store, workers: workers)
        var phases: Set<VerificationProgress.Phase> = []
        let report = try test.reopened(workers: workers).verify(everything) {
            phases.insert($0.phase)
        }
        #expect(report.problems == [])
        #expect(report.isClean)
        #expect(report.damages == [])
        #expect(phases == [.objects, .tables, .trees, .data, .states])
        let counts = report.counts
        #expect(counts.tables == 2)
        #expect(counts.commits == 4)
        #expect(counts.backups == 4)
        #expect(counts.states == 4)
        #expect(counts.items == UInt64(120 + 115 + 225 + 30))
        #expect(counts.packs == counts.packsRead)
        #expect(counts.packBytes == counts.packBytesRead)
        #expect(counts.packs >= 3)
        #expect(counts.indexes >= 2)
        #expect(counts.inlineBlobs >= 2)
        #expect(counts.pagesDecoded >= 2)
        #expect(report.backups.count == 4)
        #expect(report.backups.allSatisfy { $0.isProven && !$0.isAffected })
    }

    @Test func verifiesHighTrees() throws {
        let test = try TestRepository(seed: 2, workers: 4)
        var table = TestTable(keyFiller: 2000)
        table.add(4500, test.random)
        try test.backUp(table, at: 10)
        let report = try test.reopened(workers: 4).verify(everything)
        #expect(report.problems == [])
        #expect(report.counts.indexPages >= 3)
    }

    /// All parts together read every pack once.
    @Test func partsMakeTheWhole() throws {
        let test = try smallRepository(seed: 3, in: MemoryStore(clock: ManualTime()))
        let whole = test.repository.verify(VerificationOptions(data: .all)).counts
        var packs: UInt64 = 0
        for number: UInt64 in 1...3 {
            packs += test.repository.verify(
                VerificationOptions(data: .part(number: number, of: 3))
            ).counts.packsRead
        }
        #expect(packs == whole.packs)
        let none = test.repository.verify(VerificationOptions(data: .percent(0))).counts
        #expect(none.packsRead == 0)
        let some = test.repository.verify(VerificationOptions(data: .percent(30))).counts
        #expect(some.packsRead > 0)
        #expect(some.packsRead < whole.packs)
    }

    @Test func drillsOneBackup() throws {
        let test = try smallRepository(seed: 4, in: MemoryStore(clock: ManualTime()))
        let history = try test.repository.history(of: "orders")
        let backup = try history.backup(named: "at-20")
        let report = test.repository.verify(
            VerificationOptions(drill: .backup(history.id, backup.id)))
        #expect(report.isClean)
        #expect(report.counts.states == 1)
        #expect(report.backups.filter(\.isProven).map(\.name) == ["at-20"])
    }

    /// A backup whose digest is another: the structure tells, and the drill as well.
    @Test func findsWrongDigests() throws {
        let store = MemoryStore(clock: ManualTime())
        let test = try smallRepository(seed: 5, in: store)
        let history = try test.repository.history(of: "orders")
        var backup = try history.backup(named: "at-20")
        backup.digest = backup.digest &+ backup.digest
        let name = ObjectName.backup(history.id, backup.id).path
        let forged = try backup.seal()
        try store.corrupt(name) { $0 = forged }
        let report = try test.reopened().verify(everything)
        #expect(Set(report.problems.map(\.object)) == [name])
        #expect(report.problems.count == 2)
        #expect(report.backups.filter(\.isAffected).map(\.name) == ["at-20"])
        #expect(report.backups.filter(\.isProven).count == 3)
    }

    /// Checkpoints that no page contradicts, but the items do.
    @Test func drillFindsWrongCheckpoints() throws {
        let store = MemoryStore(clock: ManualTime())
        let test = try smallRepository(seed: 6, in: store)
        let history = try test.repository.history(of: "customers")
        var commit = history.commits[0]
        commit.logical.checkpoints[0].bytes += 1
        commit.logical.bytes += 1
        let forged = try commit.seal()
        try store.corrupt(ObjectName.commit(history.id, sequence: 0).path) { $0 = forged }
        let report = try test.reopened().verify(VerificationOptions(drill: .allCheckpoints))
        // The backup names another commit; and the state has other bytes.
        #expect(report.problems.contains { $0.message.contains("names another commit") })
        #expect(report.problems.contains { $0.message.contains("recorded are") })
    }
}

struct DamageTests {
    /// A page of a pack is damaged: which keys, which backups.
    @Test func tellsKeysAndBackups() throws {
        let store = MemoryStore(clock: ManualTime())
        let test = try TestRepository(seed: 9, store: store)
        var table = TestTable(schema: TestTable.schemas[1])
        table.add(1200, test.random, noise: 600)
        try test.backUp(table, at: 10)
        table.edit(replacing: 3, removing: 0, test.random)
        try test.backUp(table, at: 20)
        var other = TestTable()
        other.add(3, test.random)
        try test.backUp(other, at: 10, name: "customers")
        // The second leaf of the image.
        var leaf: (name: String, entry: PackEntry)?
        for object in try store.list("packs/") {
            let pack = try store.read(object.name)
            let entries = try PackReader.entries(of: pack.raw)
            for entry in entries where entry.type == .imageLeaf && leaf == nil {
                leaf = (object.name, entry)
            }
        }
        let (name, entry) = try #require(leaf)
        try store.corrupt(name) { $0[Int(entry.offset) + 200] ^= 4 }
        let report = try test.reopened().verify(VerificationOptions(data: .all))
        let found = report.damages.filter { $0.table == "orders" }
        #expect(found.count == 1)
        #expect(report.damages.count == 1)
        #expect(found[0].blob == entry.id)
        #expect(found[0].piece.hasPrefix("image of 2025-06-15T15:06:50"))
        #expect(found[0].backups.count == 2)
        #expect(found[0].afterKey != nil || found[0].throughKey != nil)
        for text in [found[0].afterKey, found[0].throughKey].compactMap({ $0 }) {
            #expect(text.hasPrefix("{\"id\":{\"S\":\""))
            #expect(text.hasSuffix("\"}}"))
        }
        #expect(report.backups.filter(\.isAffected).map(\.name) == ["at-10", "at-20"])
        #expect(report.backups.filter { !$0.isAffected }.map(\.table) == ["customers"])
    }

    /// A lost pack, by the structure alone; a lost large value, by the data.
    @Test func tellsOfLostPacks() throws {
        let store = MemoryStore(clock: ManualTime())
        let test = try smallRepository(seed: 10, in: store)
        for object in try store.list("packs/") {
            let copy = store.snapshot()
            try copy.delete(object.name)
            let report = Repository.verify(
                copy, environment: TestRepository.environment(seed: 1, workers: 1))
            #expect(report.problems.contains { $0.object == object.name })
            let pack = try store.read(object.name)
            let types = try PackReader.entries(of: pack.raw).map(\.type)
            #expect(!report.damages.isEmpty, "\(types)")
            #expect(report.backups.contains { $0.isAffected })
            #expect(report.backups.contains { !$0.isAffected })
        }
        _ = test
    }

    /// A lost commit leaves the backups of the others.
    @Test func tellsOfLostCommits() throws {
        let store = MemoryStore(clock: ManualTime())
        let test = try smallRepository(seed: 11, in: store)
        let history = try test.repository.history(of: "orders")
        for sequence: UInt64 in 0..<3 {
            let copy = store.snapshot()
            let name = ObjectName.commit(history.id, sequence: sequence).path
            try copy.corrupt(name) { $0[$0.count / 2] ^= 1 }
            let report = Repository.verify(
                copy, environment: TestRepository.environment(seed: 1, workers: 1),
                options: everything)
            #expect(report.problems.contains { $0.object.hasPrefix(name) })
            let affected = report.backups.filter(\.isAffected).map(\.name)
            let expected = ["at-10", "at-20", "at-30"].dropFirst(Int(sequence))
            #expect(affected == Array(expected))
            let proven = report.backups.filter(\.isProven).count
            #expect(proven == 4 - affected.count)
        }
    }
}
