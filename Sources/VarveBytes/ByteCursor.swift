/// Reads a structure from bytes that may be hostile: every read checks its bounds and throws
/// `VarveError.damaged` with the offset; nothing traps.
public struct ByteCursor: ~Escapable {
    /// All the bytes, read or not.
    public let bytes: RawSpan
    /// Bytes read so far.
    @inlinable public var offset: Int { @inline(__always) get { _offset } }
    @usableFromInline var _offset = 0

    @inlinable @inline(__always)
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) { self.bytes = bytes }

    /// Bytes not read yet.
    @inlinable @inline(__always)
    public var remaining: Int { bytes.byteCount &- _offset }

    /// An error at the current offset.
    @inline(never)
    public func fault(_ message: String) -> VarveError {
        VarveError(.damaged, message, at: "offset \(_offset)")
    }

    @inlinable @inline(__always)
    func need(_ count: Int) throws(VarveError) {
        if count < 0 || count > remaining { throw fault("the bytes end too early") }
    }
}

extension ByteCursor {
    @inlinable @inline(__always)
    public mutating func u8() throws(VarveError) -> UInt8 {
        try need(1)
        let value = unsafe bytes.unsafeLoad(fromUncheckedByteOffset: _offset, as: UInt8.self)
        _offset &+= 1
        return value
    }

    @inlinable @inline(__always)
    mutating func word<Word: FixedWidthInteger & BitwiseCopyable>(
        _: Word.Type
    ) throws(VarveError) -> Word {
        try need(MemoryLayout<Word>.size)
        let value = unsafe bytes.unsafeLoadUnaligned(
            fromUncheckedByteOffset: _offset, as: Word.self)
        _offset &+= MemoryLayout<Word>.size
        return Word(littleEndian: value)
    }

    @inlinable @inline(__always)
    public mutating func u16() throws(VarveError) -> UInt16 { try word(UInt16.self) }
    @inlinable @inline(__always)
    public mutating func u32() throws(VarveError) -> UInt32 { try word(UInt32.self) }
    @inlinable @inline(__always)
    public mutating func u64() throws(VarveError) -> UInt64 { try word(UInt64.self) }
    @inlinable @inline(__always)
    public mutating func i64() throws(VarveError) -> Int64 { try word(Int64.self) }

    /// Reads a minimal `varint`. Source: Spec 01.
    @inlinable @inline(__always)
    public mutating func varint() throws(VarveError) -> UInt64 {
        let first = try u8()
        if first < 0x80 { return UInt64(first) }
        return try longVarint(first)
    }

    @usableFromInline
    mutating func longVarint(_ first: UInt8) throws(VarveError) -> UInt64 {
        // Most long ones have two or three bytes.
        if remaining >= 2 {
            let low = UInt64(first & 0x7f)
            let second = UInt64(bytes.byte(at: offset))
            if second < 0x80 && second > 0 {
                try skip(1)
                return low | second << 7
            }
            let third = UInt64(bytes.byte(at: offset &+ 1))
            if second >= 0x80 && third < 0x80 && third > 0 {
                try skip(2)
                return low | (second & 0x7f) << 7 | third << 14
            }
        }
        var value = UInt64(first & 0x7f)
        var shift: UInt64 = 7
        while true {
            let byte = try u8()
            if shift == 63 && byte > 1 { throw fault("a varint exceeds 64 bits") }
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 {
                if byte == 0 { throw fault("a varint is not minimal") }
                return value
            }
            shift += 7
        }
    }

    @inlinable @inline(__always)
    public mutating func svarint() throws(VarveError) -> Int64 {
        Int64(zigzag: try varint())
    }

    /// Reads a minimal `wide`. Source: Spec 01.
    public mutating func wide() throws(VarveError) -> UInt128 {
        var value: UInt128 = 0
        var shift: UInt128 = 0
        while true {
            let byte = try u8()
            if shift == 126 && byte > 3 { throw fault("an integer exceeds 128 bits") }
            value |= UInt128(byte & 0x7f) << shift
            if byte < 0x80 {
                if byte == 0 && shift > 0 { throw fault("a varint is not minimal") }
                return value
            }
            shift += 7
        }
    }

    public mutating func swide() throws(VarveError) -> Int128 { Int128(zigzag: try wide()) }

    /// Reads a `varint` that counts things of at least `size` bytes each, and makes sure that the
    /// remaining bytes can hold them: the check that stands before every allocation.
    @inlinable
    public mutating func count(ofAtLeast size: Int = 1) throws(VarveError) -> Int {
        let value = try varint()
        if value > UInt64(remaining / max(size, 1)) {
            throw fault("a count of \(value) exceeds what the remaining bytes can hold")
        }
        return Int(value)
    }

    /// Reads `count` bytes.
    @inlinable @inline(__always)
    @_lifetime(copy self)
    public mutating func take(_ count: Int) throws(VarveError) -> RawSpan {
        try need(count)
        let start = _offset
        _offset &+= count
        return unsafe bytes.extracting(unchecked: start..<start &+ count)
    }

    /// Skips `count` bytes.
    @inlinable @inline(__always)
    public mutating func skip(_ count: Int) throws(VarveError) {
        try need(count)
        _offset &+= count
    }

    /// Reads a length and so many bytes. Source: Spec 01, `bytes`.
    @inlinable @inline(__always)
    @_lifetime(copy self)
    public mutating func counted() throws(VarveError) -> RawSpan {
        let size = try varint()
        if size > UInt64(remaining) { throw fault("a length of \(size) exceeds the bytes") }
        return try take(Int(size))
    }

    /// Reads a length and a valid UTF-8 string of at most `limit` bytes. Source: Spec 01, `text`.
    public mutating func text(limit: Int = 65_535) throws(VarveError) -> String {
        let span = try counted()
        if span.byteCount > limit { throw fault("a text is longer than \(limit) bytes") }
        guard let text = String(validating: span) else { throw fault("a text is not UTF-8") }
        return text
    }

    public mutating func hash() throws(VarveError) -> Hash256 {
        Hash256(words: (try u64(), try u64(), try u64(), try u64()))
    }

    /// Requires that every byte was read.
    public func end() throws(VarveError) {
        if remaining != 0 { throw fault("\(remaining) bytes are left over") }
    }
}
