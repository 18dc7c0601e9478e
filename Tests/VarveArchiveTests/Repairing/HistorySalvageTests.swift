import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

@testable import VarveArchive

/// Which commits of a chain with holes can be used.
@Suite("Salvage of commits")
struct HistorySalvageTests {
    private static let record = TableRecord(
        name: "orders", ordinal: 0, arn: "", serviceID: "", created: 0,
        keySchema: TestTable.schemas[0])

    /// A chain: the first commit is a full copy, and so are some others; the others are runs.
    private static func chain(
        _ count: Int, isCopy: (Int) -> Bool, isTail: (Int) -> Bool = { _ in false }
    ) -> [CommitRecord] {
        let id = TableID(hexadecimal: String(repeating: "07", count: 16))!
        var commits: [CommitRecord] = []
        var before = record.hash
        var end = TestRepository.instant(0).microseconds
        for sequence in 0..<count {
            let begins = sequence == 0 || isCopy(sequence)
            let from = end
            end = end - end % 1_000_000 + 1_000_000 + (isTail(sequence) ? 500_000 : 0)
            let piece = Piece(
                kind: begins ? .image : .run, from: begins ? end : from, to: end, tree: .empty)
            let logical = CommitRecord.Logical(
                table: id, sequence: UInt64(sequence), before: before, beginsRange: begins,
                isExactAtCheckpointsOnly: false, from: begins ? end : from, to: end,
                checkpoints: [], changes: 0, items: 0, bytes: 0, digest: .zero,
                changeDigest: .zero, sourceKind: "test")
            let commit = CommitRecord(
                logical: logical, written: 0, pieces: [piece], inline: [])
            before = commit.hash
            commits.append(commit)
        }
        return commits
    }

    private static func history(_ commits: [CommitRecord]) throws -> TableHistory {
        let test = try TestRepository(seed: 1)
        return TableHistory(
            id: commits[0].logical.table, record: record, layoutNumber: 0, layout: nil,
            commits: commits, backups: [], blobs: test.repository.blobs)
    }

    /// Against the plain rule: a run is of use if pieces of use make the state that it begins with.
    @Test(arguments: 1...40 as ClosedRange<UInt64>) func isWhatPiecesMake(seed: UInt64) throws {
        let random = SeededRandom(seed: seed)
        func below(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }
        let (copies, tails, holes) = (2 + below(9), 2 + below(9), 2 + below(9))
        var commits = Self.chain(
            60, isCopy: { _ in below(copies) == 0 }, isTail: { _ in below(tails) == 0 })
        let lost = Set(commits.filter { _ in below(holes) == 0 }.flatMap(\.pieces))
        for place in commits.indices.reversed() where below(holes) == 0 && commits.count > 2 {
            if place > 0, place < commits.count - 1 { commits.remove(at: place) }
        }
        var usable: [CommitRecord] = []
        var expected: UInt64 = 0
        for commit in commits {
            if commit.logical.sequence > expected {
                while let last = usable.last, !last.endsAtInstant { usable.removeLast() }
            }
            expected = commit.logical.sequence + 1
            if commit.pieces.contains(where: lost.contains) { continue }
            let pieces = usable.flatMap(\.pieces)
            let isMade = commit.pieces.allSatisfy {
                $0.kind == .image || PieceChain(pieces, to: $0.from) != nil
            }
            if isMade { usable.append(commit) }
        }
        while let last = usable.last, !last.endsAtInstant { usable.removeLast() }
        let salvage = HistorySalvage(try Self.history(commits), lost: lost, isCut: true)
        #expect(
            salvage?.usable.map(\.logical.sequence) == usable.map(\.logical.sequence),
            "seed \(seed)")
    }

    /// A hundred thousand commits, of which a few are lost, and one of whose pieces is.
    @Test(.timeLimit(.minutes(2))) func takesLittleTimeForMany() throws {
        var commits = Self.chain(100_000, isCopy: { $0 % 30_000 == 0 })
        let lost = Set(commits[70_000].pieces)
        commits.removeSubrange(40_000..<40_010)
        let history = try Self.history(commits)
        let clock = ContinuousClock()
        var salvage: HistorySalvage?
        let time = clock.measure { salvage = HistorySalvage(history, lost: lost) }
        #expect(salvage?.usable.count == 100_000 - 20_000 - 20_000)
        #expect(salvage?.losses.count == 2)
        #expect(time < .seconds(30))
    }
}
