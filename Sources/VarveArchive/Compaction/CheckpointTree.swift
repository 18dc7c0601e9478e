import VarveBytes
import VarveFormat

/// Writes the checkpoints that a layout covers, as pages. Source: Spec 07, Checkpoint pages.
struct CheckpointTree {
    /// A tree and what became of the one before.
    struct Outcome {
        /// Nil if there are no checkpoints.
        var root: Hash256?
        /// Pages of the tree before that this one lacks, if it grew out of that one.
        var replaced: Set<Hash256> = []
        /// Pages of this tree, if it was made anew.
        var pages: Set<Hash256>?

        /// Whether a page that a layout carries belongs to the tree.
        func needs(_ page: Hash256) -> Bool { pages?.contains(page) ?? !replaced.contains(page) }
    }

    /// A leaf of a tree that is made anew.
    enum Leaf {
        /// One that is there.
        case known(SpanEntry)
        /// Up to 256 checkpoints, ascending, and the whole digest of the first.
        case made([CheckpointRecord], Hash256)
    }

    let blobs: BlobStore
    let writer: BlobWriter

    // MARK: Appending

    /// Adds checkpoints: rewrites the last leaf and the index pages above it, and reads no others.
    /// One that lies before the last of the tree parts a leaf.
    ///
    /// - Parameters:
    ///   - checkpoints: ascending, digests whole. One of an instant that the tree has is passed
    ///     over.
    ///   - root: of the tree before.
    func append(_ checkpoints: [Checkpoint], to root: Hash256?) throws -> Outcome {
        guard let root else { return try write(Self.leaves(of: checkpoints)) }
        if checkpoints.isEmpty { return Outcome(root: root) }
        var spine: [(id: Hash256, page: SpanIndexPage)] = []
        var last = root
        while let page = try index(last) {
            spine.append((last, page))
            last = page.children[page.children.count - 1].id
        }
        let leaf = try leaf(last)
        if checkpoints[0].instant.second <= leaf.checkpoints[leaf.checkpoints.count - 1].second {
            return try insert(checkpoints, into: root)
        }
        var outcome = Outcome(root: root)
        var made: [SpanEntry] = []
        var rest = checkpoints[...]
        let room = CheckpointLeaf.countMax - leaf.checkpoints.count
        let fillsLeaf = room > 0
        if fillsLeaf {
            outcome.replaced.insert(last)
            let records = leaf.checkpoints + rest.prefix(room).map(CheckpointRecord.init)
            made.append(try put(records, leaf.firstDigest))
            rest = rest.dropFirst(room)
        }
        for leaf in Self.leaves(of: Array(rest)) {
            if case .made(let records, let digest) = leaf { made.append(try put(records, digest)) }
        }
        if spine.isEmpty, !fillsLeaf { made.insert(Self.entry(last, leaf.checkpoints), at: 0) }
        var dropsLast = fillsLeaf
        for (id, page) in spine.reversed() {
            outcome.replaced.insert(id)
            made = try index(page.children.dropLast(dropsLast ? 1 : 0) + made, level: page.level)
            dropsLast = true
        }
        outcome.root = try top(made, level: spine.first?.page.level ?? 0)
        return outcome
    }

    /// Checkpoints among those of the tree: all its index pages are written anew.
    private func insert(_ checkpoints: [Checkpoint], into root: Hash256) throws -> Outcome {
        try write(try insert(checkpoints, into: try entries(root).map { .known($0) }))
    }

    /// Leaves with others' checkpoints among theirs, and after them.
    /// - Parameter checkpoints: ascending, digests whole. One of an instant that the leaves have is
    ///   passed over.
    func insert(_ checkpoints: [Checkpoint], into known: [Leaf]) throws -> [Leaf] {
        var leaves: [Leaf] = []
        var rest = checkpoints[...]
        for leaf in known {
            let within = rest.prefix { $0.instant.second <= leaf.lastSecond }
            rest = rest.dropFirst(within.count)
            if within.isEmpty {
                leaves.append(leaf)
                continue
            }
            switch leaf {
            case .known(let entry):
                leaves += Self.parted(try self.leaf(entry.id), by: Array(within))
            case .made(let records, let digest):
                leaves += Self.parted(
                    CheckpointLeaf(checkpoints: records, firstDigest: digest), by: Array(within))
            }
        }
        return leaves + Self.leaves(of: Array(rest))
    }

    /// A leaf with others among its checkpoints. A checkpoint whose digest is told in part cannot
    /// begin a leaf, so that each of the others does.
    private static func parted(_ leaf: CheckpointLeaf, by others: [Checkpoint]) -> [Leaf] {
        let own = leaf.checkpoints
        var result: [Leaf] = []
        var part: [CheckpointRecord] = []
        var digest = leaf.firstDigest
        var place = 0
        for other in others {
            while place < own.count, own[place].second < other.instant.second {
                part.append(own[place])
                place += 1
            }
            if place < own.count, own[place].second == other.instant.second { continue }
            if place == 0 {
                result.append(.made([CheckpointRecord(other)], other.digest))
                continue
            }
            if !part.isEmpty { result.append(.made(part, digest)) }
            (part, digest) = ([CheckpointRecord(other)], other.digest)
        }
        part += own[place...]
        result.append(.made(part, digest))
        return result
    }

