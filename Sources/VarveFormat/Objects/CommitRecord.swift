public import VarveBytes

/// What the archive records of one instant. Source: Spec 09, Commit.
public struct Checkpoint: Hashable, Sendable {
    /// The instant, in seconds since 1970.
    public var second: Int64
    /// Changes in the second before it.
    public var changes: UInt64
    public var items: UInt64
    /// Sum of the item sizes (Spec 03).
    public var bytes: UInt64
    /// Table digest of its state (Spec 05).
    public var digest: Hash256

    public init(second: Int64, changes: UInt64, items: UInt64, bytes: UInt64, digest: Hash256) {
        self.second = second
        self.changes = changes
        self.items = items
        self.bytes = bytes
        self.digest = digest
    }

    /// Microseconds since 1970.
    public var instant: Int64 { second * 1_000_000 }
}

/// An image or a run, as a commit or a layout lists it. Source: Spec 09.
public struct Piece: Hashable, Sendable {
    public enum Kind: UInt8, Sendable { case image = 1, run = 2 }

    public var kind: Kind
    /// Of an image equal to `to`. Microseconds since 1970.
    public var from: Int64
    /// The instant of an image; the end, exclusive for changes, of a run.
    public var to: Int64
    public var tree: TreeReference
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

    func encode(into output: inout ByteWriter) {
        output.append(kind.rawValue)
        output.append(i64: from)
        output.append(i64: to)
        tree.encode(into: &output)
        output.append(timeList == nil ? 0 : 1)
        if let timeList { output.append(timeList) }
    }

    init(from cursor: inout ByteCursor) throws(VarveError) {
        guard let kind = Kind(rawValue: try cursor.u8()) else {
            throw cursor.fault("a piece is neither image nor run")
        }
        self.kind = kind
        from = try cursor.i64()
        to = try cursor.i64()
        if kind == .image ? from != to || to % 1_000_000 != 0 : from > to {
            throw cursor.fault("a piece's times contradict its kind")
        }
        tree = try TreeReference(from: &cursor)
        let lists = try cursor.u8()
        if lists > 1 { throw cursor.fault("a piece has at most one time list") }
        timeList = lists == 1 ? try cursor.hash() : nil
    }
}

/// The immutable record of a stretch of a table's history. Source: Spec 09, Commit.
public struct CommitRecord: SealedRecord, Hashable {
    public static let objectType = ObjectType.commit

    /// What the commit's hash covers.
    public struct Logical: Hashable, Sendable {
        /// Sixteen bytes.
        public var table: [UInt8]
        public var sequence: UInt64
        /// Hash of the commit before, or of the table record.
        public var before: Hash256
        /// Its state does not follow from the commit before.
        public var beginsRange: Bool
        /// Only its checkpoints are exact, no second between them.
        public var onlyCheckpoints: Bool
        public var from: Int64
        public var to: Int64
        /// Ascending.
        public var checkpoints: [Checkpoint]
        /// State after the last change.
        public var changes: UInt64
        public var items: UInt64
        public var bytes: UInt64
        public var digest: Hash256
        public var changeDigest: Hash256
        public var sourceKind: String
        public var sourcePosition: [UInt8]

        public init(
            table: [UInt8], sequence: UInt64, before: Hash256, beginsRange: Bool,
            onlyCheckpoints: Bool, from: Int64, to: Int64, checkpoints: [Checkpoint],
            changes: UInt64, items: UInt64, bytes: UInt64, digest: Hash256,
            changeDigest: Hash256, sourceKind: String = "", sourcePosition: [UInt8] = []
        ) {
            self.table = table
            self.sequence = sequence
            self.before = before
            self.beginsRange = beginsRange
            self.onlyCheckpoints = onlyCheckpoints
            self.from = from
            self.to = to
            self.checkpoints = checkpoints
            self.changes = changes
            self.items = items
            self.bytes = bytes
            self.digest = digest
            self.changeDigest = changeDigest
            self.sourceKind = sourceKind
            self.sourcePosition = sourcePosition
        }
    }

