import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

/// A recorded history into which a faulty writer writes: what it writes has the right hashes, so
/// that only what the objects say shows the fault.
struct ForgedHistory {
    let store: MemoryStore
    let history: TableHistory
    /// Commits that no layout covers, by sequence, with what is forged of them.
    var commits: [CommitRecord]
    /// Commits that the layout covers, which nobody has deleted yet.
    private var covered: [CommitRecord] = []
    /// The newest layout, with what is forged of it.
    var layout: LayoutRecord?

    /// Four commits after the first; of them a layout covers three if `isLaidOut`.
    init(seed: UInt64, isLaidOut: Bool = false, schema: KeySchema = TestTable.schemas[0]) throws {
        store = MemoryStore(clock: ManualTime())
        let world = try RecordedHistory(
            try TestRepository(seed: seed, store: store), schema: schema)
        for _ in 0..<4 { try world.commit(seconds: 8) }
        if isLaidOut {
            covered = try world.test.reopened().history(of: "orders").commits
            _ = try compact(try world.test.reopened(), isForced: true)
        }
        history = try world.test.reopened().history(of: "orders")
        commits = history.commits
        layout = history.layout
    }

    /// Writes the commits and the layout as they are now, each commit after the one before it.
    func write() throws {
        var before: Hash256?
        for var commit in commits {
            if let before { commit.logical.before = before }
            before = commit.hash
            let name = ObjectName.commit(history.id, sequence: commit.logical.sequence).path
            try store.replace(name, try commit.seal())
        }
        for commit in covered where commit.logical.sequence < layout?.nextSequence ?? 0 {
            let name = ObjectName.commit(history.id, sequence: commit.logical.sequence).path
            try store.replace(name, try commit.seal())
        }
        if let layout {
            try store.replace(
                ObjectName.layout(history.id, number: layout.number).path, try layout.seal())
        }
    }

    /// Deletes the commits that the layout covers.
    mutating func forgetCovered() throws {
        for commit in covered {
            let name = ObjectName.commit(history.id, sequence: commit.logical.sequence).path
            try store.deleteIfPresent(name)
        }
        covered = []
    }

    enum Depth { case plain, decode, everySecond }

    /// The messages of a verification.
    func problems(_ depth: Depth) -> [String] {
        var options = VerificationOptions(data: .all, decodesPages: depth != .plain)
        options.provesEverySecond = depth == .everySecond
        return Repository.verify(
            store, environment: TestRepository.environment(seed: 1, workers: 1),
            options: options
        ).problems.map(\.message)
    }

    // MARK: Pages

    /// The changes of a commit's run, which is one leaf, without large values.
    func changes(_ place: Int) throws -> ChangeBuffer {
        var page = LeafPageReader(schema: history.record.keySchema)
        try page.open(try leaf(place), kind: .run)
        var changes = ChangeBuffer()
        _ = try page.next(into: &changes)
        return changes
    }

    /// The plain bytes of a commit's run.
    func leaf(_ place: Int) throws -> [UInt8] {
        let store = try BlobStore(self.store)
        store.addInline(commits[place].inline)
        return try store.plain(commits[place].pieces[0].tree.root, as: .runLeaf)
    }

    /// Puts other bytes where a commit's run is.
    mutating func replaceLeaf(_ place: Int, _ plain: [UInt8]) {
        let blob = EncodedBlob(.runLeaf, plain: plain.raw)
        commits[place].inline = blob.bytes
        commits[place].pieces[0].tree.root = blob.id
    }

    /// Replaces a commit's run by these changes, with all sums that follow from them.
    mutating func replaceRun(_ place: Int, _ changes: borrowing ChangeBuffer) throws {
        let (entry, blob) = try Self.leaf(
            changes, 0..<changes.count, history.record.keySchema)
        commits[place].inline = blob.bytes
        commits[place].pieces[0].tree = TreeReference(
            entries: entry.entries, height: 0, root: blob.id, weight: entry.weight,
            digest: entry.digest, storedBytes: UInt64(blob.bytes.count))
        commits[place].logical.changeDigest = entry.digest
        commits[place].logical.changes = entry.entries
    }