    // MARK: Making anew

    /// Leaves of checkpoints with whole digests.
    static func leaves(of checkpoints: [Checkpoint]) -> [Leaf] {
        stride(from: 0, to: checkpoints.count, by: CheckpointLeaf.countMax).map { start in
            let end = min(start + CheckpointLeaf.countMax, checkpoints.count)
            return .made(
                checkpoints[start..<end].map(CheckpointRecord.init), checkpoints[start].digest)
        }
    }

    /// Writes a tree of leaves, in order of time.
    func write(_ leaves: [Leaf]) throws -> Outcome {
        var pages: Set<Hash256> = []
        var level: [SpanEntry] = []
        for leaf in leaves {
            switch leaf {
            case .known(let entry): level.append(entry)
            case .made(let records, let digest): level.append(try put(records, digest))
            }
        }
        pages.formUnion(level.map(\.id))
        var height: UInt8 = 0
        while level.count > 1 {
            height += 1
            level = try index(level, level: height)
            pages.formUnion(level.map(\.id))
        }
        return Outcome(root: level.first?.id, pages: pages)
    }

    // MARK: Pages

    private func put(_ records: [CheckpointRecord], _ digest: Hash256) throws -> SpanEntry {
        var plain = ByteWriter(capacity: 4096)
        CheckpointLeaf(checkpoints: records, firstDigest: digest).encode(into: &plain)
        let blob = EncodedBlob(.checkpointLeaf, plain: plain.bytes)
        try writer.add(blob)
        return Self.entry(blob.id, records)
    }

    static func entry(_ id: Hash256, _ records: [CheckpointRecord]) -> SpanEntry {
        SpanEntry(
            first: records[0].second, last: records[records.count - 1].second,
            entries: UInt64(records.count), id: id)
    }

    /// Index pages over children, each as full as may be.
    private func index(_ children: [SpanEntry], level: UInt8) throws -> [SpanEntry] {
        var result: [SpanEntry] = []
        for start in stride(from: 0, to: children.count, by: SpanIndexPage.countMax) {
            let part = Array(children[start..<min(start + SpanIndexPage.countMax, children.count)])
            var plain = ByteWriter(capacity: 4096)
            SpanIndexPage(kind: .checkpoints, level: level, children: part).encode(into: &plain)
            let blob = EncodedBlob(.checkpointIndex, plain: plain.bytes)
            try writer.add(blob)
            result.append(
                SpanEntry(
                    first: part[0].first, last: part[part.count - 1].last,
                    entries: part.reduce(0) { $0 + $1.entries }, id: blob.id))
        }
        return result
    }

    /// The root over pages of a level.
    private func top(_ pages: [SpanEntry], level: UInt8) throws -> Hash256? {
        var pages = pages
        var level = level
        while pages.count > 1 {
            level += 1
            pages = try index(pages, level: level)
        }
        return pages.first?.id
    }

    /// The index page; nil if it is a leaf.
    private func index(_ id: Hash256) throws(VarveError) -> SpanIndexPage? {
        let plain = try blobs.plain(id, asAnyOf: [.checkpointLeaf, .checkpointIndex])
        guard plain.first == BlobType.checkpointIndex.rawValue else { return nil }
        do throws(VarveError) {
            return try SpanIndexPage(plain.raw, kind: .checkpoints)
        } catch {
            throw error.located(in: "blob \(id)")
        }
    }

    func leaf(_ id: Hash256) throws(VarveError) -> CheckpointLeaf {
        let plain = try blobs.plain(id, as: .checkpointLeaf)
        do throws(VarveError) {
            return try CheckpointLeaf(plain.raw)
        } catch {
            throw error.located(in: "blob \(id)")
        }
    }

    /// What index pages tell of all leaves, in order of time. Complexity: O(leaves).
    func entries(_ root: Hash256) throws -> [SpanEntry] {
        guard let page = try index(root) else {
            return [Self.entry(root, try leaf(root).checkpoints)]
        }
        var waiting = [page]
        var result: [SpanEntry] = []
        while let next = waiting.popLast() {
            if next.level == 1 {
                result += next.children
                continue
            }
            for child in next.children.reversed() {
                guard let below = try index(child.id), below.level < next.level else {
                    throw VarveError(
                        .damaged, "a page of checkpoints is of the wrong level",
                        at: "blob \(child.id)")
                }
                waiting.append(below)
            }
        }
        return result
    }
}

extension CheckpointTree.Leaf {
    /// The second of its last checkpoint.
    fileprivate var lastSecond: Int64 {
        switch self {
        case .known(let entry): entry.last
        case .made(let records, _): records[records.count - 1].second
        }
    }
}

extension CheckpointRecord {
    init(_ checkpoint: Checkpoint) {
        self.init(
            second: checkpoint.instant.second, items: checkpoint.items, bytes: checkpoint.bytes,
            changes: checkpoint.changes,
            digestLow: UInt16(truncatingIfNeeded: checkpoint.digest.words.0))
    }
}

extension CheckpointTree {
    /// The seconds of all checkpoints. Complexity: O(checkpoints).
    func seconds(_ root: Hash256) throws -> [Int64] {
        try entries(root).flatMap { try leaf($0.id).checkpoints.map(\.second) }
    }
}
