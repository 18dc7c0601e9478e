public import VarveBytes

/// The immutable record of a stretch of a table's history: an object under
/// `tables/<id>/commits/`. Source: Spec 09, "Commit".
public struct CommitRecord: Hashable, Sendable {
    /// An instant whose state the commit proves.
    public struct Checkpoint: Hashable, Sendable {
        public var instant: Instant
        /// Changes of the second before it.
        public var changes: UInt64
        /// Items of its state.
        public var items: UInt64
        /// Sum of their sizes.
        public var bytes: UInt64
        /// Table digest of its state.
        public var digest: Hash256

        public init(
            instant: Instant, changes: UInt64, items: UInt64, bytes: UInt64, digest: Hash256
        ) {
            self.instant = instant
            self.changes = changes
            self.items = items
            self.bytes = bytes
            self.digest = digest
        }
    }

    /// What the chain of hashes covers. It names no blob, so that pages may be laid out anew.
    public struct Logical: Hashable, Sendable {
        public var table: TableID
        public var sequence: UInt64
        /// Hash of the commit with the sequence before; of sequence 0 the table's hash.
        public var before: Hash256
        /// Whether its state does not follow from the commit before.
        public var beginsRange: Bool
        /// Whether only its checkpoints, and no instants between them, are exact.
        public var isExactAtCheckpointsOnly: Bool
        /// Whether its range ends with it: what came next could not be recorded.
        public var closesRange: Bool
        /// Microseconds since 1970; its changes are those of `[from, to)`. If it closes its range,
        /// it has none, and instants after `from` up to `to` are in doubt.
        public var from: Int64
        public var to: Int64
        /// Ascending.
        public var checkpoints: [Checkpoint]
        public var changes: UInt64
        /// Items, their sizes and the table digest after the last change.
        public var items: UInt64
        public var bytes: UInt64
        public var digest: Hash256
        /// Change digest of all its changes.
        public var changeDigest: Hash256
        /// Where a recorder goes on; both may be empty.
        public var sourceKind: String
        public var sourcePosition: [UInt8]

        public init(
            table: TableID, sequence: UInt64, before: Hash256, beginsRange: Bool,
            isExactAtCheckpointsOnly: Bool, from: Int64, to: Int64, checkpoints: [Checkpoint],
            changes: UInt64, items: UInt64, bytes: UInt64, digest: Hash256,
            changeDigest: Hash256, sourceKind: String = "", sourcePosition: [UInt8] = [],
            closesRange: Bool = false
        ) {
            self.table = table
            self.sequence = sequence
            self.before = before
            self.beginsRange = beginsRange
            self.isExactAtCheckpointsOnly = isExactAtCheckpointsOnly
            self.closesRange = closesRange
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

        /// Bytes that its checkpoints take in it. Complexity: O(checkpoints).
        public var checkpointBytes: Int {
            var writer = ByteWriter(capacity: 1 << 16)
            var second: Int64 = 0
            var bytes = 0
            for from in stride(from: 0, to: checkpoints.count, by: 512) {
                encode(from..<min(from + 512, checkpoints.count), after: &second, into: &writer)
                bytes += writer.bytes.byteCount
                writer.removeAll()
            }
            return bytes
        }

        /// The commit's hash. Complexity: O(checkpoints). Source: Spec 05.
        public var hash: Hash256 {
            var hasher = SHA256Hasher()
            var writer = ByteWriter(capacity: 1 << 16)
            writer.append(utf8: "varve commit\0")
            encodeHead(into: &writer)
            // A commit may have many checkpoints: a part of them at a time.
            var second: Int64 = 0
            for from in stride(from: 0, to: checkpoints.count, by: 512) {
                encode(from..<min(from + 512, checkpoints.count), after: &second, into: &writer)
                hasher.update(writer.bytes)
                writer.removeAll()
            }
            encodeTail(into: &writer)
            hasher.update(writer.bytes)
            return hasher.finish()
        }
    }

    public var logical: Logical
    /// Microseconds since 1970.
    public var written: Int64
    public var pieces: [Piece]
    /// Blob records, one after another, that the commit's trees need and no pack has.
    public var inline: [UInt8]

    public init(logical: Logical, written: Int64, pieces: [Piece], inline: [UInt8]) {
        self.logical = logical
        self.written = written
        self.pieces = pieces
        self.inline = inline
    }

    /// The commit's hash, which covers the logical part. Complexity: O(checkpoints).
    public var hash: Hash256 { logical.hash }
}

extension CommitRecord: SealedRecord {
    public static var objectType: ObjectType { .commit }

    public func encodeBody(into writer: inout ByteWriter) {
        var part = ByteWriter(capacity: 512)
        logical.encode(into: &part)
        writer.append(counted: part.bytes)
        part.removeAll()
        part.append(i64: written)
        part.append(count: pieces.count)
        for piece in pieces { piece.encode(into: &part) }
        writer.append(counted: part.bytes)
        writer.append(counted: inline)
    }

