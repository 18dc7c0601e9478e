import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

/// Packs that are gone, and no replica: what needs them is promised no more, the rest stays, and a
/// full copy makes every table usable.
@Suite("Repair of lost packs")
struct LostPackTests {
    private func lose(_ names: ArraySlice<String>, of scene: RepairScene) throws -> MemoryStore {
        let store = scene.store.snapshot()
        for name in names { try store.delete(name) }
        return store
    }

    private func fullCopy(
        of table: String, at second: Int64, _ rows: TestTable, _ store: MemoryStore,
        _ label: Comment
    ) throws {
        let repository = try RepairScene.open(store)
        try backUp(rows, at: second, name: table, SeededRandom(seed: 3), in: repository)
        let found = try contents(try RepairScene.open(store), at: second, name: table)
        #expect(found == rows.rows, label)
    }

    @Test(arguments: [600, 601, 602] as [UInt64]) func whatIsLostIsNotPromised(
        seed: UInt64
    ) throws {
        let scene = try RepairScene(seed: seed)
        let packs = try scene.store.list("packs/").map(\.name)
        #expect(packs.count > 5)
        var rows = TestTable()
        rows.add(30, SeededRandom(seed: seed))
        var lossy = 0
        for place in packs.indices {
            let store = try lose(packs[place...min(place + place % 3, packs.count - 1)], of: scene)
            let label: Comment = "pack \(place) of seed \(seed)"
            let before = try scene.restorable(store, label)
            let report = try repair(store)
            #expect(try scene.restorable(store, label) == before, label)
            if report.losses.isEmpty { continue }
            lossy += 1
            #expect(report.actions.contains { $0.kind == .laidOutTable }, label)
            #expect(try repair(store).actions == [], label)
            let repository = try RepairScene.open(store)
            // What is promised is there.
            for table in try repository.catalog(for: .writing).tables {
                let history = try repository.history(table.id, table.record)
                let lost = repository.verify(VerificationOptions(data: .all)).backups
                    .filter(\.isAffected).map(\.id)
                try repository.forget(table.id, history.backups.filter { lost.contains($0.id) })
                let now = try repository.history(table.id, table.record)
                for range in now.ranges where !range.isExactAtCheckpointsOnly {
                    for second in range.from.second...range.to.second {
                        let instant = try #require(Instant(second: second))
                        #expect(try now.plan(at: instant).instant == instant, label)
                    }
                }
                var points = now.checkpoints()
                while let point = try points.next() {
                    let plan = try now.plan(at: point.instant)
                    #expect(try repository.missingPage(in: plan, .indexPages) == nil, label)
                    #expect(try repository.wholeDigest(of: plan, in: now).digest != .zero
                        || point.items == 0, label)
                }
            }
            let check = try RepairScene.open(store).verify(
                VerificationOptions(data: .all, drill: .allCheckpoints))
            #expect(check.problems == [], label)
            for table in ["films", "orders"] {
                try fullCopy(of: table, at: 90, rows, store, label)
            }
            _ = try Pruning(try RepairScene.open(store), Pruning.Request(grace: 0)).run()
            try compact(try RepairScene.open(store), isForced: true)
            try compact(try RepairScene.open(store), "films", isForced: true)
            let last = try RepairScene.open(store).verify(VerificationOptions(data: .all))
            #expect(last.problems == [], label)
        }
        #expect(lossy > 2)
    }

    /// States were given up before the replica was found: those of backups come back from it.
    @Test(arguments: [620, 621, 622] as [UInt64]) func aReplicaIsFoundLater(
        seed: UInt64
    ) throws {
        let scene = try RepairScene(seed: seed)
        let whole = try scene.restorable(scene.store, "whole").filter { $0.hasPrefix("films") }
        #expect(whole.count == 3)
        let packs = try scene.store.list("packs/").map(\.name)
        var rows = TestTable()
        rows.add(30, SeededRandom(seed: seed))
        var lossy = 0
        for place in packs.indices {
            for goesOn in [false, true] {
                let store = try lose(
                    packs[place...min(place + place % 3, packs.count - 1)], of: scene)
                let label: Comment = "pack \(place) of seed \(seed), \(goesOn)"
                if try repair(store).losses.isEmpty { continue }
                lossy += 1
                if goesOn { try fullCopy(of: "films", at: 90, rows, store, label) }
                let report = try repair(store, from: scene.replica)
                #expect(report.isClean, label)
                #expect(report.verification.backups.allSatisfy { !$0.isAffected }, label)
                let now = try scene.restorable(store, label).filter { $0.hasPrefix("films") }
                #expect(now == whole, label)
                #expect(try repair(store, from: scene.replica).isUnneeded, label)
                // Another seed gives its backup another id.
                let repository = try Repository.open(
                    store, environment: TestRepository.environment(seed: 31, workers: 1))
                try backUp(rows, at: 95, name: "films", SeededRandom(seed: 3), in: repository)
                let last = try contents(try RepairScene.open(store), at: 95, name: "films")
                #expect(last == rows.rows, label)
                _ = try Pruning(try RepairScene.open(store), Pruning.Request(grace: 0)).run()
                let check = try RepairScene.open(store).verify(
                    VerificationOptions(data: .all, drill: .allCheckpoints))
                #expect(check.problems == [], label)
                #expect(check.backups.allSatisfy { !$0.isAffected }, label)
            }
        }
        #expect(lossy > 2)
    }

    /// A crash before and after every write, while states are given up and while they are brought
    /// back: another repair comes to the same end.
    @Test(arguments: [false, true], [false, true]) func crashAfterEveryWrite(
        bringsBack: Bool, afterwards: Bool
    ) throws {
        let scene = try RepairScene(seed: 623)
        let packs = try scene.store.list("packs/").map(\.name)
        let damaged = try lose(packs[...], of: scene)
        if bringsBack { try repair(damaged) }
        let other = bringsBack ? scene.replica : nil
        let undisturbed = damaged.snapshot()
        try repair(undisturbed, from: other)
        let expected = try scene.restorable(undisturbed, "undisturbed")
        #expect(expected.filter { $0.hasPrefix("films") }.count == (bringsBack ? 3 : 0))
        // Without a replica backups are listed whose states are lost.
        let problems = try RepairScene.open(undisturbed)
            .verify(VerificationOptions(data: .all)).problems
        #expect(problems.isEmpty == bringsBack)
        for write in 0... {
            let store = damaged.snapshot()
            let faulty = FaultyStore.dying(store, atWrite: write, afterwards: afterwards)
            _ = try? repair(faulty, from: other)
            let label: Comment = "write \(write)"
            try repair(store, from: other)
            #expect(try scene.restorable(store, label) == expected, label)
            let check = try RepairScene.open(store).verify(VerificationOptions(data: .all))
            #expect(check.problems == problems, label)
            if faulty.writes <= write {
                #expect(write > 5)
                break
            }
        }
    }

    /// Before a repair no full copy relies on what is lost; after it one begins a new range. A
    /// state that is lost is no backup.
    @Test func aFullCopyStandsForItself() throws {
        let scene = try RepairScene(seed: 610)
        let packs = try scene.store.list("packs/").map(\.name)
        var rows = TestTable()
        rows.add(30, SeededRandom(seed: 4))
        let store = try lose(packs[...], of: scene)
        for table in ["films", "orders"] {
            let repository = try RepairScene.open(store)
            let history = try repository.history(of: table)
            let fault = try repository.missingPage(in: try history.newestPlan(), .roots)
            if table == "films" { #expect(fault?.code == .damaged) }
            if table == "films" {
                #expect(throws: VarveError(.damaged, "")) {
                    try fullCopy(of: table, at: 90, rows, store, "\(table)")
                }
                _ = try repair(store)
            }
            try fullCopy(of: table, at: 90, rows, store, "\(table)")
        }
        // The same instant once more: what was lost is there again.
        let third = try RepairScene(seed: 610)
        var same = TestTable()
        same.add(1, SeededRandom(seed: 1))
        #expect(throws: VarveError(.refused, "")) {
            try backUp(
                same, at: 30, name: "films", SeededRandom(seed: 3),
                in: try RepairScene.open(third.store))
        }
        // Another seed gives its backup another id.
        let repository = try Repository.open(
            store, environment: TestRepository.environment(seed: 31, workers: 1))
        try backUp(same, at: 30, name: "films", keep: false, SeededRandom(seed: 3), in: repository)
        let found = try contents(try RepairScene.open(store), at: 30, name: "films")
        #expect(found == same.rows)
    }

    /// The last commits are gone without a trace: a replica knows of them.
    @Test func trailingCommitsComeFromAReplica() throws {
        let scene = try RepairScene(seed: 630)
        let whole = try scene.restorable(scene.store, "whole")
        let history = try RepairScene.open(scene.store).history(of: "orders")
        for count in 1...history.commits.count {
            let store = scene.store.snapshot()
            for commit in history.commits.suffix(count) {
                try store.delete(
                    ObjectName.commit(history.id, sequence: commit.logical.sequence).path)
            }
            #expect(try repair(store).isUnneeded)
            let report = try repair(store, from: scene.replica)
            #expect(report.actions.count == count && report.isClean)
            #expect(try scene.restorable(store, "\(count)") == whole)
        }
        // Where the replica has them no more as commits, it is said where they are.
        let store = scene.store.snapshot()
        let last = try #require(history.commits.last?.logical.sequence)
        for sequence in last - 1...last {
            try store.delete(ObjectName.commit(history.id, sequence: sequence).path)
        }
        let replica = scene.replica.snapshot()
        try compact(try RepairScene.open(replica), isForced: true)
        let report = try repair(store, from: replica)
        #expect(report.actions == [] && report.notes.contains { $0.contains("varve copy") })
    }
}

