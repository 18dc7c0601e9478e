public import VarveBytes

/// Which images and runs hold a table's history: an object under `tables/<id>/layouts/`, of which
/// the one with the highest number is valid. Source: Spec 09, "Layout".
public struct LayoutRecord: Hashable, Sendable {
    /// A stretch of history without a gap.
    public struct Range: Hashable, Sendable {
        /// Whether only its checkpoints, and no instants between them, can be restored.
        public var isExactAtCheckpointsOnly: Bool
        /// The instants of `[from, to]` can be restored, or the checkpoints among them.
        public var from: Instant
        public var to: Instant
        public var firstSequence: UInt64
        public var lastSequence: UInt64
        /// Hash of the last commit.
        public var lastHash: Hash256
        /// Items, their sizes and the table digest at `to`.
        public var items: UInt64
        public var bytes: UInt64
        public var digest: Hash256
        /// Change digest of the range's changes that the pieces hold.
        public var changeDigest: Hash256
        /// Whether what came next could not be recorded: no commit goes on from its end.
        public var isClosed: Bool
        /// The last instant before which no change is missing, if that is before `to`: those after
        /// it are in doubt. It may be before `from`; then all are.
        public var soundTo: Instant?

        public init(
            isExactAtCheckpointsOnly: Bool, from: Instant, to: Instant, firstSequence: UInt64,
            lastSequence: UInt64, lastHash: Hash256, items: UInt64, bytes: UInt64,
            digest: Hash256, changeDigest: Hash256, isClosed: Bool = false,
            soundTo: Instant? = nil
        ) {
            self.isExactAtCheckpointsOnly = isExactAtCheckpointsOnly
            self.from = from
            self.to = to
            self.firstSequence = firstSequence
            self.lastSequence = lastSequence
            self.lastHash = lastHash
            self.items = items
            self.bytes = bytes
            self.digest = digest
            self.changeDigest = changeDigest
            self.isClosed = isClosed
            self.soundTo = soundTo
        }
    }

    public var table: TableID
    /// Counted from 1.
    public var number: UInt64
    /// Microseconds since 1970.
    public var written: Int64
    /// Commits below it are covered; those from it on are read beside the layout.
    public var nextSequence: UInt64
    /// Hash of the commit before `nextSequence`; for 0 the table's hash.
    public var before: Hash256
    /// Ascending; a range may begin where the one before it ends.
    public var ranges: [Range]
    /// Ascending by (to, from, kind).
    public var pieces: [Piece]
    /// Blob id of the root of the checkpoint pages, if there are any.
    public var checkpoints: Hash256?
    /// Blob records, one after another, that no pack has.
    public var inline: [UInt8]

    public init(
        table: TableID, number: UInt64, written: Int64, nextSequence: UInt64, before: Hash256,
        ranges: [Range], pieces: [Piece], checkpoints: Hash256?, inline: [UInt8]
    ) {
        self.table = table
        self.number = number
        self.written = written
        self.nextSequence = nextSequence
        self.before = before
        self.ranges = ranges
        self.pieces = pieces
        self.checkpoints = checkpoints
        self.inline = inline
    }
}

extension LayoutRecord: SealedRecord {
    public static var objectType: ObjectType { .layout }

    public func encodeBody(into writer: inout ByteWriter) {
        var part = ByteWriter(capacity: 1024)
        table.encode(into: &part)
        part.append(varint: number)
        part.append(i64: written)
        part.append(varint: nextSequence)
        part.append(before)
        part.append(count: ranges.count)
        for range in ranges { range.encode(into: &part) }
        part.append(count: pieces.count)
        for piece in pieces { piece.encode(into: &part) }
        part.append(optional: checkpoints)
        writer.append(counted: part.bytes)
        writer.append(counted: inline)
    }

    public init(body cursor: inout ByteCursor) throws(VarveError) {
        var part = ByteCursor(try cursor.counted())
        table = try TableID(from: &part)
        number = try part.varint()
        written = try part.i64()
        nextSequence = try part.varint()
        before = try part.hash()
        let rangeCount = try part.count(ofAtLeast: Range.sizeMin)
        ranges = []
        ranges.reserveCapacity(rangeCount)
        for _ in 0..<rangeCount { ranges.append(try Range(from: &part)) }
        let pieceCount = try part.count(ofAtLeast: Piece.sizeMin)
        pieces = []
        pieces.reserveCapacity(pieceCount)
        for _ in 0..<pieceCount { pieces.append(try Piece(from: &part)) }
        checkpoints = try part.optionalHash()
        try part.end()
        inline = try cursor.counted().copyBytes()
    }

    public func check() throws(VarveError) {
        if number == 0 { throw RecordRules.fault("layouts are numbered from 1") }
        try RecordRules.checkNumber(number, "the layout's number")
        try RecordRules.checkNumber(nextSequence, "the next commit's sequence")
        try RecordRules.checkTime(written, "the time of writing")
        for (index, range) in ranges.enumerated() {
            try range.check()
            if range.lastSequence >= nextSequence {
                throw RecordRules.fault("a range holds a commit that the layout does not cover")
            }
            guard index > 0 else { continue }
            let before = ranges[index - 1]
            if range.from < before.to {
                throw RecordRules.fault("the ranges overlap or are not ascending")
            }
        }
        for (index, piece) in pieces.enumerated() {
            try piece.check()
            if index > 0, !pieces[index - 1].precedes(piece) {
                throw RecordRules.fault("the pieces are not ascending by (to, from, kind)")
            }
        }
        try BlobRecord.checkSequence(inline.raw)
    }
}

extension LayoutRecord.Range {
    private static let flagCheckpointsOnly: UInt8 = 2
    private static let flagClosed: UInt8 = 4
    private static let flagDoubt: UInt8 = 8
    /// Least number of bytes that a range takes.
    static let sizeMin = 117

    func encode(into writer: inout ByteWriter) {
        writer.append(
            (isExactAtCheckpointsOnly ? Self.flagCheckpointsOnly : 0)
                | (isClosed ? Self.flagClosed : 0) | (soundTo == nil ? 0 : Self.flagDoubt))
        writer.append(from)
        writer.append(to)
        writer.append(varint: firstSequence)
        writer.append(varint: lastSequence)
        writer.append(lastHash)
        writer.append(varint: items)
        writer.append(varint: bytes)
        writer.append(digest)
        writer.append(changeDigest)
        if let soundTo { writer.append(soundTo) }
    }

    init(from cursor: inout ByteCursor) throws(VarveError) {
        let flags = try cursor.u8()
        if flags & ~(Self.flagCheckpointsOnly | Self.flagClosed | Self.flagDoubt) != 0 {
            throw cursor.fault("a flag is not known")
        }
        isExactAtCheckpointsOnly = flags & Self.flagCheckpointsOnly != 0
        isClosed = flags & Self.flagClosed != 0
        from = try cursor.instant()
        to = try cursor.instant()
        firstSequence = try cursor.varint()
        lastSequence = try cursor.varint()
        lastHash = try cursor.hash()
        items = try cursor.varint()
        bytes = try cursor.varint()
        digest = try cursor.hash()
        changeDigest = try cursor.hash()
        soundTo = flags & Self.flagDoubt == 0 ? nil : try cursor.instant()
    }

    func check() throws(VarveError) {
        if to < from { throw RecordRules.fault("a range ends before it begins") }
        if let soundTo, soundTo >= to {
            throw RecordRules.fault("a range is in doubt from its end on")
        }
        if lastSequence < firstSequence {
            throw RecordRules.fault("a range's last commit comes before its first")
        }
    }
}
