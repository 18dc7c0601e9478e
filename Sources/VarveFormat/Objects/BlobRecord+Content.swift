public import VarveBytes

extension BlobRecord {
    /// Appends a blob with its header, compressed if that saves a byte.
    /// - Parameters:
    ///   - plain: 1 … `plainBytesMax` bytes.
    ///   - id: the blob's id if it is known already: SHA-256 of `plain`.
    /// - Returns: the header.
    @discardableResult
    public static func append(
        _ plain: RawSpan, type: BlobType, effort: LZ4.Effort = .fast, id: Hash256? = nil,
        to writer: inout ByteWriter
    ) -> BlobRecord {
        precondition((1...plainBytesMax).contains(plain.byteCount), "a blob of forbidden size")
        let start = writer.count
        writer.append(repeating: 0, count: headerSize)
        let compressed = LZ4.compress(plain, into: &writer, effort: effort)
        if compressed == nil { writer.append(plain) }
        let record = BlobRecord(
            type: type, codec: compressed == nil ? .none : .lz4,
            storedBytes: UInt32(compressed ?? plain.byteCount),
            plainBytes: UInt32(plain.byteCount), id: id ?? sha256(plain))
        record.overwriteHeader(in: &writer, at: start)
        return record
    }

    /// Appends the blob's plain bytes, proven by its id.
    /// - Parameter stored: the `storedBytes` bytes behind the header.
    /// - Throws: `damaged`, with `output` as it was.
    public func appendPlain(
        of stored: RawSpan, to output: inout ByteWriter
    ) throws(VarveError) {
        guard stored.byteCount == Int(storedBytes) else {
            throw VarveError(.damaged, "a blob is cut short")
        }
        let start = output.count
        switch codec {
        case .none: output.append(stored)
        case .lz4: try LZ4.decompress(stored, plainSize: Int(plainBytes), into: &output)
        }
        let (isProven, isOfType) = prove(output.bytes.part(start, output.count))
        guard isProven, isOfType else {
            output.truncate(to: start)
            throw VarveError(
                .damaged,
                isProven
                    ? "a blob's type contradicts its contents"
                    : "a blob's bytes do not fit its id \(id)")
        }
    }

    /// Whether the plain bytes fit the id, and the type.
    private func prove(_ plain: RawSpan) -> (id: Bool, type: Bool) {
        // Pages say their type themselves (Spec 08); outlined values begin with a value's tag.
        (sha256(plain) == id, type == .outlinedValue || plain.byte(at: 0) == type.rawValue)
    }

    /// Reads header and blob, and appends the plain bytes, proven by the id.
    /// - Parameter record: exactly the record.
    /// - Throws: `damaged`, `unsupported`, with `output` as it was.
    @discardableResult
    public static func read(
        _ record: RawSpan, into output: inout ByteWriter
    ) throws(VarveError) -> BlobRecord {
        var cursor = ByteCursor(record)
        let header = try BlobRecord(header: &cursor)
        let stored = try cursor.take(Int(header.storedBytes))
        try cursor.end()
        try header.appendPlain(of: stored, to: &output)
        return header
    }

    /// Where the blobs lie in bytes that are blob records, one after another: what a commit or a
    /// layout holds in line. Their contents are not looked at. Source: Spec 09, `inline`.
    /// - Returns: in the order in which they lie, with offsets into these bytes.
    /// - Precondition: fewer than 2^32 bytes.
    /// - Throws: `damaged`, `unsupported`.
    public static func entries(ofSequence bytes: RawSpan) throws(VarveError) -> [PackEntry] {
        var cursor = ByteCursor(bytes)
        var entries: [PackEntry] = []
        while cursor.remaining > 0 {
            let offset = UInt32(cursor.offset)
            let record = try BlobRecord(header: &cursor)
            try cursor.skip(Int(record.storedBytes))
            entries.append(PackEntry(record, offset: offset))
        }
        return entries
    }

    /// Checks that bytes are blob records, one after another, and few enough for an object.
    /// - Throws: `invalidInput`.
    static func checkSequence(_ bytes: RawSpan) throws(VarveError) {
        if bytes.byteCount > SealedObject.sizeMax {
            throw VarveError(.invalidInput, "the blobs in line are too large for an object")
        }
        do {
            _ = try entries(ofSequence: bytes)
        } catch {
            throw VarveError(.invalidInput, "the blobs in line: \(error)")
        }
    }
}
