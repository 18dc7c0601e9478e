import VarveBytes
import VarveFormat
import VarveModel

/// Brings the blobs of trees from one repository into another: those that it lacks, each proven.
///
/// A page is brought after all that it names, and page and names are looked up one by one, except
/// below the pages that the target's own roots reach: what hangs from them is there. Belongs to
/// one thread. Memory: an id for each blob looked up, and for each page of the target's trees.
final class BlobTransfer {
    /// Where a blob that the target lacks goes.
    typealias Sink = (EncodedBlob) throws -> Void

    private let source: BlobStore
    private let schema: KeySchema
    /// Whether the target has a blob and will keep it.
    private let isThere: (Hash256) throws -> Bool
    private let put: Sink
    /// Pages of which the target has all that hangs from them; worked out when first of use.
    private let makeKnown: () -> Set<Hash256>
    private var known: Set<Hash256>?
    private var visited: Set<Hash256> = []
    /// Blobs that the object carries whose trees are being brought.
    private var carried: Set<Hash256> = []
    /// Called after each blob that was looked up.
    var onBlob: () throws -> Void = {}
    private(set) var blobCount = 0
    /// Stored bytes of the blobs brought, with their headers.
    private(set) var storedBytes: UInt64 = 0

    init(
        from source: BlobStore, schema: KeySchema, known: @escaping () -> Set<Hash256>,
        isThere: @escaping (Hash256) throws -> Bool, put: @escaping Sink
    ) {
        self.source = source
        self.schema = schema
        makeKnown = known
        self.isThere = isThere
        self.put = put
    }

    /// Brings what pieces need.
    /// - Parameter inline: blob records that go with the object that names the pieces.
    /// - Throws: `damaged` if the source lacks a blob or its bytes do not fit its id.
    func bring(_ pieces: [Piece], checkpoints: Hash256? = nil, inline: [UInt8]) throws {
        carried = Set(try InlineBlobs(inline).records.map(\.id))
        for piece in pieces {
            if !piece.tree.isEmpty {
                let kind: TreeKind = piece.kind == .image ? .image : .run
                try bring(piece.tree.root, kind, level: Int(piece.tree.height))
            }
            if let root = piece.timeList { try bring(root, .timeList) }
        }
        if let checkpoints { try bring(checkpoints, .checkpoints) }
    }

    // MARK: Trees

    private func bring(_ id: Hash256, _ kind: TreeKind, level: Int) throws {
        if isDone(id) { return }
        try onBlob()
        if level == 0 {
            try bringLeaf(id, kind)
            return
        }
        for child in try source.children(of: id, kind: kind, level: level) {
            try bring(child.id, kind, level: level - 1)
        }
        try bring(blob: id, as: kind == .image ? .imageIndex : .runIndex)
    }

    /// Whether a page and all below it is there, or was looked at. What an object carries is
    /// looked into, for what it names may be elsewhere.
    private func isDone(_ id: Hash256) -> Bool {
        if carried.contains(id) { return false }
        if !visited.insert(id).inserted { return true }
        if let known { return known.contains(id) }
        let made = makeKnown()
        known = made
        return made.contains(id)
    }

    private func bringLeaf(_ id: Hash256, _ kind: TreeKind) throws {
        let type: BlobType = kind == .image ? .imageLeaf : .runLeaf
        // A leaf may be there without its large values: an interrupted copy brought it.
        let (blob, plain) = try source.proven(id, asAnyOf: [type])
        var page = LeafPageReader(schema: schema)
        try page.open(plain, kind: kind)
        if page.hasOutlined {
            var changes = ChangeBuffer()
            let count =
                kind == .image
                ? try page.next(into: &changes.rows) : try page.next(into: &changes)
            for index in 0..<count {
                if kind == .run, changes.stamps[index].kind == .tombstone { continue }
                for value in try Outlining.outlinedIDs(changes.rows, index)
                where !carried.contains(value) && visited.insert(value).inserted {
                    try bring(blob: value, as: .outlinedValue)
                }
            }
        }
        if !carried.contains(id), try !isThere(id) { try take(blob) }
    }

    private func bring(_ root: Hash256, _ kind: SpanIndexPage.Kind) throws {
        if isDone(root) { return }
        let leaf: BlobType = kind == .timeList ? .timeList : .checkpointLeaf
        let index: BlobType = kind == .timeList ? .timeListIndex : .checkpointIndex
        let (blob, plain) = try source.proven(root, asAnyOf: [leaf, index])
        if plain.first == index.rawValue {
            let page = try SpanIndexPage(plain.raw, kind: kind)
            for child in page.children {
                if page.level > 1 {
                    try bring(child.id, kind)
                } else if !isDone(child.id) {
                    try bring(blob: child.id, as: leaf)
                }
            }
        }
        try onBlob()
        if !carried.contains(root), try !isThere(root) { try take(blob) }
    }

    /// Brings a blob that names no others.
    private func bring(blob id: Hash256, as type: BlobType) throws {
        if carried.contains(id) { return }
        if try isThere(id) { return }
        try take(try source.proven(id, asAnyOf: [type]).blob)
    }

    private func take(_ blob: EncodedBlob) throws {
        try put(blob)
        blobCount += 1
        storedBytes += UInt64(blob.bytes.count)
    }
}

extension BlobStore {
    /// A blob's record and its plain bytes, proven by its id.
    /// - Throws: `damaged` if no copy of it is sound.
    func proven(
        _ id: Hash256, asAnyOf types: [BlobType]
    ) throws(VarveError) -> (blob: EncodedBlob, plain: [UInt8]) {
        do throws(VarveError) {
            let blob = try record(id)
            return (blob, try Self.decode(blob, as: types))
        } catch {
            // The first place may be the bad one of several.
            let plain = try plain(id, asAnyOf: types)
            let type = types.first { $0.rawValue == plain.first } ?? types[0]
            return (EncodedBlob(type, plain: plain.raw), plain)
        }
    }
}
