import Synchronization
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// Builds a tree from entries that come in order: cuts pages, encodes and compresses them on other
/// threads, writes them in order, and the index pages above them. Source: Spec 06, 07.
///
/// Memory: the entries within a cut window, and the pages under way.
final class TreeBuilder {
    /// Rows of one page, in memory that is used again.
    ///
    /// Sendable: in the hands of one thread at a time, or waiting to be used again.
    fileprivate final class PageRows: @unchecked Sendable {
        var rows = RowBuffer(capacity: 32)
    }

    /// Entries of one leaf page, on their way to a worker.
    fileprivate final class Leaf {
        let rows: PageRows?
        let changes: ChangeBlock?
        var entry: IndexEntry

        init(rows: PageRows?, changes: ChangeBlock?, entry: IndexEntry) {
            self.rows = rows
            self.changes = changes
            self.entry = entry
        }
    }

    /// A leaf page as it is stored.
    fileprivate struct Encoded {
        var blob: EncodedBlob
        var entry: IndexEntry
    }

    private let kind: TreeKind
    private let cutHash: CutHash
    private let writer: BlobWriter
    private var cutter = PageCutter(level: 0)
    /// What has been appended and belongs to no page yet: blocks, the first entry not taken of the
    /// first block, and how many entries came before it.
    private var rowBlocks: [PreparedRows] = []
    private var changeBlocks: [PreparedChanges] = []
    private var position = 0
    private var taken = 0
    private let encoding: LeafEncoding
    private let pipeline: OrderedPipeline<Leaf, Encoded>
    private var levels: [IndexLevel] = []
    private var leafCount = 0
    private var onlyLeaf: IndexEntry?
    private var entries: UInt64 = 0
    private var digest = Hash256.zero
    private var weight: UInt64 = 0
    private var storedBytes: UInt64 = 0

    init(
        _ kind: TreeKind, schema: KeySchema, repository: Repository, writer: BlobWriter,
        effort: LZ4.Effort = .fast
    ) {
        self.kind = kind
        self.writer = writer
        cutHash = repository.cutHash
        let encoding = LeafEncoding(schema: schema, effort: effort)
        self.encoding = encoding
        pipeline = OrderedPipeline(limit: repository.pipelineLimit) { try encoding.encode($0) }
    }

    // MARK: Appending

    /// Appends rows to an image. Values that they refer to are written too.
    func append(_ block: PreparedRows) throws {
        precondition(kind == .image)
        if block.rows.count == 0 { return }
        try addValues(block.outlined)
        cutter.append(weights: block.weights, hashes: block.cuts)
        rowBlocks.append(block)
        try takePages()
    }

    /// Appends changes to a run.
    func append(_ block: PreparedChanges) throws {
        precondition(kind == .run)
        if block.changes.count == 0 { return }
        try addValues(block.outlined)
        cutter.append(weights: block.weights, hashes: block.cuts)
        changeBlocks.append(block)
        try takePages()
    }

    /// Writes outlined values by id, not as a dictionary yields them: equal copies give equal
    /// packs, so that an operation that goes on after an interruption meets the ones it wrote.
    private func addValues(_ values: [Hash256: [UInt8]]) throws {
        if values.isEmpty { return }
        let before = writer.storedBytes
        for (_, bytes) in values.sorted(by: { $0.key < $1.key }) {
            try writer.add(EncodedBlob(.outlinedValue, plain: bytes.raw))
        }
        storedBytes += writer.storedBytes - before
    }

    private func takePages() throws {
        while let end = cutter.takeEnd() {
            let leaf = kind == .image ? takeRows(end - taken) : takeChanges(end - taken)
            while pipeline.isFull { try takeEncoded() }
            pipeline.submit(leaf)
            while pipeline.isFull { try takeEncoded() }
        }
    }

