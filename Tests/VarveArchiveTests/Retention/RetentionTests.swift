import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

/// Dropping recorded history: what is promised stays, second by second; the rest goes.
struct RetentionTests {
    @Test(arguments: [1, 2, 3] as [UInt64]) func theWindowStays(seed: UInt64) throws {
        let world = try RetentionWorld(seed: seed, days: 5, largeEvery: seed == 3 ? 4 : 0)
        try world.promise(days: 2, hourly: 60, daily: 4)
        let window = world.end + 5 - 2 * 86_400
        let kept = world.thinned(60, length: 3_600, window: window)
            .union(world.thinned(4, length: 86_400, window: window))
        #expect(kept.count > 5)
        let before = try world.memory.everything().filter { $0.key.hasPrefix("tables/") }
        let dry = try world.prune(isDryRun: true)
        #expect(dry.isLaidOut && dry.statesAfter < dry.statesBefore)
        #expect(try world.memory.everything().filter { $0.key.hasPrefix("tables/") } == before)
        let report = try world.prune()
        #expect(report.isLaidOut)
        try world.check(window: window, kept: kept)
        #expect(try world.open().verify(VerificationOptions(data: .all)).problems == [])
        #expect(try !world.prune().isLaidOut)
        // Days pass, and it goes on.
        try world.history.reload()
        try world.extend(days: 2)
        try compact(world.open(), isForced: true)
        try world.prune()
        let next = world.end + 5 - 2 * 86_400
        try world.check(
            window: next,
            kept: world.thinned(60, length: 3_600, window: next)
                .union(world.thinned(4, length: 86_400, window: next)))
        #expect(try world.open().verify(VerificationOptions(data: .all)).problems == [])
    }

    @Test func withoutAPromiseNothingGoes() throws {
        let world = try RetentionWorld(seed: 5, days: 2)
        #expect(try !world.prune().isLaidOut)
        try world.check(window: 0, kept: [])
        let repository = try world.open()
        try repository.promise(
            RetentionRecord(written: 0), of: try repository.history(of: "orders").id)
        #expect(try !world.prune(shrinks: true).isLaidOut)
        try world.check(window: 0, kept: [])
    }

    @Test func aShorterPromiseMustBeMeant() throws {
        let world = try RetentionWorld(seed: 6, days: 4)
        try world.promise(days: 30)
        try world.promise(days: 1)
        let refused = try world.prune()
        #expect(!refused.isLaidOut && refused.notes.count == 1)
        try world.check(window: 0, kept: [])
        #expect(try world.prune(isDryRun: true, shrinks: true).isLaidOut)
        try world.check(window: 0, kept: [])
        #expect(try world.prune(shrinks: true).isLaidOut)
        try world.check(window: world.end + 5 - 86_400, kept: [])
        // It is agreed from now on.
        #expect(try world.prune().notes == [])
    }

    @Test func aClockThatIsFarAheadEndsNothing() throws {
        let world = try RetentionWorld(seed: 7, days: 4)
        try world.promise(days: 3)
        let changed = world.history.model.changedSeconds.sorted()
        let newest = try #require(changed.last)
        world.history.test.time.advance(seconds: 400 * 86_400)
        let report = try world.prune()
        #expect(report.notes.count == 1)
        try world.check(window: newest - 2 * 86_400, kept: [])
        try world.prune(shrinks: true)
        // The newest commit stays uncovered, and so does what it builds on.
        let last = try #require(changed.last { $0 <= world.end - 7_200 })
        try world.check(window: last, kept: [])
    }

    @Test func backupsOutliveTheirHistory() throws {
        let world = try RetentionWorld(seed: 8, days: 3)
        let repository = try world.open()
        let history = try repository.history(of: "orders")
        let instants = world.history.model.changedSeconds.sorted().prefix(20)
        let second = try #require(instants.last)
        let state = try HistoryModel.checkpoint(
            world.history.model.states[Int(second)], TestRepository.instant(second), changes: 0,
            schema: world.history.schema)
        let origin = history.origin(of: state.instant)
        _ = try repository.makeBackup(
            history, name: "old", checkpoint: state, commitSequence: origin.sequence,
            commitHash: origin.hash, keepUntil: nil, source: "test")
        try world.promise(days: 1)
        try world.prune()
        try world.check(window: world.end + 5 - 86_400, kept: [second])
        let now = try world.open().history(of: "orders")
        try world.open().forget(now.id, now.backups)
        try world.prune()
        try world.check(window: world.end + 5 - 86_400, kept: [])
    }