/// Blobs that a layout carried are gone: pieces and pages of checkpoints of recorded history.
@Suite("Repair of layouts with lost pages")
struct LostPageTests {
    /// Two ranges, each with several runs, under one layout, and commits after it.
    private func scene(_ seed: UInt64) throws -> (MemoryStore, RecordedHistory) {
        let store = MemoryStore(clock: ManualTime())
        let test = try TestRepository(seed: seed, packBytes: 1 << 16, store: store)
        let world = try RecordedHistory(test, keys: 12, largeEvery: 6)
        for round in 0..<2 {
            for _ in 0..<4 {
                for _ in 0..<4 { try world.commit(seconds: 22, busy: 3) }
                try compact(test.reopened(), isForced: true)
                try world.reload()
            }
            if round == 0 { try world.breakOff(seconds: 5, changes: 3) }
            for _ in 0..<2 { try world.commit(seconds: 4, busy: 3) }
        }
        return (store, world)
    }

    private func records(_ inline: [UInt8]) throws -> [(id: Hash256, bytes: [UInt8])] {
        var result: [(id: Hash256, bytes: [UInt8])] = []
        var start = 0
        while start < inline.count {
            let rest = Array(inline[start...])
            var cursor = ByteCursor(rest.raw)
            let header = try BlobRecord(header: &cursor)
            result.append((header.id, Array(rest[..<header.size])))
            start += header.size
        }
        return result
    }

