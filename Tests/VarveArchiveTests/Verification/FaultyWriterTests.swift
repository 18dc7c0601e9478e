import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

/// Faults of a writer that no hash shows. Source: Spec 11, Verification.
@Suite("Verification: faulty writers")
struct FaultyWriterTests {
    @Test(arguments: [false, true]) func whatIsRightIsRight(isLaidOut: Bool) throws {
        var forged = try ForgedHistory(seed: 200, isLaidOut: isLaidOut)
        if !isLaidOut { try forged.replaceRun(2, try forged.changes(2)) }
        try forged.write()
        #expect(forged.problems(.plain) == [])
        #expect(forged.problems(.decode) == [])
    }

    // MARK: Pages that commits carry

    @Test func carriedPagesAreDecoded() throws {
        for fault in 0..<3 {
            var forged = try ForgedHistory(seed: 201)
            var plain = try forged.leaf(2)
            switch fault {
            case 0: plain.append(0)
            case 1: plain[3] += 1
            default: plain[1] = 2
            }
            forged.replaceLeaf(2, plain)
            try forged.write()
            #expect(forged.problems(.plain) == [], "fault \(fault)")
            #expect(
                forged.problems(.decode).contains { $0.contains("which it carries") },
                "fault \(fault)")
        }
    }

    @Test func keyAttributesAreNoColumns() throws {
        var forged = try ForgedHistory(seed: 202)
        let changes = try forged.changes(2)
        var other = ChangeBuffer()
        let item = Item([(name: "id", value: .string("z"))])
        for index in 0..<changes.count {
            var stamp = changes.stamps[index]
            stamp.kind = .put
            other.rows.append(key: changes.rows.key(index), value: item.canonicalBytes.raw)
            other.stamps.append(stamp)
        }
        try forged.replaceRun(2, other)
        try forged.write()
        #expect(forged.problems(.plain) == [])
        #expect(forged.problems(.decode).contains { $0.contains("a key attribute") })
    }

    // MARK: What names a leaf

    @Test func treesSayWhatTheirLeafHolds() throws {
        var digest = try ForgedHistory(seed: 203)
        let more = sha256([1].raw)
        digest.commits[2].pieces[0].tree.digest = digest.commits[2].logical.changeDigest &+ more
        digest.commits[2].logical.changeDigest = digest.commits[2].pieces[0].tree.digest
        try digest.write()
        #expect(digest.problems(.plain) == [])
        #expect(digest.problems(.decode).contains { $0.hasSuffix("than it holds: its digest") })

        var weight = try ForgedHistory(seed: 203)
        weight.commits[2].pieces[0].tree.weight += 1
        try weight.write()
        #expect(weight.problems(.decode).contains { $0.hasSuffix("than it holds: its weight") })

        var entries = try ForgedHistory(seed: 203)
        entries.commits[2].pieces[0].tree.entries += 1
        entries.commits[2].logical.changes += 1
        try entries.write()
        #expect(
            entries.problems(.decode).contains { $0.hasSuffix("holds: its number of entries") })
    }

    @Test func indexPagesSayWhatTheirLeavesHold() throws {
        let faults: [(title: String, change: (inout [IndexEntry]) -> Void)] = [
            (": its digest", {
                let more = sha256([1].raw)
                ($0[0].digest, $0[1].digest) = ($0[0].digest &+ more, $0[1].digest &+ more)
            }),
            (": its weight", { $0[0].weight += 1 }),
            (": its number of entries", { $0[0].entries += 1 }),
            (": its last entry", { $0[1].lastKey.append(0x7a) }),
            (": the times of its changes", { $0[1].leastTime += 1 }),
        ]
        for fault in faults {
            var forged = try ForgedHistory(seed: 204)
            let count = try forged.changes(2).count
            try forged.split(2, [0..<count / 2, count / 2..<count], fault.change)
            try forged.write()
            #expect(
                forged.problems(.decode).contains { $0.hasSuffix(fault.title) }, "\(fault.title)")
        }
    }

    @Test func aRootHasTwoChildren() throws {
        var forged = try ForgedHistory(seed: 205)
        try forged.split(2, [0..<(try forged.changes(2).count)])
        try forged.write()
        #expect(forged.problems(.plain).contains { $0.contains("the root has one child") })
    }

    // MARK: Structure

    /// What a fault of a commit is, and the words that tell of it.
    private func check(
        _ words: String, isLaidOut: Bool = false, _ change: (inout ForgedHistory) -> Void
    ) throws {
        var forged = try ForgedHistory(seed: 206, isLaidOut: isLaidOut)
        change(&forged)
        try forged.write()
        let problems = forged.problems(.plain)
        #expect(problems.contains { $0.contains(words) }, "\(words): \(problems)")
    }

    @Test func commitsFitTheirPieces() throws {
        try check("of another stretch of time") { $0.commits[1].pieces[0].to += 3_000_000 }
        try check("counts other changes") { $0.commits[1].logical.changes += 1 }
        try check("2 pieces, not one") { $0.commits[1].pieces.append($0.commits[1].pieces[0]) }
        try check("0 pieces, not one") { $0.commits[1].pieces = [] }
        try check("the first commit does not begin a range") {
            $0.commits[0].logical.beginsRange = false
        }
        try check("yet counts changes") { $0.commits[0].logical.changes = 5 }
        try check("yet counts changes") { $0.commits[0].logical.checkpoints[0].changes = 5 }
        try check("yet a change digest") { $0.commits[0].logical.changeDigest = sha256([1].raw) }
        try check("does not go on where") {
            $0.commits[2].logical.from -= 1_000_000
            $0.commits[2].pieces[0].from -= 1_000_000
        }
    }

    @Test func emptyCommitsChangeNothing() throws {
        func empty(_ forged: ForgedHistory) -> CommitRecord {
            var commit = forged.commits[4]
            commit.logical.sequence = 5
            (commit.logical.beginsRange, commit.logical.isExactAtCheckpointsOnly) = (true, true)
            commit.logical.from = commit.logical.to
            (commit.logical.checkpoints, commit.logical.changes) = ([], 0)
            commit.logical.changeDigest = .zero
            (commit.pieces, commit.inline) = ([], [])
            return commit
        }
        var right = try ForgedHistory(seed: 206)
        right.commits.append(empty(right))
        try right.write()
        #expect(right.problems(.plain) == [])
        try check("the empty commit does not have") {
            $0.commits.append(empty($0))
            $0.commits[5].logical.items += 1
        }
        try check("the empty commit does not have") {
            $0.commits.append(empty($0))
            $0.commits[5].logical.from += 1_000_000
            $0.commits[5].logical.to += 1_000_000
        }
    }

    @Test func nothingGoesOnWhereARangeIsClosed() throws {
        try check("where the range was closed") { forged in
            let before = forged.commits[2].logical
            forged.commits[3].logical.closesRange = true
            forged.commits[3].logical.to = before.to
            forged.commits[3].logical.checkpoints = []
            forged.commits[3].logical.changes = 0
            forged.commits[3].logical.changeDigest = .zero
            forged.commits[3].logical.items = before.items
            forged.commits[3].logical.bytes = before.bytes
            forged.commits[3].logical.digest = before.digest
            forged.commits[3].pieces[0].to = before.to
            forged.commits[3].pieces[0].tree = .empty
            forged.commits[4].logical.from = before.to
            forged.commits[4].pieces[0].from = before.to
        }
        try check("where the range was closed", isLaidOut: true) {
            $0.layout?.ranges[0].isClosed = true
        }
    }

    @Test func layoutsFitTheirPieces() throws {
        func check(_ words: String, _ change: (inout LayoutRecord) -> Void) throws {
            try self.check(words, isLaidOut: true) { forged in
                guard var layout = forged.layout else { return }
                change(&layout)
                forged.layout = layout
            }
        }
        try check("its runs overlap") { layout in
            guard var run = layout.pieces.last(where: { $0.kind == .run }) else { return }
            run.from += 1_000_000
            layout.pieces.append(run)
        }
        try check("no run holds what follows") {
            guard let to = Instant(second: $0.ranges[0].to.second + 1) else { return }
            $0.ranges[0].to = to
        }
        try check("another state than its checkpoint") { $0.ranges[0].items += 1 }
        try check("another state than its checkpoint") { $0.ranges[0].bytes += 1 }
        try check("another commit than the layout") { $0.ranges[0].lastHash = sha256([1].raw) }
        try check("lies in no range") {
            guard let from = Instant(second: $0.ranges[0].from.second + 1) else { return }
            $0.ranges[0].from = from
        }
    }

    @Test func aLayoutPassesOverNoCommit() throws {
        var forged = try ForgedHistory(seed: 207, isLaidOut: true)
        try #require(forged.commits.count == 1)
        forged.layout?.nextSequence += 1
        try forged.write()
        #expect(forged.problems(.plain).contains { $0.contains("passes over the commit") })
    }
}