    /// Copies the next `count` rows out of the blocks into one.
    private func takeRows(_ count: Int) -> Leaf {
        let page = encoding.emptyRows()
        page.rows.reserve(rows: count)
        page.rows.reserve(bytes: bytes(ofNext: count))
        var entry = IndexEntry(entries: UInt64(count))
        var missing = count
        while missing > 0 {
            let block = rowBlocks[0]
            let part = min(missing, block.rows.count - position)
            let range = position..<position + part
            page.rows.append(block.rows, range)
            entry.add(block.hashes[range], block.weights[range])
            missing -= part
            position += part
            if position == block.rows.count {
                rowBlocks.removeFirst()
                position = 0
            }
        }
        taken += count
        entry.lastKey = page.rows.keyBytes(count - 1)
        return Leaf(rows: page, changes: nil, entry: entry)
    }

    /// Bytes of the next `count` rows: a page asks for its memory once.
    private func bytes(ofNext count: Int) -> Int {
        var (at, missing, sum) = (position, count, 0)
        for block in rowBlocks {
            let part = min(missing, block.rows.count - at)
            sum += block.rows.byteCount(at..<at + part)
            missing -= part
            at = 0
            if missing == 0 { break }
        }
        return sum
    }

    /// Copies the next `count` changes out of the blocks into one.
    private func takeChanges(_ count: Int) -> Leaf {
        var page = ChangeBuffer(capacity: 1 << 18)
        page.reserve(changes: count)
        var entry = IndexEntry(entries: UInt64(count))
        entry.leastTime = .max
        entry.greatestTime = .min
        var missing = count
        while missing > 0 {
            let block = changeBlocks[0]
            let part = min(missing, block.changes.count - position)
            let range = position..<position + part
            page.rows.append(block.changes.rows, range)
            page.stamps += block.changes.stamps[range]
            entry.add(block.hashes[range], block.weights[range])
            for stamp in block.changes.stamps[range] {
                entry.leastTime = min(entry.leastTime, stamp.time)
                entry.greatestTime = max(entry.greatestTime, stamp.time)
            }
            missing -= part
            position += part
            if position == block.changes.count {
                changeBlocks.removeFirst()
                position = 0
            }
        }
        taken += count
        entry.lastKey = page.rows.keyBytes(count - 1)
        entry.lastTime = page.stamps[count - 1].time
        entry.lastSequence = page.stamps[count - 1].sequence
        return Leaf(rows: nil, changes: ChangeBlock(page), entry: entry)
    }

    // MARK: Writing

    private func takeEncoded() throws {
        guard let page = try pipeline.take() else { return }
        try writer.add(page.blob)
        storedBytes += UInt64(page.blob.bytes.count)
        entries += page.entry.entries
        digest = digest &+ page.entry.digest
        weight += page.entry.weight
        leafCount += 1
        onlyLeaf = page.entry
        try add(page.entry, level: 1)
    }

    private func add(_ entry: IndexEntry, level: Int) throws {
        if levels.count < level {
            levels.append(IndexLevel(kind: kind, level: UInt8(level), cutHash: cutHash))
        }
        levels[level - 1].append(entry)
        while let page = try levels[level - 1].takePage() {
            try write(page)
            try add(page.entry, level: level + 1)
        }
    }

    private func write(_ page: IndexLevel.Page) throws {
        try writer.add(page.blob)
        storedBytes += UInt64(page.blob.bytes.count)
    }

    /// Writes what is left and the levels above.
    /// - Returns: the tree; `TreeReference.empty` if nothing was appended.
    func finish() throws -> TreeReference {
        cutter.finish()
        try takePages()
        while pipeline.pending > 0 { try takeEncoded() }
        guard var root = onlyLeaf else { return .empty }
        var height = 0
        var pages = leafCount
        while pages > 1 {
            height += 1
            levels[height - 1].finish()
            while let page = try levels[height - 1].takePage() {
                try write(page)
                try add(page.entry, level: height + 1)
                root = page.entry
            }
            pages = levels[height - 1].pageCount
        }
        return TreeReference(
            entries: entries, height: UInt8(height), root: root.id, weight: weight,
            digest: digest, storedBytes: storedBytes)
    }
}

extension IndexEntry {
    /// Adds what entries of the page contribute: their item hashes and their weights.
    fileprivate mutating func add(_ hashes: ArraySlice<Hash256>, _ weights: ArraySlice<UInt32>) {
        for hash in hashes { digest = digest &+ hash }
        for addend in weights { weight += UInt64(addend) }
    }
}