    public init(body cursor: inout ByteCursor) throws(VarveError) {
        var part = ByteCursor(try cursor.counted())
        do {
            logical = try Logical(from: &part)
            try part.end()
        } catch {
            throw error.located(in: "logical part")
        }
        var physical = ByteCursor(try cursor.counted())
        do {
            written = try physical.i64()
            let count = try physical.count(ofAtLeast: Piece.sizeMin)
            pieces = []
            pieces.reserveCapacity(count)
            for _ in 0..<count { pieces.append(try Piece(from: &physical)) }
            try physical.end()
        } catch {
            throw error.located(in: "physical part")
        }
        inline = try cursor.counted().copyBytes()
    }

    public func check() throws(VarveError) {
        try logical.check()
        try RecordRules.checkTime(written, "the time of writing")
        for piece in pieces { try piece.check() }
        if logical.closesRange {
            let isEmptyRun = pieces.allSatisfy { piece in
                piece.kind == .run && piece.from == logical.to && piece.to == logical.to
                    && piece.tree.entries == 0
            }
            guard isEmptyRun else {
                throw RecordRules.fault("the piece of a commit that closes a range is no empty run")
            }
        }
        try BlobRecord.checkSequence(inline.raw)
    }
}

// MARK: - The logical part

extension CommitRecord.Logical {
    private static let flagBeginsRange: UInt8 = 1
    private static let flagCheckpointsOnly: UInt8 = 2
    private static let flagCloses: UInt8 = 4
    /// Least number of bytes that a checkpoint takes.
    private static let checkpointSizeMin = 36

    func encode(into writer: inout ByteWriter) {
        encodeHead(into: &writer)
        var second: Int64 = 0
        encode(checkpoints.indices, after: &second, into: &writer)
        encodeTail(into: &writer)
    }

    private func encodeHead(into writer: inout ByteWriter) {
        table.encode(into: &writer)
        writer.append(varint: sequence)
        writer.append(before)
        writer.append(
            (beginsRange ? Self.flagBeginsRange : 0)
                | (isExactAtCheckpointsOnly ? Self.flagCheckpointsOnly : 0)
                | (closesRange ? Self.flagCloses : 0))
        writer.append(i64: from)
        writer.append(i64: to)
        writer.append(count: checkpoints.count)
    }

    /// Appends some of the checkpoints.
    /// - Parameter second: of the checkpoint before; 0 before the first.
    private func encode(
        _ range: Range<Int>, after second: inout Int64, into writer: inout ByteWriter
    ) {
        for checkpoint in checkpoints[range] {
            writer.append(svarint: checkpoint.instant.second - second)
            second = checkpoint.instant.second
            writer.append(varint: checkpoint.changes)
            writer.append(varint: checkpoint.items)
            writer.append(varint: checkpoint.bytes)
            writer.append(checkpoint.digest)
        }
    }

    private func encodeTail(into writer: inout ByteWriter) {
        writer.append(varint: changes)
        writer.append(varint: items)
        writer.append(varint: bytes)
        writer.append(digest)
        writer.append(changeDigest)
        writer.append(text: sourceKind)
        writer.append(counted: sourcePosition)
    }

    init(from cursor: inout ByteCursor) throws(VarveError) {
        table = try TableID(from: &cursor)
        sequence = try cursor.varint()
        before = try cursor.hash()
        let flags = try cursor.u8()
        if flags > 7 { throw cursor.fault("a flag is not known") }
        beginsRange = flags & Self.flagBeginsRange != 0
        isExactAtCheckpointsOnly = flags & Self.flagCheckpointsOnly != 0
        closesRange = flags & Self.flagCloses != 0
        from = try cursor.i64()
        to = try cursor.i64()
        let count = try cursor.count(ofAtLeast: Self.checkpointSizeMin)
        checkpoints = []
        checkpoints.reserveCapacity(count)
        var second: Int64 = 0
        for _ in 0..<count {
            let (next, overflow) = second.addingReportingOverflow(try cursor.svarint())
            guard !overflow, let instant = Instant(second: next) else {
                throw cursor.fault("a checkpoint is outside the years 0001 to 9999")
            }
            second = next
            checkpoints.append(
                CommitRecord.Checkpoint(
                    instant: instant, changes: try cursor.varint(), items: try cursor.varint(),
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

    func check() throws(VarveError) {
        try RecordRules.checkNumber(sequence, "the commit's sequence")
        try RecordRules.checkStretch(from, to, "the commit")
        try RecordRules.checkText(sourceKind, "the kind of the source")
        if sourcePosition.count > RecordRules.textBytesMax {
            throw RecordRules.fault("the position in the source is too long")
        }
        if closesRange {
            guard !beginsRange, checkpoints.isEmpty, changes == 0, changeDigest == .zero
            else { throw RecordRules.fault("a commit that closes a range holds more than that") }
            if from < to, Instant(microseconds: from) == nil {
                throw RecordRules.fault("the last sound instant is not a whole second")
            }
        }
        for (index, checkpoint) in checkpoints.enumerated() {
            if index > 0, checkpoint.instant <= checkpoints[index - 1].instant {
                throw RecordRules.fault("the checkpoints are not ascending")
            }
            let time = checkpoint.instant.microseconds
            if time < from || time > to {
                throw RecordRules.fault("a checkpoint lies outside its commit")
            }
        }
    }
}
