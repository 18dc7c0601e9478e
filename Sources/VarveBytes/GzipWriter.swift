internal import CZlib

/// Makes one gzip member (RFC 1952) of parts that may be deflated at the same time.
///
/// Each part is deflated alone and ends on a byte boundary, so that parts stand one after another
/// in the member and every program that reads gzip reads them; the checksums are combined. Parts of
/// about a mebibyte lose less than one per cent against one stream, and use every core.
///
///     | header, 10 bytes | part | part | … | 03 00 | crc32 | plain length modulo 2^32 |
///
/// The bytes depend on the parts and the level alone: no name, no time.
public struct GzipWriter: Sendable {
    /// What a deflated part adds to its member.
    public struct Part: Sendable, Hashable {
        public let plainCount: Int
        let crc: UInt32
    }

    /// zlib's own default: the usual trade of time for size.
    public static let defaultLevel = 6

    private var crc: UInt32 = 0
    private var plainCount: UInt64 = 0

    public init() {}

    /// Appends the member's header.
    public func begin(into output: inout ByteWriter) {
        // Magic, deflate, no flags, no time, no extra flags, unix.
        for byte: UInt8 in [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3] { output.append(byte) }
    }

    /// Takes note of a part whose bytes follow the ones before.
    public mutating func add(_ part: Part) {
        crc = UInt32(
            truncatingIfNeeded: crc32_combine(UInt(crc), UInt(part.crc), part.plainCount))
        plainCount &+= UInt64(part.plainCount)
    }

    /// Appends the last, empty block and the trailer.
    public func end(into output: inout ByteWriter) {
        output.append(0x03)
        output.append(0x00)
        output.append(u32: crc)
        output.append(u32: UInt32(truncatingIfNeeded: plainCount))
    }

    /// Deflates one part: a pure function, which may run on any thread.
    /// - Parameter level: 1 (fast) to 9 (small).
    /// - Precondition: the part is below 1 GiB.
    public static func deflate(
        _ bytes: RawSpan, level: Int = defaultLevel, into output: inout ByteWriter
    ) -> Part {
        precondition(level >= 1 && level <= 9 && bytes.byteCount < 1 << 30)
        let part = Part(plainCount: bytes.byteCount, crc: VarveBytes.crc32(bytes))
        if bytes.byteCount == 0 { return part }
        var stream = unsafe z_stream()
        // Negative window bits: deflate alone, without header and trailer.
        let status = unsafe deflateInit2_(
            &stream, Int32(level), Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        precondition(status == Z_OK)
        // Beyond zlib's bound, the empty block that ends the part on a byte boundary.
        let room = unsafe Int(deflateBound(&stream, UInt(bytes.byteCount))) + 64
        _ = unsafe output.appendUninitialized(atMost: room) { target in
            unsafe bytes.withUnsafeBytes { source in
                let from = unsafe source.baseAddress!.assumingMemoryBound(to: UInt8.self)
                unsafe stream.next_in = UnsafeMutablePointer(mutating: from)
                unsafe stream.avail_in = UInt32(source.count)
                unsafe stream.next_out = target.assumingMemoryBound(to: UInt8.self)
                unsafe stream.avail_out = UInt32(room)
                let flushed = unsafe CZlib.deflate(&stream, Z_SYNC_FLUSH)
                let rest = unsafe stream.avail_in
                precondition(flushed == Z_OK && rest == 0)
                return unsafe room - Int(stream.avail_out)
            }
        }
        // The stream was not finished on purpose: zlib calls that a data error.
        _ = unsafe deflateEnd(&stream)
        return part
    }
}