/// Encodes leaf pages on any thread, with memory that is used again.
private final class LeafEncoding: Sendable {
    /// What a thread needs to encode a page.
    ///
    /// Sendable: a bench is in `idle`, or in the hands of the one thread that took it from there.
    private final class Bench: @unchecked Sendable {
        var encoder: LeafPageEncoder
        var plain = ByteWriter(capacity: 1 << 17)
        var record = ByteWriter()

        init(_ encoder: consuming LeafPageEncoder) { self.encoder = encoder }

        func encode(_ leaf: TreeBuilder.Leaf, effort: LZ4.Effort) throws -> EncodedBlob {
            plain.removeAll()
            if let block = leaf.rows {
                try encoder.encodeImage(
                    rows: block.rows, range: 0..<block.rows.count, into: &plain)
            } else if let block = leaf.changes {
                try encoder.encodeRun(
                    changes: block.changes, range: 0..<block.changes.count, into: &plain)
            }
            let type: BlobType = leaf.rows == nil ? .runLeaf : .imageLeaf
            return Self.seal(plain, type, effort, in: &record)
        }

        private static func seal(
            _ plain: borrowing ByteWriter, _ type: BlobType, _ effort: LZ4.Effort,
            in record: inout ByteWriter
        ) -> EncodedBlob {
            EncodedBlob(type, plain: plain.bytes, effort: effort, in: &record)
        }
    }

    private let schema: KeySchema
    private let effort: LZ4.Effort
    private let idle = Mutex<[Bench]>([])
    private let spare = Mutex<[TreeBuilder.PageRows]>([])

    init(schema: KeySchema, effort: LZ4.Effort) {
        self.schema = schema
        self.effort = effort
    }

    /// Room for a page's rows; it comes back when they are encoded.
    func emptyRows() -> TreeBuilder.PageRows {
        spare.withLock { $0.popLast() } ?? TreeBuilder.PageRows()
    }

    func encode(_ leaf: TreeBuilder.Leaf) throws -> TreeBuilder.Encoded {
        let bench = idle.withLock { $0.popLast() } ?? Bench(LeafPageEncoder(schema: schema))
        defer { idle.withLock { $0.append(bench) } }
        let blob = try bench.encode(leaf, effort: effort)
        leaf.entry.id = blob.id
        if let page = leaf.rows {
            page.rows.removeAll()
            spare.withLock { $0.append(page) }
        }
        return TreeBuilder.Encoded(blob: blob, entry: leaf.entry)
    }
}

/// One level of index pages under construction.
private struct IndexLevel {
    /// An index page and its entry on the level above.
    struct Page {
        var blob: EncodedBlob
        var entry: IndexEntry
    }

    let kind: TreeKind
    let level: UInt8
    let cutHash: CutHash
    private var cutter: PageCutter
    private var waiting: [IndexEntry] = []
    private var taken = 0
    private(set) var pageCount = 0

    init(kind: TreeKind, level: UInt8, cutHash: CutHash) {
        self.kind = kind
        self.level = level
        self.cutHash = cutHash
        cutter = PageCutter(level: level)
    }

    mutating func append(_ entry: IndexEntry) {
        let hash =
            kind == .image
            ? cutHash.image(level: level, key: entry.lastKey.raw)
            : cutHash.run(
                level: level, key: entry.lastKey.raw, time: entry.lastTime,
                sequence: entry.lastSequence)
        cutter.append(weight: CutWeight.index(keyBytes: entry.lastKey.count), hash: hash)
        waiting.append(entry)
    }

    mutating func finish() { cutter.finish() }

    /// The next page that is complete.
    mutating func takePage() throws -> Page? {
        guard let end = cutter.takeEnd() else { return nil }
        let children = Array(waiting[..<(end - taken)])
        waiting.removeSubrange(..<(end - taken))
        taken = end
        pageCount += 1
        var plain = ByteWriter(capacity: 1 << 16)
        IndexPage(kind: kind, level: level, children: children).encode(into: &plain)
        let type: BlobType = kind == .image ? .imageIndex : .runIndex
        let blob = EncodedBlob(type, plain: plain.bytes)
        return Page(blob: blob, entry: IndexEntry(over: children, id: blob.id))
    }
}
