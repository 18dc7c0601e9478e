import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

/// A repository with packs, recorded history, a layout and backups, and a replica of it.
struct RepairScene {
    let store = MemoryStore(clock: ManualTime())
    let replica = MemoryStore(clock: ManualTime())
    let world: RecordedHistory
    /// States of the table "films" by second.
    private(set) var films: [Int64: [[UInt8]: [UInt8]]] = [:]

    init(seed: UInt64) throws {
        let test = try TestRepository(seed: seed, packBytes: 1 << 16, store: store)
        world = try RecordedHistory(test, keys: 12, largeEvery: 6)
        for _ in 0..<8 { try world.commit(seconds: 2) }
        try compact(test.reopened(), isForced: true)
        for _ in 0..<5 { try world.commit(seconds: 2) }
        var table = TestTable()
        for second in [10, 20, 30] as [Int64] {
            table.add(90, test.random, largeEvery: 30, noise: 900)
            table.edit(replacing: 5, removing: 3, test.random)
            try test.backUp(table, at: second, name: "films")
            films[second] = table.rows
        }
        try copy(store, to: replica)
    }

    static func open(_ store: any ObjectStore) throws -> Repository {
        try Repository.open(store, environment: TestRepository.environment(seed: 9, workers: 1))
    }

    /// What can be restored, and is what it must be.
    func restorable(_ store: any ObjectStore, _ label: Comment) throws -> Set<String> {
        var result: Set<String> = []
        guard let repository = try? Self.open(store) else { return [] }
        func attempt(
            _ name: String, _ second: Int64, _ history: TableHistory, _ rows: [[UInt8]: [UInt8]]
        ) throws {
            let plan: StatePlan
            var found: [[UInt8]: [UInt8]] = [:]
            do throws(VarveError) {
                plan = try history.plan(at: TestRepository.instant(second))
            } catch { return }
            do {
                let source = try repository.rows(plan, schema: history.record.keySchema)
                while let block = try source.nextBlock() {
                    var whole = RowBuffer()
                    try repository.expand(block, 0..<block.rows.count, into: &whole)
                    for index in 0..<whole.count {
                        found[whole.keyBytes(index)] = whole.valueBytes(index)
                    }
                }
            } catch let error as VarveError where error.code == .damaged { return }
            #expect(found == rows, "\(label), \(name) at \(second)")
            result.insert("\(name) \(second)")
        }
        for table in try repository.catalog(for: .reading).tables {
            let name = table.record.name
            let history = try repository.history(table.id, table.record, for: .reading)
            if name == "films" {
                for (second, rows) in films { try attempt(name, second, history, rows) }
            } else {
                for second in world.model.changedSeconds.sorted() {
                    try attempt(name, second, history, world.model.states[Int(second)])
                }
            }
        }
        return result
    }
}

@discardableResult
func repair(_ store: any ObjectStore, from other: (any ObjectStore)? = nil) throws -> RepairReport {
    let environment = TestRepository.environment(seed: 21, workers: 1)
    let source = try other.map { try Repository.open($0, environment: environment) }
    return try RepositoryRepair(
        store, from: source, environment: environment, dropsLost: true
    ).run()
}

@Suite("Repair")
struct RepairTests {
    @Test func whatIsWholeStaysAsItIs() throws {
        let scene = try RepairScene(seed: 90)
        let before = try scene.store.everything()
        #expect(try repair(scene.store).isUnneeded)
        #expect(try repair(scene.store, from: scene.replica).isUnneeded)
        #expect(try scene.store.everything() == before)
    }

