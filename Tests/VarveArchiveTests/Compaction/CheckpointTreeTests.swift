import Testing
import VarveBytes
import VarveFormat
import VarveStorage
@testable import VarveArchive

struct CheckpointTreeTests {
    private static func checkpoint(_ second: Int64) -> Checkpoint {
        Checkpoint(
            instant: TestRepository.instant(second), changes: UInt64(second % 7 + 1),
            items: UInt64(1000 + second % 100), bytes: UInt64(100_000 + second),
            digest: sha256([UInt8]("\(second)".utf8).raw))
    }

    /// Appends in parts of random size; reads back all that was appended.
    @Test(arguments: [1, 2, 3] as [UInt64]) func partsMakeOneTree(seed: UInt64) throws {
        let test = try TestRepository(seed: seed)
        let writer = BlobWriter(test.repository, purpose: "test", inlineBytesMax: 1 << 24)
        var root: Hash256?
        var seconds: [Int64] = []
        var next: Int64 = 0
        for _ in 0..<40 {
            let count = 1 + Int(test.random.next() % (seed == 1 ? 20 : 900))
            var points: [Checkpoint] = []
            for _ in 0..<count {
                next += 1 + Int64(test.random.next() % 3)
                points.append(Self.checkpoint(next))
            }
            seconds += points.map(\.instant.second)
            let tree = CheckpointTree(blobs: test.repository.blobs, writer: writer)
            root = try tree.append(points, to: root).root
            test.repository.blobs.addInline(try writer.finish())
        }
        let tree = CheckpointTree(blobs: test.repository.blobs, writer: writer)
        #expect(try tree.seconds(root!) == seconds)
        let entries = try tree.entries(root!)
        #expect(entries.dropLast().allSatisfy { $0.entries == 256 })
        for entry in entries {
            let leaf = try tree.leaf(entry.id)
            let first = Self.checkpoint(leaf.checkpoints[0].second - TestRepository.start)
            #expect(leaf.firstDigest == first.digest)
        }
    }

    /// An older copy comes in between.
    @Test(arguments: [0, 3, 511, 513, 1025, 2600] as [Int64])
    func olderCheckpointsPartALeaf(second: Int64) throws {
        let test = try TestRepository(seed: 9)
        let writer = BlobWriter(test.repository, purpose: "test", inlineBytesMax: 1 << 24)
        let tree = CheckpointTree(blobs: test.repository.blobs, writer: writer)
        let points = (1...1200).map { Self.checkpoint(Int64($0) * 2) }
        let first = try tree.append(points, to: nil)
        test.repository.blobs.addInline(try writer.finish())
        let second = try tree.append([Self.checkpoint(second)], to: first.root)
        test.repository.blobs.addInline(try writer.finish())
        let expected = Set(points.map(\.instant.second) + [TestRepository.start + Int64(0)])
        let found = try tree.seconds(second.root!)
        #expect(found == found.sorted() && found.count == 1201)
        #expect(Set(found).isSuperset(of: expected.subtracting([TestRepository.start])))
    }

    /// A day of a checkpoint a second: a layout rewrites little, a checkpoint takes few bytes.
    @Test func aCheckpointTakesSixBytes() throws {
        let test = try TestRepository(seed: 10)
        var root: Hash256?
        var written = 0
        for round in 0..<400 {
            let writer = BlobWriter(test.repository, purpose: "test", inlineBytesMax: 1 << 24)
            let tree = CheckpointTree(blobs: test.repository.blobs, writer: writer)
            root = try tree.append(
                (0..<256).map { Self.checkpoint(Int64(round * 256 + $0)) }, to: root).root
            let bytes = try writer.finish()
            written = max(written, bytes.count)
            test.repository.blobs.addInline(bytes)
        }
        #expect(written < 30_000)
        let tree = CheckpointTree(
            blobs: test.repository.blobs, writer: BlobWriter(test.repository, purpose: "test"))
        let bytes = try tree.entries(root!).reduce(0) {
            $0 + (try test.repository.blobs.record($1.id).bytes.count)
        }
        #expect(bytes < 400 * 256 * 7, "\(Double(bytes) / (400 * 256)) bytes a checkpoint")
    }
}
