import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

/// All states of a table proven in one reading of its changes.
@Suite("Verification: every second")
struct EverySecondTests {
    private static var options: VerificationOptions {
        var options = VerificationOptions()
        options.provesEverySecond = true
        return options
    }

    // MARK: Sound ones

    @Test(arguments: [UInt64(230), 231, 232, 233])
    func everyCheckpointOfALifeIsProven(seed: UInt64) throws {
        let world = try RetentionWorld(seed: seed, days: 3, largeEvery: seed % 2 == 0 ? 6 : 0)
        try world.history.breakOff(seconds: 4_000, changes: 5)
        world.setClock()
        try world.extend(days: 1)
        let seconds = try checkpoints(world.open())
        #expect(seconds > 30)
        for isLaidOut in [false, true] {
            if isLaidOut { try compact(world.open(), isForced: true) }
            let report = try world.open().verify(Self.options)
            #expect(report.problems == [], "seed \(seed)")
            #expect(report.counts.statesReplayed == UInt64(seconds), "seed \(seed)")
        }
        try world.extend(days: 1)
        try world.promise(days: 2, daily: 2)
        try world.prune(shrinks: true)
        let report = try world.open().verify(Self.options)
        #expect(report.problems == [], "seed \(seed)")
        #expect(report.counts.statesReplayed == UInt64(try checkpoints(world.open())))
    }

    @Test func fullCopiesAndBackupsAreProven() throws {
        let store = MemoryStore(clock: ManualTime())
        let test = try smallRepository(seed: 3, in: store)
        let report = try test.reopened().verify(Self.options)
        #expect(report.problems == [])
        #expect(report.counts.statesReplayed == 4)
        #expect(report.counts.states == 0)
        #expect(report.backups.count == 4)
        #expect(report.backups.allSatisfy { $0.isProven && !$0.isAffected })
    }

    @Test(arguments: [1, 3, 1_000]) func seriesHoldEachCheckpointOnce(countMax: Int) throws {
        let world = try RetentionWorld(seed: 234, days: 3)
        try compact(world.open(), isForced: true)
        try world.extend(days: 1)
        let repository = try world.open()
        let history = try repository.history(of: "orders")
        var points = history.checkpoints()
        let expected = try points.rest().map(\.instant)
        var walk = StateSeriesWalk(history, countMax: countMax)
        var found: [Instant] = []
        while let step = try walk.next() {
            guard case .series(let series) = step else {
                Issue.record("a gap")
                return
            }
            // One more where an image ends a series.
            #expect(series.checkpoints.count <= countMax + 1)
            for point in series.checkpoints where found.last != point.instant {
                found.append(point.instant)
            }
            let plan = try history.plan(at: #require(series.checkpoints.last).instant)
            #expect(plan.runs == series.runs || plan.runs.isEmpty)
            var replay = SeriesReplay(series, of: history, repository) { false }
            try replay.run { point, sums in #expect(sums.agree(with: point)) }
        }
        #expect(found == expected)
    }

    // MARK: Faulty ones

    private func check(
        _ words: String, isLaidOut: Bool = false, seed: UInt64 = 235,
        _ change: (inout ForgedHistory) throws -> Void
    ) throws {
        var forged = try ForgedHistory(seed: seed, isLaidOut: isLaidOut)
        #expect(forged.problems(.everySecond) == [])
        try change(&forged)
        try forged.write()
        // Nothing else notices.
        #expect(forged.problems(.decode) == [])
        let problems = forged.problems(.everySecond)
        #expect(problems.contains { $0.contains(words) }, "\(words): \(problems)")
    }

    @Test func aCheckpointInTheMiddleIsHeldToItsChanges() throws {
        try check("the changes lead to") {
            $0.commits[2].logical.checkpoints[1].digest.words.0 ^= 1
        }
        try check("the changes lead to") { $0.commits[2].logical.checkpoints[1].items += 1 }
        try check("the changes lead to") { $0.commits[2].logical.checkpoints[1].bytes += 1 }
    }

    @Test func aWrongValueIsFoundInAllStatesFromItOn() throws {
        try check("; so with ") { forged in
            // A tombstone where a put was, of a key that does not change again in the run.
            let changes = try forged.changes(2)
            let keys = (0..<changes.count).map { changes.rows.keyBytes($0) }
            let place = try #require(
                keys.indices.filter { index in
                    changes.stamps[index].kind == .put && keys.count { $0 == keys[index] } == 1
                }.min { changes.stamps[$0].time < changes.stamps[$1].time })
            var other = ChangeBuffer()
            for index in keys.indices {
                var stamp = changes.stamps[index]
                var value = changes.rows.valueBytes(index)
                if index == place { (stamp.kind, value) = (.tombstone, []) }
                let key = keys[index]
                other.rows.append(key: key.raw, value: value.raw)
                other.stamps.append(stamp)
            }
            try forged.replaceRun(2, other)
        }
    }

    @Test func sixteenBitsInALayoutAreHeldToo() throws {
        var forged = try ForgedHistory(seed: 236, isLaidOut: true)
        try forged.replaceCheckpoints { $0[2].digestLow ^= 1 }
        try forged.forgetCovered()
        try forged.write()
        #expect(forged.problems(.decode) == [])
        let problems = forged.problems(.everySecond)
        #expect(problems.count == 1)
        #expect(problems.first?.contains("the changes lead to") == true, "\(problems)")
    }

    @Test func whatCannotBeReadIsTold() throws {
        let store = MemoryStore(clock: ManualTime())
        let test = try smallRepository(seed: 4, in: store)
        let packs = try store.list(ObjectName.packsPrefix).map(\.name)
        for pack in packs {
            let copy = store.snapshot()
            try copy.delete(pack)
            let report = Repository.verify(
                copy, environment: TestRepository.environment(seed: 1, workers: 1),
                options: Self.options)
            #expect(!report.isClean)
            #expect(report.counts.statesReplayed < 4 || report.backups.contains { $0.isAffected })
        }
        withExtendedLifetime(test) {}
    }

    @Test func aPieceThatIsMissingIsAGap() throws {
        var forged = try ForgedHistory(seed: 237)
        forged.commits[2].pieces = []
        try forged.write()
        let problems = forged.problems(.everySecond)
        #expect(
            problems.filter { $0.contains("has no piece for the state") }.count >= 1,
            "\(problems)")
        #expect(problems.count < 20)
    }

    private func checkpoints(_ repository: Repository) throws -> Int {
        try repository.history(of: "orders").checkpointCount()
    }
}