    @Test(arguments: [700, 701] as [UInt64]) func aBlobIsLost(seed: UInt64) throws {
        let (whole, world) = try scene(seed)
        let history = try RepairScene.open(whole).history(of: "orders")
        let layout = try #require(history.layout)
        #expect(history.ranges.count > 2 && history.commits.count > 1)
        let blobs = try records(layout.inline)
        #expect(blobs.count > 6)
        var (laidOut, mostKept) = (0, 0)
        for lost in blobs.indices {
            let store = whole.snapshot()
            var changed = layout
            changed.inline = blobs.indices.filter { $0 != lost }.flatMap { blobs[$0].bytes }
            try store.replace(
                ObjectName.layout(history.id, number: layout.number).path, try changed.seal())
            let label: Comment = "blob \(lost) of seed \(seed)"
            let report = try repair(store)
            if report.isUnneeded { continue }
            laidOut += 1
            #expect(report.actions.contains { $0.kind == .laidOutTable }, "\(report.notes)")
            #expect(report.verification.problems == [], label)
            #expect(try repair(store).isUnneeded, label)
            let kept = try check(store, world, label)
            mostKept = max(mostKept, kept)
            let now = try RepairScene.open(store).history(of: "orders")
            #expect(kept > 0 || now.chainHead.isClosed || now.ranges.isEmpty, label)
            var rows = TestTable()
            rows.add(20, SeededRandom(seed: seed))
            try backUp(
                rows, at: 2_000, SeededRandom(seed: 3), in: try RepairScene.open(store))
            try compact(try RepairScene.open(store), isForced: true)
            _ = try check(store, world, label)
            #expect(try contents(try RepairScene.open(store), at: 2_000) == rows.rows, label)
            let problems = try RepairScene.open(store)
                .verify(VerificationOptions(data: .all, drill: .allCheckpoints)).problems
            #expect(problems == [], label)
        }
        #expect(mostKept > 0 && laidOut > 5)
    }

    /// Every state that is promised is the model's. Returns how many.
    private func check(
        _ store: MemoryStore, _ world: RecordedHistory, _ label: Comment
    ) throws -> Int {
        let repository = try RepairScene.open(store)
        let history = try repository.history(of: "orders")
        var count = 0
        for (second, state) in world.model.states.enumerated() {
            let instant = TestRepository.instant(Int64(second))
            guard try history.exactCheckpoint(for: instant) != nil else { continue }
            count += 1
            if second % 7 > 0 { continue }
            #expect(try contents(repository, at: Int64(second)) == state, label)
        }
        return count
    }
}