    /// Pruning dies before each of its operations, a part of them in each case.
    @Test(arguments: 0..<4) func crashAfterEveryOperation(part: Int) throws {
        let world = try RetentionWorld(seed: 9, days: 2, largeEvery: 5)
        try compact(world.open(), isForced: true)
        try world.promise(days: 1, hourly: 30)
        let window = world.end + 5 - 86_400
        let kept = world.thinned(30, length: 3_600, window: window)
        let counting = FaultyStore(world.memory.snapshot())
        try world.prune(counting)
        let operations = counting.operations.count
        #expect(operations > 30)
        for ordinal in stride(from: part, to: operations, by: 4) {
            let copy = world.memory.snapshot()
            let store = FaultyStore.dying(copy, at: ordinal)
            _ = try? world.prune(store)
            #expect(store.isCrashed)
            let repository = try world.open(copy)
            let now = try repository.history(of: "orders")
            for second in world.history.model.changedSeconds
            where second >= window || kept.contains(second) {
                #expect(try world.isExact(repository, now, second), "operation \(ordinal)")
            }
            try world.prune(copy)
            try world.check(copy, window: window, kept: kept, "operation \(ordinal)")
        }
    }

    /// A recorder commits before every operation of pruning: nothing that it wrote is lost.
    @Test(arguments: 0..<2) func commitsMeanwhileStay(part: Int) throws {
        var place = part
        while true {
            let world = try RetentionWorld(seed: 11, days: 2)
            try world.promise(days: 1, daily: 3)
            let (at, box) = (place, Holder(world))
            let store = FaultyStore(world.memory) { operation in
                guard operation.ordinal == at else { return nil }
                return .after {
                    do {
                        try box.world.history.commit(seconds: 40, busy: 1)
                    } catch { Issue.record("\(error)") }
                }
            }
            let window = world.end + 5 - 86_400
            let kept = world.thinned(3, length: 86_400, window: window)
            try world.prune(store)
            try world.history.commit(seconds: 3)
            try world.check(window: window, kept: kept, "operation \(place)")
            if store.operations.count <= at { break }
            place += 6
        }
        #expect(place > 20)
    }

    /// A compaction runs before an operation of pruning, and pruning before one of compaction.
    @Test(arguments: [false, true]) func besideCompaction(pruneFirst: Bool) throws {
        let world = try RetentionWorld(seed: 10, days: 2)
        try world.promise(days: 1, hourly: 30)
        let window = world.end + 5 - 86_400
        let kept = world.thinned(30, length: 3_600, window: window)
        let box = Holder(world)
        var place = 0
        while true {
            let copy = world.memory.snapshot()
            let at = place
            let store = FaultyStore(copy) { operation in
                guard operation.ordinal == at else { return nil }
                return .after {
                    do {
                        if pruneFirst {
                            try compact(try box.world.open(copy), isForced: true)
                        } else {
                            try box.world.prune(copy)
                        }
                    } catch { Issue.record("\(error)") }
                }
            }
            do {
                if pruneFirst {
                    try world.prune(store)
                } else {
                    try compact(try world.open(store), isForced: true)
                }
            } catch let error as VarveError {
                // Runs that another has replaced may be gone: a compaction that reads them tries
                // again later.
                #expect(!pruneFirst && error.code == .damaged, "\(error)")
            }
            try world.prune(copy)
            try world.check(copy, window: window, kept: kept, "operation \(place)")
            if store.operations.count <= at { break }
            place += 4
        }
        #expect(place > 20)
    }

    private final class Holder: @unchecked Sendable {
        let world: RetentionWorld
        init(_ world: RetentionWorld) { self.world = world }
    }

    // MARK: The calendar

    @Test func periodsAreThoseOfTheCalendar() throws {
        func text(_ range: Range<Int64>) -> String {
            "\(Instant(second: range.lowerBound)!) \(Instant(second: range.upperBound)!)"
        }
        let second = try Instant(parsing: "2024-02-29T10:00:00Z").second
        let expected: [(RetentionCalendar.Period, String)] = [
            (.hour, "2024-02-29T09:00:00Z 2024-02-29T10:00:00Z"),
            (.day, "2024-02-29T00:00:00Z 2024-03-01T00:00:00Z"),
            (.week, "2024-02-26T00:00:00Z 2024-03-04T00:00:00Z"),
            (.month, "2024-02-01T00:00:00Z 2024-03-01T00:00:00Z"),
            (.year, "2024-01-01T00:00:00Z 2025-01-01T00:00:00Z"),
        ]
        for (period, range) in expected {
            #expect(text(RetentionCalendar.period(period, endingFrom: second)) == range)
        }
        let months = RetentionCalendar.periods(.month, 300, before: second, first: 0)
        #expect(months.count == 300)
        #expect(zip(months, months.dropFirst()).allSatisfy { $0.lowerBound == $1.upperBound })
        #expect(months.allSatisfy { (28...31).contains(($0.count) / 86_400) })
        // The oldest state of all may be that of the very end of a period: the period counts, or
        // pruning again would drop what pruning kept.
        for first in [0, 1, -1] as [Int64] {
            let end = months[2].upperBound
            let found = RetentionCalendar.periods(.month, 9, before: second, first: end + first)
            #expect(found == Array(months.prefix(first == 1 ? 2 : 3)))
        }
        let early = RetentionCalendar.period(.month, endingFrom: -1)
        #expect(text(early) == "1969-12-01T00:00:00Z 1970-01-01T00:00:00Z")
    }
}
