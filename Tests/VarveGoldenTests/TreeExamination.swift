import Testing
import VarveBytes
import VarveFormat
import VarveModel

/// Walks trees, encodes every page again, and cuts every level again from its rows.
struct TreeExamination {
    private let blobs: [Hash256: ObjectExamination.Blob]
    private let schema: KeySchema
    private let kind: TreeKind
    private let hash: CutHash
    /// Of the leaves, in order.
    private var weights: [UInt64] = []
    private var hashes: [UInt64] = []
    private var ends: [Int] = []
    private(set) var pageCount = 0

    /// - Throws: if a blob is missing or damaged; differences are recorded as issues.
    init(
        _ tree: TreeReference, _ kind: TreeKind, _ schema: KeySchema,
        blobs: [Hash256: ObjectExamination.Blob], hash: CutHash
    ) throws {
        self.blobs = blobs
        self.schema = schema
        self.kind = kind
        self.hash = hash
        if tree.isEmpty { return }
        var ids = [tree.root]
        for level in stride(from: tree.height, to: 0, by: -1) {
            ids = try index(ids, level: level)
        }
        for id in ids { try leaf(id) }
        #expect(weights.count == Int(tree.entries))
        #expect(weights.reduce(0, +) == tree.weight)
        checkCuts(level: 0)
    }

    private func plain(_ id: Hash256, _ type: BlobType) throws -> [UInt8] {
        let blob = try #require(blobs[id], "blob \(id) is missing")
        #expect(blob.type == type)
        return blob.plain
    }

    /// The level's children, after its cuts were checked.
    private mutating func index(_ ids: [Hash256], level: UInt8) throws -> [Hash256] {
        var children: [IndexEntry] = []
        for id in ids {
            let bytes = try plain(id, kind == .image ? .imageIndex : .runIndex)
            let page = try IndexPage(bytes.raw, kind: kind)
            var again = ByteWriter()
            page.encode(into: &again)
            #expect(again.takeBytes() == bytes, "index page \(id)")
            #expect(page.level == level)
            children += page.children
            ends.append(children.count)
            pageCount += 1
        }
        for child in children {
            let key = child.lastKey.raw
            weights.append(CutWeight.index(keyBytes: key.byteCount))
            hashes.append(
                kind == .image
                    ? hash.image(level: level, key: key)
                    : hash.run(
                        level: level, key: key, time: child.lastTime, sequence: child.lastSequence))
        }
        checkCuts(level: level)
        (weights, hashes, ends) = ([], [], [])
        return children.map(\.id)
    }

    private mutating func leaf(_ id: Hash256) throws {
        let bytes = try plain(id, kind == .image ? .imageLeaf : .runLeaf)
        pageCount += 1
        let again = kind == .image ? try imageLeaf(bytes) : try runLeaf(bytes)
        #expect(again == bytes, "leaf page \(id)")
        ends.append(weights.count)
    }

    private mutating func imageLeaf(_ bytes: [UInt8]) throws -> [UInt8] {
        var reader = LeafPageReader(schema: schema)
        var rows = RowBuffer()
        try reader.open(bytes, kind: kind)
        _ = try reader.next(into: &rows)
        for index in 0..<rows.count {
            let key = rows.key(index)
            hashes.append(hash.image(level: 0, key: key))
            weights.append(
                try CutWeight.row(keyBytes: key.byteCount, value: rows.value(index)))
        }
        var encoder = LeafPageEncoder(schema: schema)
        var output = ByteWriter()
        try encoder.encodeImage(rows: rows, range: 0..<rows.count, into: &output)
        return output.takeBytes()
    }

    private mutating func runLeaf(_ bytes: [UInt8]) throws -> [UInt8] {
        var reader = LeafPageReader(schema: schema)
        var changes = ChangeBuffer()
        try reader.open(bytes, kind: kind)
        _ = try reader.next(into: &changes)
        for index in 0..<changes.count {
            let key = changes.rows.key(index)
            let stamp = changes.stamps[index]
            hashes.append(hash.run(level: 0, key: key, time: stamp.time, sequence: stamp.sequence))
            weights.append(
                try CutWeight.change(
                    keyBytes: key.byteCount, value: changes.rows.value(index)))
        }
        var encoder = LeafPageEncoder(schema: schema)
        var output = ByteWriter()
        try encoder.encodeRun(changes: changes, range: 0..<changes.count, into: &output)
        return output.takeBytes()
    }

    private func checkCuts(level: UInt8) {
        var cutter = PageCutter(level: level)
        for (weight, hash) in zip(weights, hashes) { cutter.append(weight: weight, hash: hash) }
        cutter.finish()
        var expected: [Int] = []
        while let end = cutter.takeEnd() { expected.append(end) }
        #expect(ends == expected, "page ends of level \(level)")
    }
}