    /// Replaces a commit's run by an index page of the leaves that hold these parts of it.
    mutating func split(
        _ place: Int, _ parts: [Range<Int>], _ change: (inout [IndexEntry]) -> Void = { _ in }
    ) throws {
        let changes = try changes(place)
        var entries: [IndexEntry] = []
        var inline: [UInt8] = []
        for part in parts {
            let (entry, blob) = try Self.leaf(changes, part, history.record.keySchema)
            entries.append(entry)
            inline += blob.bytes
        }
        change(&entries)
        var plain = ByteWriter(capacity: 1 << 10)
        IndexPage(kind: .run, level: 1, children: entries).encode(into: &plain)
        let page = EncodedBlob(.runIndex, plain: plain.bytes)
        let sums = IndexEntry(over: entries, id: page.id)
        commits[place].inline = inline + page.bytes
        commits[place].pieces[0].tree = TreeReference(
            entries: sums.entries, height: 1, root: page.id, weight: sums.weight,
            digest: sums.digest, storedBytes: 1)
        commits[place].logical.changeDigest = sums.digest
    }

    /// Moves the changes of a commit's second to another, with all sums but the checkpoints'.
    mutating func moveChanges(_ place: Int, from old: Instant, to new: Instant) throws {
        let changes = try changes(place)
        var moved = ChangeBuffer()
        for index in 0..<changes.count {
            var stamp = changes.stamps[index]
            if old.microseconds - 1_000_000..<old.microseconds ~= stamp.time {
                stamp.time += new.microseconds - old.microseconds
            }
            moved.rows.append(key: changes.rows.key(index), value: changes.rows.value(index))
            moved.stamps.append(stamp)
        }
        try replaceRun(place, moved)
    }

    /// Replaces the checkpoint page of the layout, which has one.
    mutating func replaceCheckpoints(
        _ change: (inout [CheckpointRecord]) -> Void
    ) throws {
        guard var layout, let root = layout.checkpoints else { return }
        let blobs = try BlobStore(store)
        blobs.addInline(layout.inline)
        let old = try blobs.plain(root, as: .checkpointLeaf)
        let page = try CheckpointLeaf(old.raw)
        var points = page.checkpoints
        change(&points)
        var plain = ByteWriter(capacity: 1 << 10)
        CheckpointLeaf(checkpoints: points, firstDigest: page.firstDigest).encode(into: &plain)
        let blob = EncodedBlob(.checkpointLeaf, plain: plain.bytes)
        layout.inline += blob.bytes
        layout.checkpoints = blob.id
        self.layout = layout
    }

    private static func leaf(
        _ changes: borrowing ChangeBuffer, _ range: Range<Int>, _ schema: KeySchema
    ) throws -> (entry: IndexEntry, blob: EncodedBlob) {
        var plain = ByteWriter(capacity: 1 << 16)
        var encoder = LeafPageEncoder(schema: schema)
        try encoder.encodeRun(changes: changes, range: range, into: &plain)
        let blob = EncodedBlob(.runLeaf, plain: plain.bytes)
        var entry = IndexEntry(entries: UInt64(range.count))
        entry.id = blob.id
        let last = range.upperBound - 1
        entry.lastKey = changes.rows.keyBytes(last)
        (entry.lastTime, entry.lastSequence) =
            (changes.stamps[last].time, changes.stamps[last].sequence)
        entry.digest = ItemDigest.changeDigest(of: changes, range)
        (entry.leastTime, entry.greatestTime) = (.max, .min)
        for index in range {
            entry.weight += try CutWeight.change(
                keyBytes: changes.rows.key(index).byteCount, value: changes.rows.value(index))
            entry.leastTime = min(entry.leastTime, changes.stamps[index].time)
            entry.greatestTime = max(entry.greatestTime, changes.stamps[index].time)
        }
        return (entry, blob)
    }
}
