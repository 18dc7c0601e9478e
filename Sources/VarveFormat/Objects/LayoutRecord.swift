public import VarveBytes

/// A stretch of time without a gap. Source: Spec 09, Layout; Spec 10.
public struct RestorableRange: Hashable, Sendable {
    /// Only its checkpoints are exact.
    public var onlyCheckpoints: Bool
    public var from: Int64
    public var to: Int64
    public var firstSequence: UInt64
    public var lastSequence: UInt64
    public var lastCommit: Hash256
    /// State at `to`.
    public var items: UInt64
    public var bytes: UInt64
    public var digest: Hash256
    /// Sum over the range's changes that the pieces hold.
    public var changeDigest: Hash256

    public init(
        onlyCheckpoints: Bool, from: Int64, to: Int64, firstSequence: UInt64,
        lastSequence: UInt64, lastCommit: Hash256, items: UInt64, bytes: UInt64,
        digest: Hash256, changeDigest: Hash256
    ) {
        self.onlyCheckpoints = onlyCheckpoints
        self.from = from
        self.to = to
        self.firstSequence = firstSequence
        self.lastSequence = lastSequence
        self.lastCommit = lastCommit
        self.items = items
        self.bytes = bytes
        self.digest = digest
        self.changeDigest = changeDigest
    }

    func encode(into output: inout ByteWriter) {
        output.append(onlyCheckpoints ? 2 : 0)
        output.append(i64: from)
        output.append(i64: to)
        output.append(varint: firstSequence)
        output.append(varint: lastSequence)
        output.append(lastCommit)
        output.append(varint: items)
        output.append(varint: bytes)
        output.append(digest)
        output.append(changeDigest)
    }

    init(from cursor: inout ByteCursor) throws(VarveError) {
        let flags = try cursor.u8()
        if flags != 0 && flags != 2 { throw cursor.fault("unknown flags of a range") }
        onlyCheckpoints = flags == 2
        from = try cursor.i64()
        to = try cursor.i64()
        firstSequence = try cursor.varint()
        lastSequence = try cursor.varint()
        if from > to || firstSequence > lastSequence {
            throw cursor.fault("a range ends before it begins")
        }
        lastCommit = try cursor.hash()
        items = try cursor.varint()
        bytes = try cursor.varint()
        digest = try cursor.hash()
        changeDigest = try cursor.hash()
    }
}

/// Which images and runs hold a table's history. Source: Spec 09, Layout.
public struct LayoutRecord: SealedRecord, Hashable {
    public static let objectType = ObjectType.layout

    public var table: [UInt8]
    public var number: UInt64
    public var written: Int64
    /// Commits below it are covered.
    public var nextSequence: UInt64
    /// Hash of commit `nextSequence` − 1, or of the table record.
    public var before: Hash256
    /// Ascending, without overlap.
    public var ranges: [RestorableRange]
    /// Ascending by (to, from, kind).
    public var pieces: [Piece]
    /// Checkpoint leaf or index over all checkpoints covered.
    public var checkpointRoot: Hash256?
    public var inline: [UInt8]

    public init(
        table: [UInt8], number: UInt64, written: Int64, nextSequence: UInt64, before: Hash256,
        ranges: [RestorableRange], pieces: [Piece], checkpointRoot: Hash256?, inline: [UInt8]
    ) {
        self.table = table
        self.number = number
        self.written = written
        self.nextSequence = nextSequence
        self.before = before
        self.ranges = ranges
        self.pieces = pieces
        self.checkpointRoot = checkpointRoot
        self.inline = inline
    }

    public func encodeBody(into output: inout ByteWriter) {
        var part = ByteWriter()
        part.append(table)
        part.append(varint: number)
        part.append(i64: written)
        part.append(varint: nextSequence)
        part.append(before)
        part.append(count: ranges.count)
        for range in ranges { range.encode(into: &part) }
        part.append(count: pieces.count)
        for piece in pieces { piece.encode(into: &part) }
        part.append(checkpointRoot == nil ? 0 : 1)
        if let checkpointRoot { part.append(checkpointRoot) }
        output.append(counted: part.bytes)
        output.append(counted: inline)
    }

    public init(body: inout ByteCursor) throws(VarveError) {
        var part = ByteCursor(try body.counted())
        table = try part.take(16).copyBytes()
        number = try part.varint()
        written = try part.i64()
        nextSequence = try part.varint()
        before = try part.hash()
        ranges = []
        for _ in 0..<(try part.count(ofAtLeast: 117)) {
            let range = try RestorableRange(from: &part)
            if let last = ranges.last, range.from < last.to {
                throw part.fault("ranges overlap or are out of order")
            }
            ranges.append(range)
        }
        pieces = []
        for _ in 0..<(try part.count(ofAtLeast: 19)) {
            let piece = try Piece(from: &part)
            if let last = pieces.last, !last.precedes(piece) {
                throw part.fault("pieces are out of order")
            }
            pieces.append(piece)
        }
        let roots = try part.u8()
        if roots > 1 { throw part.fault("a layout has at most one checkpoint tree") }
        checkpointRoot = roots == 1 ? try part.hash() : nil
        try part.end()
        inline = try body.counted().copyBytes()
    }
}

extension Piece {
    /// Order by (to, from, kind).
    public func precedes(_ other: Piece) -> Bool {
        (to, from, kind.rawValue) < (other.to, other.from, other.kind.rawValue)
    }
}
