import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

/// Random lives of a table: recording, gaps, compactions, prunings, thinnings, backups, in any
/// order. After each of them every checkpoint is what the model says, or refused.
struct HistoryLifeTests {
    @Test(arguments: LifeSeeds.chosen ?? 1...5)
    func everyCheckpointIsTheModels(seed: UInt64) throws {
        let life = try Life(seed: seed + 9_000)
        for step in 0..<14 {
            do {
                let what = try life.step()
                try life.check("seed \(seed), step \(step): \(what)", isLast: step == 13)
            } catch {
                Issue.record("seed \(seed), step \(step): \(error)")
                return
            }
        }
        var options = VerificationOptions(data: .all)
        options.provesEverySecond = true
        #expect(try life.world.open().verify(options).problems == [])
    }

    /// What a table's history is, and what of it can be restored.
    private final class Life {
        let world: RetentionWorld
        let random: SeededRandom
        /// Seconds from one to another that are exact throughout, ascending.
        var segments: [ClosedRange<Int64>]
        /// Seconds before the first of them that are exact as well.
        var points: Set<Int64> = []
        /// States that full copies gave.
        var copies: Set<Int64> = []
        var backups: Set<Int64> = []
        private let compactor: Compactor

        init(seed: UInt64) throws {
            world = try RetentionWorld(seed: seed, days: 1, largeEvery: seed % 4 == 0 ? 6 : 0)
            random = SeededRandom(seed: seed)
            segments = [0...world.end]
            compactor = Compactor(try world.open())
        }

        func below(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }

        /// Does something.
        /// - Returns: what.
        func step() throws -> String {
            switch below(10) {
            case 0...2:
                try world.extend(days: 1, every: 1 + below(4))
                segments[segments.count - 1] = segments[segments.count - 1].lowerBound...world.end
                return "recorded"
            case 3:
                try world.history.breakOff(seconds: 100 + below(9_000), changes: below(5))
                copies.insert(world.end)
                segments.append(world.end...world.end)
                world.setClock()
                return "broken off"
            case 4:
                try compact(world.open(), isForced: true)
                return "compacted"
            case 5:
                try compactor.collect(grace: 0)
                return "collected"
            case 6: return try backUp()
            case 7:
                let history = try world.open().history(of: "orders")
                guard let backup = history.backups.first else { return "nothing to forget" }
                try world.open().forget(history.id, [backup])
                backups.remove(backup.instant.second - TestRepository.start)
                return "forgot a backup"
            default:
                try world.promise(
                    days: UInt64(1 + below(4)), hourly: UInt64(below(2) * below(60)),
                    daily: UInt64(below(6)), weekly: UInt64(below(3)))
                return try prune(shrinks: below(2) == 0)
            }
        }

        private func backUp() throws -> String {
            let repository = try world.open()
            let history = try repository.history(of: "orders")
            let known = checkpoints.sorted()
            let second = known[below(known.count)]
            if backups.contains(second) { return "no backup" }
            let state = try HistoryModel.checkpoint(
                world.history.model.states[Int(second)], TestRepository.instant(second),
                changes: 0, schema: world.history.schema)
            let origin = history.origin(of: state.instant)
            _ = try repository.makeBackup(
                history, name: "at-\(second)", checkpoint: state,
                commitSequence: origin.sequence, commitHash: origin.hash, keepUntil: nil,
                source: "test")
            backups.insert(second)
            return "backed up \(second)"
        }

        // MARK: What should be

        /// Checkpoints that can be restored.
        var checkpoints: Set<Int64> {
            world.history.model.changedSeconds.union([0]).union(copies).filter(isExact)
        }

        func isExact(_ second: Int64) -> Bool {
            points.contains(second) || segments.contains { $0.contains(second) }
        }

        private func prune(shrinks: Bool) throws -> String {
            let repository = try world.open()
            let history = try repository.history(of: "orders")
            let policy = try repository.retention(of: history.id)
            let record = try #require(
                shrinks && policy.isShortened ? policy.newest : policy.longest)
            try world.prune(shrinks: shrinks)
            let now = world.clock
            let known = checkpoints.sorted()
            let begin = now - Int64(record.days) * 86_400
            guard let start = known.last(where: { $0 <= begin }), start > known[0] else {
                return "pruned nothing"
            }
            var kept = backups.filter { $0 < start }
            let periods: [(Int64, Int64, UInt64)] = [
                (3_600, 0, record.hourly), (86_400, 0, record.daily),
                (604_800, 345_600, record.weekly),
            ]
            for (length, offset, count) in periods {
                let first = now + TestRepository.start - offset
                var boundary = (first + length - 1) / length * length + offset
                for _ in 0..<count {
                    let second = boundary - TestRepository.start
                    if second < start, let state = known.last(where: { $0 <= second }) {
                        kept.insert(state)
                    }
                    boundary -= length
                }
            }
            points = points.filter { $0 >= start }.union(kept)
            segments = segments.filter { $0.upperBound >= start }
                .map { max($0.lowerBound, start)...$0.upperBound }
            return "pruned to \(start), keeping \(kept.count)"
        }

        // MARK: What is

        func check(_ label: String, isLast: Bool) throws {
            let repository = try world.open()
            let history = try repository.history(of: "orders")
            let changed = world.history.model.changedSeconds.union([0]).union(copies).sorted()
            for second in changed {
                let isThere = try world.isExact(repository, history, second)
                #expect(isThere == isExact(second), "second \(second), \(label)")
            }
            guard isLast else { return }
            for second in changed where second > 0 {
                let isThere = try world.isExact(repository, history, second - 1)
                #expect(isThere == isExact(second - 1), "second \(second) - 1, \(label)")
                if !isThere { try checkNearest(history, second - 1, label) }
            }
            try checkVersions(repository, history, label)
        }

        /// What is refused names the nearest that are exact.
        private func checkNearest(
            _ history: TableHistory, _ second: Int64, _ label: String
        ) throws {
            let nearest = try history.nearest(TestRepository.instant(second))
            var known = points
            for segment in segments {
                known.insert(segment.lowerBound)
                known.insert(segment.upperBound)
            }
            let before = known.filter { $0 < second }.max()
            let after = known.filter { $0 > second }.min()
            #expect(nearest.before == before.map(TestRepository.instant), "\(second), \(label)")
            #expect(nearest.after == after.map(TestRepository.instant), "\(second), \(label)")
        }

        /// Every version of the window is there.
        private func checkVersions(
            _ repository: Repository, _ history: TableHistory, _ label: String
        ) throws {
            let model = world.history.model
            for key in Set(model.versions.map(\.key)) {
                var found: [HistoryModel.Version] = []
                try repository.versions(of: key, in: history) {
                    // What a full copy holds is known to be there, not since when.
                    if !$0.isExact { return }
                    found.append(HistoryModel.Version(key: key, time: $0.time, value: $0.value))
                }
                for segment in segments {
                    let lower = TestRepository.instant(segment.lowerBound).microseconds
                    let upper = TestRepository.instant(segment.upperBound).microseconds
                    let expected = model.versions.filter {
                        $0.key == key && lower <= $0.time && $0.time < upper
                    }
                    let there = found.filter { lower <= $0.time && $0.time < upper }
                    #expect(there == expected, "\(label)")
                }
            }
        }
    }
}