    public var logical: Logical
    /// When it was written; microseconds since 1970. Not covered by the hash.
    public var written: Int64
    public var pieces: [Piece]
    /// Blob records that the trees need and no pack has.
    public var inline: [UInt8]

    public init(logical: Logical, written: Int64, pieces: [Piece], inline: [UInt8]) {
        self.logical = logical
        self.written = written
        self.pieces = pieces
        self.inline = inline
    }

    /// The commit's hash: of its logical part alone. Source: Spec 05.
    public var hash: Hash256 {
        var input = ByteWriter()
        input.append(utf8: "varve commit\0")
        logical.encode(into: &input)
        return sha256(input.bytes)
    }

    public func encodeBody(into output: inout ByteWriter) {
        var part = ByteWriter()
        logical.encode(into: &part)
        output.append(counted: part.bytes)
        part.removeAll()
        part.append(i64: written)
        part.append(count: pieces.count)
        for piece in pieces { piece.encode(into: &part) }
        output.append(counted: part.bytes)
        output.append(counted: inline)
    }

    public init(body: inout ByteCursor) throws(VarveError) {
        var part = ByteCursor(try body.counted())
        logical = try Logical(from: &part)
        try part.end()
        part = ByteCursor(try body.counted())
        written = try part.i64()
        pieces = []
        for _ in 0..<(try part.count(ofAtLeast: 19)) { pieces.append(try Piece(from: &part)) }
        try part.end()
        inline = try body.counted().copyBytes()
    }
}

extension CommitRecord.Logical {
    func encode(into output: inout ByteWriter) {
        output.append(table)
        output.append(varint: sequence)
        output.append(before)
        output.append((beginsRange ? 1 : 0) | (onlyCheckpoints ? 2 : 0))
        output.append(i64: from)
        output.append(i64: to)
        output.append(count: checkpoints.count)
        var last: Int64 = 0
        for checkpoint in checkpoints {
            output.append(svarint: checkpoint.second - last)
            last = checkpoint.second
            output.append(varint: checkpoint.changes)
            output.append(varint: checkpoint.items)
            output.append(varint: checkpoint.bytes)
            output.append(checkpoint.digest)
        }
        output.append(varint: changes)
        output.append(varint: items)
        output.append(varint: bytes)
        output.append(digest)
        output.append(changeDigest)
        output.append(text: sourceKind)
        output.append(counted: sourcePosition)
    }

    init(from cursor: inout ByteCursor) throws(VarveError) {
        table = try cursor.take(16).copyBytes()
        sequence = try cursor.varint()
        before = try cursor.hash()
        let flags = try cursor.u8()
        if flags > 3 { throw cursor.fault("unknown flags of a commit") }
        beginsRange = flags & 1 != 0
        onlyCheckpoints = flags & 2 != 0
        from = try cursor.i64()
        to = try cursor.i64()
        if from > to { throw cursor.fault("a commit ends before it begins") }
        checkpoints = []
        var last: Int64?
        for _ in 0..<(try cursor.count(ofAtLeast: 36)) {
            let (second, overflow) = (last ?? 0).addingReportingOverflow(try cursor.svarint())
            if overflow || abs(second / 2) > Instant.secondMax || last.map({ second <= $0 }) ?? false {
                throw cursor.fault("checkpoints are not ascending")
            }
            last = second
            checkpoints.append(
                Checkpoint(
                    second: second, changes: try cursor.varint(), items: try cursor.varint(),
                    bytes: try cursor.varint(), digest: try cursor.hash()))
        }
        changes = try cursor.varint()
        items = try cursor.varint()
        bytes = try cursor.varint()
        digest = try cursor.hash()
        changeDigest = try cursor.hash()
        sourceKind = try cursor.text()
        sourcePosition = try cursor.counted().copyBytes()
    }
}
