import Testing
import VarveBytes
import VarveFormat
import VarveModel
@testable import VarveArchive

/// Holds a repository against what the model says of a table: every checkpoint, with its digest.
struct LifeCheck {
    let table: PlainTable
    let kept: Kept
    /// Whether it may have more than it must, for nothing was pruned there.
    let isReplica: Bool
    /// Whether times may have moved forward within their seconds.
    let hasTails: Bool
    let label: String

    /// - Returns: how many seconds were looked at.
    func run(_ repository: Repository, _ name: String, isLast: Bool) throws -> Int {
        let history = try repository.history(of: name)
        try checkList(history)
        let seconds = kept.stored.union(table.seconds.filter { $0 <= end }).sorted()
        for second in seconds { try check(second, repository, history) }
        for (backup, second) in kept.backups {
            let record = try history.backup(named: backup)
            #expect(record.instant == TestRepository.instant(second), "\(backup), \(label)")
            try compare(try history.plan(of: record), second, repository, history)
        }
        guard isLast else { return seconds.count }
        for second in seconds where second > 0 {
            try check(second - 1, repository, history)
            if !isReplica, !kept.isExact(second - 1) { try checkNearest(history, second - 1) }
        }
        try checkNewest(repository, history)
        try checkVersions(repository, history)
        return 2 * seconds.count
    }

    /// The last second that was recorded, or copied.
    private var end: Int64 { kept.segments[kept.segments.count - 1].upperBound }

    // MARK: Lists

    /// The checkpoints that are listed, with their digests and sizes.
    private func checkList(_ history: TableHistory) throws {
        var points = history.checkpoints()
        var found: Set<Int64> = []
        while let point = try points.next() {
            let second = point.instant.second - TestRepository.start
            #expect(found.insert(second).inserted, "second \(second), \(label)")
            let expected = table.checkpoint(at: second)
            #expect(point.digest.agrees(with: expected.digest), "second \(second), \(label)")
            #expect(point.items == expected.items, "second \(second), \(label)")
            #expect(point.bytes == expected.bytes, "second \(second), \(label)")
            let isWithin = kept.segments.contains { $0.lowerBound < second && $0.contains(second) }
            if !isReplica, isWithin {
                #expect(point.changes == table.changes(at: second), "second \(second), \(label)")
            }
        }
        if isReplica {
            #expect(found.isSuperset(of: kept.listed), "\(label)")
            #expect(!found.contains(where: kept.isInDoubt), "\(label)")
        } else {
            #expect(found == kept.listed, "\(label)")
        }
    }

    // MARK: States

    /// A state is there and right, or refused.
    private func check(
        _ second: Int64, _ repository: Repository, _ history: TableHistory
    ) throws {
        let plan: StatePlan
        do throws(VarveError) {
            plan = try history.soundPlan(at: TestRepository.instant(second))
        } catch {
            guard error.code == .notFound else { throw error }
            #expect(!kept.isExact(second), "second \(second), \(label)")
            return
        }
        if isReplica {
            #expect(!kept.isInDoubt(second), "second \(second), \(label)")
        } else {
            #expect(kept.isExact(second), "second \(second), \(label)")
        }
        try compare(plan, second, repository, history)
    }

    private func compare(
        _ plan: StatePlan, _ second: Int64, _ repository: Repository, _ history: TableHistory
    ) throws {
        let expected = table.checkpoint(at: second)
        let rows = try RetentionWorld.read(repository, plan, history.record.keySchema)
        #expect(rows == table.state(at: second), "second \(second), \(label)")
        #expect(plan.checkpoint.digest.agrees(with: expected.digest), "\(second), \(label)")
        #expect(plan.checkpoint.items == expected.items, "\(second), \(label)")
        #expect(plan.checkpoint.bytes == expected.bytes, "\(second), \(label)")
    }

    private func checkNewest(_ repository: Repository, _ history: TableHistory) throws {
        if isReplica { return }
        let newest = try #require(kept.listed.max())
        #expect(try history.latest?.instant == TestRepository.instant(newest), "\(label)")
        let head = history.chainHead
        guard let to = head.to, to % 1_000_000 == 0 else { return }
        try compare(try history.newestPlan(), newest, repository, history)
    }

    /// What is refused names the nearest that are exact.
    private func checkNearest(_ history: TableHistory, _ second: Int64) throws {
        let nearest = try history.nearest(TestRepository.instant(second))
        let ends = kept.ends
        let before = ends.filter { $0 < second }.max().map(TestRepository.instant)
        let after = ends.filter { $0 > second }.min().map(TestRepository.instant)
        #expect(nearest.before == before, "\(second), \(label)")
        #expect(nearest.after == after, "\(second), \(label)")
    }

    // MARK: Versions

    /// Every version of the seconds that are exact throughout is there.
    private func checkVersions(_ repository: Repository, _ history: TableHistory) throws {
        var expected: [[UInt8]: [HistoryModel.Version]] = [:]
        for version in table.versions { expected[version.key, default: []].append(version) }
        for (key, versions) in expected {
            var found: [HistoryModel.Version] = []
            try repository.versions(of: key, in: history) {
                // What a full copy holds is known to be there, not since when.
                if !$0.isExact { return }
                found.append(HistoryModel.Version(key: key, time: $0.time, value: $0.value))
            }
            for segment in kept.segments {
                let times = TestRepository.instant(segment.lowerBound).microseconds
                    ..< TestRepository.instant(segment.upperBound).microseconds
                let wanted = versions.filter { times.contains($0.time) }.map(told)
                let there = found.filter { times.contains($0.time) }.map(told)
                #expect(there == wanted, "\(label)")
            }
        }
    }

    private func told(_ version: HistoryModel.Version) -> HistoryModel.Version {
        var result = version
        if hasTails { result.time -= result.time % 1_000_000 }
        return result
    }
}
