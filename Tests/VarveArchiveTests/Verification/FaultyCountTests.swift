import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

/// Faults of a writer that the times of changes and other commits show. Source: Spec 09, Commit.
@Suite("Verification: checkpoints and their changes")
struct FaultyCountTests {
    private func check(
        _ words: String, _ depth: ForgedHistory.Depth, isLaidOut: Bool = false,
        seed: UInt64 = 220, _ change: (inout ForgedHistory) throws -> Void
    ) throws {
        var forged = try ForgedHistory(seed: seed, isLaidOut: isLaidOut)
        try change(&forged)
        try forged.write()
        let problems = forged.problems(depth)
        #expect(problems.contains { $0.contains(words) }, "\(words): \(problems)")
    }

    @Test func checkpointsCountTheChangesOfTheirSeconds() throws {
        try check("the checkpoints count", .plain) {
            $0.commits[2].logical.checkpoints[0].changes += 1
        }
        try check("the checkpoints count", .plain) {
            $0.commits[2].logical.checkpoints.remove(at: 1)
        }
        // The sum is right, the seconds are not.
        try check("counts", .decode) {
            $0.commits[2].logical.checkpoints[0].changes += 1
            $0.commits[2].logical.checkpoints[1].changes -= 1
        }
    }

    @Test func changesHaveTheTimesThatAreCounted() throws {
        try check("changes; there are", .decode) { forged in
            let points = forged.commits[2].logical.checkpoints
            try forged.moveChanges(2, from: points[1].instant, to: points[0].instant)
        }
        // A second of changes is counted with the one before it.
        try check("there is no checkpoint of that second", .decode) { forged in
            let points = forged.commits[2].logical.checkpoints
            let gap = try #require(
                points.indices.dropFirst().first {
                    points[$0].instant.second - points[$0 - 1].instant.second == 1
                })
            forged.commits[2].logical.checkpoints[gap].changes += points[gap - 1].changes
            forged.commits[2].logical.checkpoints.remove(at: gap - 1)
            let between = try #require(Instant(second: points[gap].instant.second - 1))
            try forged.moveChanges(2, from: points[gap - 1].instant, to: between)
        }
    }

    @Test func netChangesHaveOneCheckpoint() throws {
        try check("exact at its end alone", .plain) {
            $0.commits[4].logical.isExactAtCheckpointsOnly = true
        }
    }

    @Test func copiesStayOutOfRangesThatAreExact() throws {
        try check("range is exact already", .plain) { forged in
            var copy = forged.commits[0]
            copy.logical.sequence = 5
            copy.logical.isExactAtCheckpointsOnly = true
            let instant = try #require(forged.commits[2].logical.checkpoints.first?.instant)
            copy.logical.from = instant.microseconds
            copy.logical.to = instant.microseconds
            copy.pieces[0].from = instant.microseconds
            copy.pieces[0].to = instant.microseconds
            copy.logical.checkpoints = [
                CommitRecord.Checkpoint(
                    instant: instant, changes: 0, items: copy.logical.items,
                    bytes: copy.logical.bytes, digest: copy.logical.digest)
            ]
            forged.commits.append(copy)
        }
    }

    // MARK: Layouts and the commits that they cover

    @Test func layoutsKeepTheCheckpointsOfTheirCommits() throws {
        try check("says that its commits are", .plain, isLaidOut: true) {
            $0.layout?.ranges[0].firstSequence += 3
        }
        try check("which a commit recorded", .plain, isLaidOut: true) {
            try $0.replaceCheckpoints { $0.remove(at: 2) }
        }
        try check("is not the one that a commit recorded", .plain, isLaidOut: true) {
            try $0.replaceCheckpoints { $0[2].items += 1 }
        }
        try check("is not the one that a commit recorded", .plain, isLaidOut: true) {
            try $0.replaceCheckpoints { $0[2].changes += 1 }
        }
        try check("the checkpoints count", .plain, isLaidOut: true) {
            try $0.replaceCheckpoints { $0[2].changes += 1 }
        }
    }

    // MARK: Trees

    @Test func pagesEndWhereTheRuleSays() throws {
        try check("not cut where they must be", .decode) { forged in
            let count = try forged.changes(2).count
            try forged.split(2, [0..<count / 2, count / 2..<count])
        }
    }

    @Test func leavesFollowEachOther() throws {
        try check("its keys begin before those of the page before it end", .decode) { forged in
            let count = try forged.changes(2).count
            try forged.split(2, [0..<count / 2 + 1, count / 2..<count])
        }
    }

    @Test func itemsHaveALimit() throws {
        for size in [90_000, 110_000] {
            var forged = try ForgedHistory(seed: 221)
            let changes = try forged.changes(2)
            let text = String(repeating: "x", count: size)
            let item = Item((0..<4).map { (name: "a\($0)", value: .string(text)) })
            var inline: [UInt8] = []
            var outlined = ByteWriter(capacity: 1 << 10)
            _ = try Outlining.outline(item.canonicalBytes.raw, into: &outlined) {
                (plain) throws(VarveError) -> Hash256 in
                let blob = EncodedBlob(.outlinedValue, plain: plain)
                inline += blob.bytes
                return blob.id
            }
            var other = ChangeBuffer()
            for index in 0..<changes.count {
                var stamp = changes.stamps[index]
                stamp.kind = .put
                other.rows.append(key: changes.rows.key(index), value: outlined.bytes)
                other.stamps.append(stamp)
            }
            try forged.replaceRun(2, other)
            forged.commits[2].inline += inline
            try forged.write()
            let isTold = forged.problems(.decode).contains { $0.contains("more than 409600") }
            #expect(isTold == (size > 100_000))
        }
    }
}
