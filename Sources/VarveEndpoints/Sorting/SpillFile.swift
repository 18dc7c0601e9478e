import VarveBytes

/// The temporary file of a sort: written at its end, read anywhere.
///
/// Its name is removed as soon as it is open, so that nothing is left behind, whatever happens.
final class SpillFile {
    private let descriptor: FileDescriptor
    private let place: String
    private(set) var size = 0

    init(directory: String?) throws(VarveError) {
        let parent: String
        if let directory {
            parent = directory
            let name = "\(directory)/varve-sort-\(String(UInt64.random(in: 0 ... .max), radix: 16))"
            descriptor = try FileDescriptor(creating: name, mode: 0o600)
            try FileSystem.remove(name)
        } else {
            parent = try FileSystem.makeTemporaryDirectory(prefix: "varve-sort")
            descriptor = try FileDescriptor(creating: parent + "/runs", mode: 0o600)
            try FileSystem.removeTree(parent)
        }
        place = "the temporary file for sorting in \(FileSystem.parent(of: parent + "/runs"))"
    }

    func append(_ bytes: RawSpan) throws(VarveError) {
        do {
            try descriptor.write(bytes)
        } catch {
            throw VarveError(
                error.code, "\(error.message); TMPDIR may name another directory",
                at: place, cause: error.cause)
        }
        size += bytes.byteCount
    }

    /// Appends exactly the bytes `[offset, offset + count)` of the file to `output`.
    func read(at offset: Int, count: Int, into output: inout ByteWriter) throws(VarveError) {
        if try descriptor.read(at: offset, count: count, into: &output) != count { throw damage() }
    }

    /// What was written does not come back.
    func damage() -> VarveError {
        VarveError(.storage, "the bytes read are not those written; check the disk", at: place)
    }
}

/// A sorted sequence of rows in a spill file: blocks, one after another.
///
///     block := u32 stored length | u32 plain length | u32 crc32 of stored | stored bytes
///     row   := bytes key | bytes value | svarint file | svarint line | svarint byte
///
/// Stored bytes are an LZ4 block, or plain where that would not be shorter. A row's place is the
/// difference to the row before it in the block.
struct SpillRun: Sendable {
    var start: Int
    var end: Int

    static let blockHeaderSize = 12
}

/// Writes one run.
struct SpillRunWriter: ~Copyable {
    private let file: SpillFile
    private let blockBytes: Int
    private let start: Int
    private var block: ByteWriter
    private var stored = ByteWriter()
    private var last = RowOrigin(file: 0, line: 0, byte: 0)

    init(_ file: SpillFile, blockBytes: Int) {
        self.file = file
        self.blockBytes = blockBytes
        start = file.size
        block = ByteWriter(capacity: blockBytes + blockBytes / 4)
    }

    mutating func append(key: RawSpan, value: RawSpan, origin: RowOrigin) throws(VarveError) {
        block.append(count: key.byteCount)
        block.append(key)
        block.append(count: value.byteCount)
        block.append(value)
        block.append(svarint: Int64(origin.file - last.file))
        block.append(svarint: origin.line - last.line)
        block.append(svarint: origin.byte - last.byte)
        last = origin
        if block.count >= blockBytes { try flush() }
    }

    private mutating func flush() throws(VarveError) {
        if block.count == 0 { return }
        stored.removeAll()
        stored.append(repeating: 0, count: SpillRun.blockHeaderSize)
        stored.appendCompressed(block)
        let size = stored.count - SpillRun.blockHeaderSize
        let check = crc32(stored.bytes.part(SpillRun.blockHeaderSize, stored.count))
        stored.overwrite(at: 0, u32: UInt32(size))
        stored.overwrite(at: 4, u32: UInt32(block.count))
        stored.overwrite(at: 8, u32: check)
        try file.append(stored.bytes)
        block.removeAll()
        last = RowOrigin(file: 0, line: 0, byte: 0)
    }

    /// Writes what is left.
    mutating func finish() throws(VarveError) -> SpillRun {
        try flush()
        return SpillRun(start: start, end: file.size)
    }
}

/// Reads one run, row by row.
struct SpillRunReader: ~Copyable {
    private let file: SpillFile
    private var at: Int
    private let end: Int
    private var stored = ByteWriter()
    private var block = ByteWriter()
    private var next = 0
    private var keyRange = 0..<0
    private var valueRange = 0..<0
    private(set) var origin = RowOrigin(file: 0, line: 0, byte: 0)

    init(_ file: SpillFile, _ run: SpillRun) {
        self.file = file
        at = run.start
        end = run.end
    }

    /// The current row's key.
    var key: RawSpan {
        @_lifetime(borrow self)
        get { block.bytes.part(keyRange.lowerBound, keyRange.upperBound) }
    }

    /// The current row's value.
    var value: RawSpan {
        @_lifetime(borrow self)
        get { block.bytes.part(valueRange.lowerBound, valueRange.upperBound) }
    }

    func keyWord(from start: Int) -> UInt64 { key.orderWord(from: start) }

    func keyOrder(_ other: borrowing SpillRunReader) -> Int { key.order(other.key) }

    /// Goes to the next row, at first to the first one.
    /// - Returns: false behind the last row.
    mutating func advance() throws(VarveError) -> Bool {
        if next == block.count {
            if at == end { return false }
            try load()
        }
        var place = origin
        var cursor = ByteCursor(block.bytes)
        try cursor.skip(next)
        let keySize = try cursor.count()
        let keyStart = cursor.offset
        try cursor.skip(keySize)
        let valueSize = try cursor.count()
        let valueStart = cursor.offset
        try cursor.skip(valueSize)
        place.file += Int32(try cursor.svarint())
        place.line += try cursor.svarint()
        place.byte += try cursor.svarint()
        next = cursor.offset
        keyRange = keyStart..<keyStart + keySize
        valueRange = valueStart..<valueStart + valueSize
        origin = place
        return true
    }

    private mutating func load() throws(VarveError) {
        stored.removeAll()
        try file.read(at: at, count: SpillRun.blockHeaderSize, into: &stored)
        let sizes = stored.bytes.word(at: 0)
        let check = UInt32(truncatingIfNeeded: stored.bytes.word(at: 4) >> 32)
        let (size, plainSize) = (Int(sizes & 0xffff_ffff), Int(sizes >> 32))
        at += SpillRun.blockHeaderSize
        if size > end - at { throw file.damage() }
        stored.removeAll()
        try file.read(at: at, count: size, into: &stored)
        at += size
        if crc32(stored.bytes) != check { throw file.damage() }
        block.removeAll()
        try block.appendDecompressed(stored, plainSize: plainSize)
        next = 0
        origin = RowOrigin(file: 0, line: 0, byte: 0)
    }
}

extension ByteWriter {
    /// Appends another buffer's bytes as an LZ4 block, or as they are if that is not shorter.
    fileprivate mutating func appendCompressed(_ plain: borrowing ByteWriter) {
        if LZ4.compress(plain.bytes, into: &self) == nil { append(plain.bytes) }
    }

    /// Undoes `appendCompressed`.
    fileprivate mutating func appendDecompressed(
        _ stored: borrowing ByteWriter, plainSize: Int
    ) throws(VarveError) {
        if stored.count == plainSize {
            append(stored.bytes)
        } else {
            try LZ4.decompress(stored.bytes, plainSize: plainSize, into: &self)
        }
    }
}
