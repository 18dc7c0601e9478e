import VarveBytes

/// The plain bytes of a file or of standard input, inflated if they are gzip: read once, forward.
final class SourceInput {
    /// The file's path, or `standard input`.
    let name: String
    let isGzip: Bool
    /// Size of the file as it is stored; nil for a pipe.
    let storedSize: Int64?
    /// Bytes of the file read so far, as they are stored.
    private(set) var storedCount: Int64 = 0
    /// Plain bytes handed out so far.
    private(set) var plainCount: Int64 = 0

    private let file: FileDescriptor
    private let readLimit: Int
    private var digest: MD5Hasher?
    private var stored = ByteWriter()
    private var storedAt = 0
    private var gzip = GzipReader()
    private var peeked = ByteWriter()
    private var peekedAt = 0

    /// - Parameters:
    ///   - readLimit: bytes asked of the system at once.
    ///   - hashes: whether to compute the MD5 of the stored bytes.
    init(
        _ file: consuming FileDescriptor, readLimit: Int = 1 << 20, hashes: Bool = false
    ) throws(VarveError) {
        precondition(readLimit > 0)
        name = file.path
        let metadata = try file.metadata()
        storedSize = metadata.kind == .file ? Int64(metadata.size) : nil
        self.readLimit = readLimit
        digest = hashes ? MD5Hasher() : nil
        // Two bytes tell, which a pipe may deliver one by one.
        while stored.count < 2 {
            if try file.read(into: &stored, atMost: min(readLimit, 1 << 16)) == 0 { break }
        }
        isGzip = GzipReader.recognises(stored.bytes)
        self.file = file
        note(from: 0)
    }

    /// Takes note of what was read from the file into `stored`.
    private func note(from start: Int) {
        storedCount += Int64(stored.count - start)
        update(&digest, stored, from: start)
    }

    private func update(
        _ digest: inout MD5Hasher?, _ bytes: borrowing ByteWriter, from start: Int
    ) {
        digest?.update(bytes.bytes.part(start, bytes.bytes.byteCount))
    }

    /// The MD5 of the stored bytes, once all are read.
    func takeDigest() -> [UInt8]? { digest?.finish() }

    /// Appends at most `limit` plain bytes.
    /// - Returns: how many; 0 only at the end.
    func read(into output: inout ByteWriter, atMost limit: Int) throws(VarveError) -> Int {
        let count: Int
        if peekedAt < peeked.count {
            count = drain(peeked, &peekedAt, into: &output, atMost: limit)
            if peekedAt == peeked.count {
                peeked = ByteWriter()
                peekedAt = 0
            }
        } else {
            count = try readOn(into: &output, atMost: limit)
        }
        plainCount += Int64(count)
        return count
    }

    /// Whether the next read could wait for whoever writes: nothing that has come is left over.
    var isWaiting: Bool {
        storedSize == nil && peekedAt == peeked.count && storedAt == stored.count
            && !gzip.hasPendingOutput && !file.isReadable()
    }

    /// Goes on at a plain offset that lies ahead.
    /// - Throws: `invalidInput` if the input ends before.
    func skip(to offset: Int64) throws(VarveError) {
        if !isGzip, let storedSize, offset <= storedSize, offset > plainCount {
            try file.seek(to: Int(offset))
            stored.removeAll()
            peeked.removeAll()
            (storedAt, peekedAt) = (0, 0)
            (storedCount, plainCount) = (offset, offset)
        }
        var scratch = ByteWriter(capacity: 1 << 16)
        while plainCount < offset {
            scratch.removeAll()
            let room = min(Int64(1 << 16), offset - plainCount)
            if try read(into: &scratch, atMost: Int(room)) == 0 {
                throw VarveError(
                    .invalidInput,
                    "the file ends before byte \(offset), where reading was to go on",
                    at: name)
            }
        }
    }

    /// The bytes to come, up to and with the first line feed, as far as they are at most `limit`.
    func peekLine(_ limit: Int) throws(VarveError) -> [UInt8] {
        var searched = peekedAt
        while true {
            if let end = Self.lineEnd(peeked, from: searched) {
                return Array(copy(peeked, from: peekedAt).prefix(min(end - peekedAt, limit)))
            }
            searched = peeked.count
            if peeked.count - peekedAt >= limit { break }
            if try readOn(into: &peeked, atMost: min(limit, 1 << 16)) == 0 { break }
        }
        return Array(copy(peeked, from: peekedAt).prefix(limit))
    }

    private static func lineEnd(_ bytes: borrowing ByteWriter, from start: Int) -> Int? {
        bytes.bytes.firstOffset(of: UInt8(ascii: "\n"), from: start).map { $0 + 1 }
    }

    /// The bytes to come, at least `wanted` unless the input ends before; they stay unread.
    func peek(_ wanted: Int) throws(VarveError) -> [UInt8] {
        while peeked.count - peekedAt < wanted {
            let more = wanted - (peeked.count - peekedAt)
            if try readOn(into: &peeked, atMost: more) == 0 { break }
        }
        return Array(copy(peeked, from: peekedAt).prefix(wanted))
    }

    /// Skips the mark that some programs for Windows write in front of UTF-8.
    func skipByteOrderMark() throws(VarveError) {
        guard try peek(3) == [0xef, 0xbb, 0xbf] else { return }
        var mark = ByteWriter()
        _ = try read(into: &mark, atMost: 3)
    }

    private func copy(_ bytes: borrowing ByteWriter, from start: Int) -> [UInt8] {
        bytes.bytes.part(start, bytes.bytes.byteCount).copyBytes()
    }

    private func drain(
        _ source: borrowing ByteWriter, _ at: inout Int, into output: inout ByteWriter,
        atMost limit: Int
    ) -> Int {
        let count = min(limit, source.bytes.byteCount - at)
        output.append(source.bytes.part(at, at + count))
        at += count
        return count
    }

    private func readOn(into output: inout ByteWriter, atMost limit: Int) throws(VarveError) -> Int
    {
        if isGzip { return try inflate(into: &output, atMost: limit) }
        if storedAt < stored.count {
            return drain(stored, &storedAt, into: &output, atMost: limit)
        }
        let start = output.count
        let count = try file.read(into: &output, atMost: min(limit, readLimit))
        storedCount += Int64(count)
        update(&digest, output, from: start)
        return count
    }

    private func inflate(into output: inout ByteWriter, atMost limit: Int) throws(VarveError) -> Int
    {
        let start = output.count
        do {
            while output.count == start {
                if storedAt == stored.count, !gzip.hasPendingOutput {
                    stored.removeAll()
                    storedAt = 0
                    if try file.read(into: &stored, atMost: min(readLimit, 1 << 18)) == 0 {
                        try gzip.finish()
                        return 0
                    }
                    note(from: 0)
                }
                storedAt += try Self.inflate(&gzip, stored, storedAt, &output, limit)
            }
        } catch {
            throw error.code == .invalidInput ? error.located(in: name) : error
        }
        return output.count - start
    }

    private static func inflate(
        _ gzip: inout GzipReader, _ stored: borrowing ByteWriter, _ at: Int,
        _ output: inout ByteWriter, _ room: Int
    ) throws(VarveError) -> Int {
        try gzip.inflate(
            stored.bytes.part(at, stored.bytes.byteCount), into: &output, room: room)
    }
}
