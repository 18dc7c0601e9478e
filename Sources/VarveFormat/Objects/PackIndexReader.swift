public import VarveBytes

/// Finds blobs in a pack index, which is read in place: only its fan-out and its packs stay in
/// memory, and the whole of a small one. Source: Spec 08, "Pack index".
///
/// May be used by several threads at once.
public final class PackIndexReader: Sendable {
    /// Size up to which an index is read at once, proven, and kept.
    public static let cacheBytesDefault = 1 << 20
    /// Ids that a step of the search reads.
    private static let windowSize = 256

    let source: ByteRanges
    let shape: PackIndexShape
    /// For each first byte, how many blobs have it or a lesser one.
    let fanOut: [UInt32]
    /// Ascending by name.
    public let packs: [IndexedPack]

    /// Blobs that it lists; one that lies in two packs counts twice.
    public var blobCount: Int { shape.blobCount }

    /// Opens an index: reads its head and its packs, or all if it is small.
    ///
    /// Of a large index the hash is not checked here (see `verify`); a wrong answer shows when the
    /// blob is read, because that is proven by its id.
    /// - Parameters:
    ///   - name: the object's name, if a small index is to be held to it.
    ///   - cacheBytes: size up to which the index is kept in memory.
    /// - Throws: `damaged`, `unsupported`, or what reading throws.
    public init(
        _ source: ByteRanges, name: Hash256? = nil,
        cacheBytes: Int = PackIndexReader.cacheBytesDefault
    ) throws(VarveError) {
        var source = source
        var buffer = ByteWriter(capacity: 4096)
        let isCached = source.byteCount <= cacheBytes
        if isCached {
            try source.read(0..<source.byteCount, &buffer)
            source = ByteRanges(buffer.takeBytes())
        }
        guard source.byteCount >= PackIndexShape.idsStart else {
            throw VarveError(.damaged, "\(source.byteCount) bytes are too few for a pack index")
        }
        try source.read(0..<PackIndexShape.idsStart, &buffer)
        (shape, fanOut) = try PackIndexReader.head(buffer.bytes, byteCount: source.byteCount)
        buffer.removeAll()
        try source.read(shape.packsStart..<shape.hashStart, &buffer)
        packs = try PackIndexReader.packs(buffer.bytes, count: shape.packCount)
        self.source = source
        if isCached { try verify(name: name) }
    }

    private static func head(
        _ bytes: RawSpan, byteCount: Int
    ) throws(VarveError) -> (PackIndexShape, [UInt32]) {
        var cursor = ByteCursor(bytes)
        guard try cursor.u64() == PackIndexShape.magic else {
            throw VarveError(.damaged, "this is no pack index: its first bytes are wrong")
        }
        let version = try cursor.u8()
        guard version == PackIndexShape.version else {
            throw VarveError(
                .unsupported,
                "pack index version \(version) is not known to this program; use a newer one")
        }
        let zero = (try cursor.u16(), try cursor.u8())
        let shape = PackIndexShape(
            packCount: Int(try cursor.u32()), blobCount: Int(try cursor.u32()))
        guard zero == (0, 0), try cursor.u32() == 0, shape.packCount >= 1,
            shape.blobCount >= shape.packCount, shape.byteCount == byteCount
        else { throw VarveError(.damaged, "the pack index's header contradicts its size") }
        var fanOut: [UInt32] = []
        fanOut.reserveCapacity(256)
        for _ in 0..<256 {
            let count = try cursor.u32()
            guard count >= fanOut.last ?? 0 else {
                throw VarveError(.damaged, "the pack index's fan-out is not ascending")
            }
            fanOut.append(count)
        }
        guard fanOut[255] == shape.blobCount else {
            throw VarveError(.damaged, "the pack index's fan-out contradicts its count")
        }
        return (shape, fanOut)
    }

    private static func packs(
        _ bytes: RawSpan, count: Int
    ) throws(VarveError) -> [IndexedPack] {
        var cursor = ByteCursor(bytes)
        var packs: [IndexedPack] = []
        packs.reserveCapacity(count)
        for _ in 0..<count {
            let name = try cursor.hash()
            let size = try cursor.u64()
            guard packs.last.map({ $0.name < name }) ?? true, size < Pack.sizeLimit,
                size >= Pack.sizeMin
            else { throw VarveError(.damaged, "the packs of a pack index are not as they must be") }
            packs.append(IndexedPack(name: name, size: Int(size)))
        }
        return packs
    }
}

// MARK: - Looking up