    @Test func indexesAreMadeFromPacksAlone() throws {
        let scene = try RepairScene(seed: 91)
        let whole = try scene.restorable(scene.store, "whole")
        let indexes = try scene.store.list("indexes/").map(\.name)
        #expect(indexes.count > 1)
        for damage in [nil, 0, 40, 1_100, -1] as [Int?] {
            for count in [1, indexes.count] {
                let store = scene.store.snapshot()
                for name in indexes.prefix(count) {
                    guard let damage else {
                        try store.delete(name)
                        continue
                    }
                    try store.corrupt(name) { $0[damage < 0 ? $0.count + damage : damage] ^= 4 }
                }
                let report = try repair(store)
                let label: Comment = "\(damage ?? -9) in \(count)"
                #expect(report.isClean && report.actions.contains { $0.kind == .madeIndex }, label)
                let repository = try RepairScene.open(store)
                #expect(
                    repository.verify(VerificationOptions(data: .all)).problems == [], label)
                #expect(try scene.restorable(store, label) == whole, label)
                #expect(try repair(store).isUnneeded, label)
            }
        }
    }

    /// Every object of the repository is damaged in turn, or lost: a replica has all of it.
    @Test(arguments: [false, true]) func aReplicaHasEverything(isLost: Bool) throws {
        let scene = try RepairScene(seed: 92)
        let whole = try scene.restorable(scene.store, "whole")
        for name in try scene.store.list("").map(\.name) {
            let store = scene.store.snapshot()
            if isLost {
                try store.delete(name)
            } else {
                try store.corrupt(name) { $0[$0.count / 2] ^= 1 }
            }
            let report = try repair(store, from: scene.replica)
            let label: Comment = "\(name)"
            let problems = try RepairScene.open(store).verify(VerificationOptions(data: .all))
                .problems
            // What nothing tells of is not missed: a backup's record, the newest commit.
            if isLost, name.contains("/backups/") || !problems.isEmpty && report.isUnneeded {
                try copy(scene.replica, to: store)
            } else {
                #expect(problems == [], label)
                #expect(report.losses == [], label)
            }
            try copy(scene.replica, to: store)
            #expect(try scene.restorable(store, label) == whole, label)
        }
    }

    /// Without a replica nothing is lost that was not lost before, the table can be used again
    /// where that is possible, and what is still wrong is told.
    @Test(arguments: [false, true]) func nothingMoreIsLost(isLost: Bool) throws {
        let scene = try RepairScene(seed: 93)
        for name in try scene.store.list("").map(\.name) where name != "config" {
            let store = scene.store.snapshot()
            if isLost {
                try store.delete(name)
            } else {
                try store.corrupt(name) { $0[$0.count / 2] ^= 1 }
            }
            let label: Comment = "\(name)"
            let before = try scene.restorable(store, label)
            let bytes = try store.everything()
            let report = try repair(store)
            let after = try scene.restorable(store, label)
            #expect(after.isSuperset(of: before), label)
            let check = try RepairScene.open(store).verify(VerificationOptions(data: .all))
            #expect(check.problems.isEmpty == report.verification.problems.isEmpty, label)
            // Bytes that are gone from their place are in another, or in a sound pack.
            for (object, old) in bytes where try store.readIfPresent(object) != old {
                let isIndex = object.hasPrefix("indexes/")
                let isKept = try store.readIfPresent("damaged/" + object) == old
                let isCovered = object.contains("/commits/") || object.contains("/layouts/")
                #expect(isIndex || isKept || isCovered, "\(name): \(object)")
            }
            if report.isUnneeded { continue }
            let second = try repair(store)
            #expect(second.actions == [], label)
        }
    }

    /// A dry run says what the run does, and changes nothing.
    @Test(arguments: [false, true]) func aDryRunTells(hasReplica: Bool) throws {
        let scene = try RepairScene(seed: 94)
        for (number, name) in try scene.store.list("").map(\.name).enumerated()
        where number % 3 == 0 && name != "config" {
            let store = scene.store.snapshot()
            try store.corrupt(name) { $0[$0.count / 3] ^= 8 }
            let before = try store.everything()
            let other = hasReplica ? scene.replica : nil
            let told = try repair(OverlayStore(over: store), from: other)
            #expect(try store.everything() == before, "\(name)")
            let done = try repair(store, from: other)
            #expect(told.actions == done.actions && told.losses == done.losses, "\(name)")
            #expect(told.verification.problems == done.verification.problems, "\(name)")
        }
    }

    /// A commit is lost: what lies before the hole and what a full copy brought behind it stays,
    /// and the table can be used.
    @Test func aHoleInTheChain() throws {
        let test = try TestRepository(seed: 95, packBytes: 1 << 16)
        var table = TestTable()
        var states: [Int64: [[UInt8]: [UInt8]]] = [:]
        for second in [10, 20, 30, 40] as [Int64] {
            table.add(60, test.random)
            if second == 30 { table = TestTable(); table.add(200, test.random) }
            try test.backUp(table, at: second)
            states[second] = table.rows
        }
        let id = try test.repository.history(of: "orders").id
        for lost in 0..<4 as Range<UInt64> {
            let store = try #require(test.store as? MemoryStore).snapshot()
            try store.delete(ObjectName.commit(id, sequence: lost).path)
            let report = try repair(store)
            let label: Comment = "commit \(lost)"
            #expect(report.actions.contains { $0.kind == .laidOutTable }, label)
            #expect(report.losses.count == 1, label)
            let repository = try RepairScene.open(store)
            let history = try repository.history(of: "orders")
            #expect(history.nextSequence == 4, label)
            var there: [Int64] = []
            for second in [10, 20, 30, 40] as [Int64] {
                guard (try? history.plan(at: TestRepository.instant(second))) != nil else {
                    continue
                }
                #expect(try contents(repository, at: second) == states[second], label)
                there.append(second)
            }
            #expect(there.isEmpty == (lost == 0 && !there.contains(30)), "\(lost): \(there)")
            // The newest state is the newest one that is there, whatever backups say.
            if let newest = there.last {
                let instant = TestRepository.instant(newest)
                #expect(try history.newestPlan().instant == instant, label)
            }
            // The backups that are lost are told, and can be forgotten.
            let affected = report.verification.backups.filter(\.isAffected)
            #expect(affected.count == 4 - there.count, label)
            try repository.forget(
                id, history.backups.filter { backup in
                    affected.contains { $0.id == backup.id }
                })
            #expect(repository.verify(VerificationOptions(data: .all)).problems == [], label)
            table.add(10, test.random)
            try backUp(table, at: 50, test.random, in: repository)
            #expect(try contents(try RepairScene.open(store), at: 50) == table.rows, label)
            let whole = try RepairScene.open(store).verify(VerificationOptions(data: .all))
            #expect(whole.problems == [], label)
            _ = try Pruning(try RepairScene.open(store), Pruning.Request(grace: 0)).run()
        }
    }
}
