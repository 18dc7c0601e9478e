public import VarveBytes

/// Where a blob lies.
public struct BlobLocation: Hashable, Sendable {
    /// Name of the pack.
    public let pack: Hash256
    public let entry: PackEntry

    public init(pack: Hash256, entry: PackEntry) {
        self.pack = pack
        self.entry = entry
    }

    public var id: Hash256 { entry.id }
}

/// A pack as an index lists it.
public struct IndexedPack: Hashable, Sendable {
    public let name: Hash256
    /// Bytes of the whole pack.
    public let size: Int

    public init(name: Hash256, size: Int) {
        self.name = name
        self.size = size
    }
}

/// Where the parts of a pack index lie. Source: Spec 08, "Pack index".
///
///     0       24       1048
///     | header | fan-out | n ids | n ordinals | n offsets | n stored | n plain | n kinds |
///     | p packs | SHA-256 |
struct PackIndexShape: Hashable, Sendable {
    /// "VARVEIX1".
    static let magic: UInt64 = 0x3158_4945_5652_4156
    static let version: UInt64 = 1
    static let headerSize = 24
    static let idsStart = headerSize + 256 * 4
    static let packSize = 40

    let packCount: Int
    let blobCount: Int

    /// Where the array of words `column` begins: 0 ordinals, 1 offsets, 2 stored, 3 plain, 4 kinds.
    func columnStart(_ column: Int) -> Int { Self.idsStart + (32 + 4 * column) * blobCount }
    var packsStart: Int { columnStart(5) }
    var hashStart: Int { packsStart + Self.packSize * packCount }
    var byteCount: Int { hashStart + 32 }

    func idRange(_ positions: Range<Int>) -> Range<Int> {
        Self.idsStart + 32 * positions.lowerBound..<Self.idsStart + 32 * positions.upperBound
    }

    func columnRange(_ column: Int, _ positions: Range<Int>) -> Range<Int> {
        let start = columnStart(column)
        return start + 4 * positions.lowerBound..<start + 4 * positions.upperBound
    }
}

/// Bytes that are read a range at a time: an object in a store, or an array.
public struct ByteRanges: Sendable {
    public typealias Read =
        @Sendable (Range<Int>, inout ByteWriter) throws(VarveError) -> Void

    /// How many there are.
    public let byteCount: Int
    let read: Read

    /// - Parameter read: appends the bytes of a range, which lies within `byteCount`, or throws.
    public init(byteCount: Int, read: @escaping Read) {
        self.byteCount = byteCount
        self.read = read
    }

    public init(_ bytes: [UInt8]) {
        self.init(byteCount: bytes.count) { (range, output) throws(VarveError) in
            output.append(bytes.raw.part(range.lowerBound, range.upperBound))
        }
    }
}