extension PackIndexReader {
    /// The first place where the blob lies, among the packs that are accepted, or nil.
    ///
    /// Complexity: of a large index one read of 8 KiB, seldom two or three, and five of 4 bytes.
    /// - Parameter accepts: whether the pack of this name may serve.
    /// - Throws: `damaged`, or what reading throws.
    public func location(
        of id: Hash256, where accepts: (Hash256) -> Bool = { _ in true }
    ) throws(VarveError) -> BlobLocation? {
        var buffer = ByteWriter(capacity: Self.windowSize * 32)
        var position = try lowerBound(of: id, &buffer)
        let end = Int(fanOut[Int(id.firstByte)])
        while position < end, try self.id(at: position, &buffer) == id {
            let (ordinal, entry) = try row(at: position, id, &buffer)
            let pack = packs[ordinal].name
            if accepts(pack) { return BlobLocation(pack: pack, entry: entry) }
            position += 1
        }
        return nil
    }

    /// The first position whose id is not less than this one, among those with its first byte.
    private func lowerBound(
        of id: Hash256, _ buffer: inout ByteWriter
    ) throws(VarveError) -> Int {
        let first = Int(id.firstByte)
        let bucket = (first == 0 ? 0 : Int(fanOut[first - 1]))..<Int(fanOut[first])
        var (low, high) = (bucket.lowerBound, bucket.upperBound)
        var guess = bucket.lowerBound + PackIndexReader.share(of: id, bucket.count)
        var steps = 0
        while low < high {
            // Ids are spread evenly, so the guess is good; if it is not, halving ends the search.
            let start = max(low, min(guess - Self.windowSize / 2, high - Self.windowSize))
            let window = start..<min(start + Self.windowSize, high)
            buffer.removeAll()
            try source.read(shape.idRange(window), &buffer)
            if PackIndexReader.id(buffer.bytes, window.count - 1) < id {
                low = window.upperBound
            } else if window.lowerBound > low, PackIndexReader.id(buffer.bytes, 0) >= id {
                high = window.lowerBound
            } else {
                return window.lowerBound + PackIndexReader.search(buffer.bytes, window.count, id)
            }
            steps += 1
            if steps > 1 { guess = low + (high - low) / 2 }
        }
        return low
    }

    /// Position at which an id would stand if `count` ids of its first byte were spread evenly.
    private static func share(of id: Hash256, _ count: Int) -> Int {
        let fraction = id.words.0.byteSwapped << 8 | id.words.1 & 0xff
        return Int(fraction.multipliedFullWidth(by: UInt64(count)).high)
    }

    /// Id number `index` of a window.
    private static func id(_ ids: RawSpan, _ index: Int) -> Hash256 {
        let at = 32 * index
        return Hash256(
            words: (
                ids.word(at: at), ids.word(at: at + 8), ids.word(at: at + 16),
                ids.word(at: at + 24)
            ))
    }

    /// The first of `count` ids that is not less than this one.
    private static func search(_ ids: RawSpan, _ count: Int, _ id: Hash256) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if PackIndexReader.id(ids, middle) < id { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private func id(at position: Int, _ buffer: inout ByteWriter) throws(VarveError) -> Hash256 {
        buffer.removeAll()
        try source.read(shape.idRange(position..<position + 1), &buffer)
        var cursor = ByteCursor(buffer.bytes)
        return try cursor.hash()
    }

    private func row(
        at position: Int, _ id: Hash256, _ buffer: inout ByteWriter
    ) throws(VarveError) -> (ordinal: Int, entry: PackEntry) {
        buffer.removeAll()
        for column in 0..<5 {
            try source.read(shape.columnRange(column, position..<position + 1), &buffer)
        }
        var cursor = ByteCursor(buffer.bytes)
        let ordinal = try cursor.u32()
        let entry = try PackEntry(
            id: id, offset: try cursor.u32(), storedBytes: try cursor.u32(),
            plainBytes: try cursor.u32(), kind: try cursor.u32())
        return (try check(ordinal, entry), entry)
    }

    /// Checks that the pack exists and has room for the record.
    func check(_ ordinal: UInt32, _ entry: PackEntry) throws(VarveError) -> Int {
        guard ordinal < packs.count else {
            throw VarveError(.damaged, "a pack index names a pack that it does not list")
        }
        let room = packs[Int(ordinal)].size - Pack.footerSize - PackEntry.size
        guard entry.offset >= Pack.headerSize, entry.range.upperBound <= room else {
            throw VarveError(.damaged, "a pack index places a blob outside its pack")
        }
        return Int(ordinal)
    }
}
