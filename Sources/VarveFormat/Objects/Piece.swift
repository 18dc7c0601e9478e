public import VarveBytes

/// An image or a run, as a commit or a layout lists it. Source: Spec 09, "Commit".
public struct Piece: Hashable, Sendable {
    public enum Kind: UInt8, Sendable, Hashable {
        /// The rows at the instant `to`; `from` equals `to`.
        case image = 1
        /// The changes of `[from, to)`.
        case run = 2
    }

    public var kind: Kind
    /// Microseconds since 1970.
    public var from: Int64
    /// Microseconds since 1970.
    public var to: Int64
    public var tree: TreeReference
    /// Blob id of the root of a run's time list, if it has one.
    public var timeList: Hash256?

    public init(
        kind: Kind, from: Int64, to: Int64, tree: TreeReference, timeList: Hash256? = nil
    ) {
        self.kind = kind
        self.from = from
        self.to = to
        self.tree = tree
        self.timeList = timeList
    }

    /// The image of an instant.
    public static func image(at instant: Instant, _ tree: TreeReference) -> Piece {
        Piece(kind: .image, from: instant.microseconds, to: instant.microseconds, tree: tree)
    }

    /// Least number of bytes that a piece takes.
    static let sizeMin = 19

    func encode(into writer: inout ByteWriter) {
        writer.append(kind.rawValue)
        writer.append(i64: from)
        writer.append(i64: to)
        tree.encode(into: &writer)
        writer.append(optional: timeList)
    }

    init(from cursor: inout ByteCursor) throws(VarveError) {
        guard let kind = Kind(rawValue: try cursor.u8()) else {
            throw cursor.fault("the kind of a piece is not known")
        }
        self.kind = kind
        from = try cursor.i64()
        to = try cursor.i64()
        tree = try TreeReference(from: &cursor)
        timeList = try cursor.optionalHash()
    }

    func check() throws(VarveError) {
        switch kind {
        case .image:
            try RecordRules.checkInstant(to, "the instant of an image")
            if from != to { throw RecordRules.fault("an image has two instants") }
            if timeList != nil { throw RecordRules.fault("an image has a time list") }
        case .run:
            try RecordRules.checkStretch(from, to, "a run")
        }
    }

    /// Order within a layout: by (to, from, kind).
    func precedes(_ other: Piece) -> Bool {
        (to, from, kind.rawValue) < (other.to, other.from, other.kind.rawValue)
    }
}

extension ByteWriter {
    /// Appends a count of 0 or 1, then the hash if there is one.
    mutating func append(optional hash: Hash256?) {
        append(count: hash == nil ? 0 : 1)
        if let hash { append(hash) }
    }
}

extension ByteCursor {
    /// Reads a count of 0 or 1, then the hash if there is one.
    mutating func optionalHash() throws(VarveError) -> Hash256? {
        switch try varint() {
        case 0: return nil
        case 1: return try hash()
        default: throw fault("at most one id was expected")
        }
    }
}
