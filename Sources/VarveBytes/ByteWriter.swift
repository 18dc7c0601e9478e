/// A growing buffer of bytes with one owner: what encoders write into and reuse.
///
/// Appends cost a bounds check and a store. Not for sharing: `takeBytes()` or `copyBytes()` makes
/// an array that can be sent on.
///
///     base                 base + count        base + capacity
///     | written bytes      | free              |
///
/// Invariant: `base` points to `capacity` bytes that this value alone owns, of which the first
/// `count` are initialised, and `count <= capacity`.
@safe
public struct ByteWriter: ~Copyable, @unchecked Sendable {
    // Sendable: the memory is owned by this value alone and moves with it.
    @usableFromInline var base: UnsafeMutableRawPointer
    @usableFromInline var capacity: Int
    /// Bytes written so far.
    public private(set) var count: Int {
        @inline(__always) get { _count }
        @inline(__always) set { _count = newValue }
    }
    @usableFromInline var _count: Int

    public init(capacity: Int = 256) {
        let room = max(capacity, 32)
        unsafe base = UnsafeMutableRawPointer.allocate(byteCount: room, alignment: 16)
        self.capacity = room
        _count = 0
    }

    deinit { unsafe base.deallocate() }

    /// The bytes written so far.
    @inlinable
    public var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            let span = unsafe RawSpan(
                _unsafeStart: UnsafeRawPointer(base), byteCount: _count)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Makes room for `more` bytes, so that appends up to there do not grow the buffer.
    @inlinable @inline(__always)
    public mutating func reserve(_ more: Int) {
        if capacity - _count < more { grow(more) }
    }

    @usableFromInline @inline(never)
    mutating func grow(_ more: Int) {
        let room = max(capacity * 2, _count + more)
        let next = UnsafeMutableRawPointer.allocate(byteCount: room, alignment: 16)
        unsafe next.copyMemory(from: base, byteCount: _count)
        unsafe base.deallocate()
        unsafe base = next
        capacity = room
    }

    /// Forgets what lies behind `newCount`.
    @inlinable
    public mutating func truncate(to newCount: Int) {
        precondition(newCount >= 0 && newCount <= _count)
        _count = newCount
    }

    /// Forgets everything and keeps the memory.
    @inlinable
    public mutating func removeAll() { _count = 0 }

    /// The bytes as an array; the buffer stays as it is.
    public borrowing func copyBytes() -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: _count) { target, initialized in
            if _count > 0 {
                unsafe UnsafeMutableRawPointer(target.baseAddress!)
                    .copyMemory(from: base, byteCount: _count)
            }
            initialized = _count
        }
    }

    /// The bytes as an array; the buffer is empty afterwards and keeps its memory.
    public mutating func takeBytes() -> [UInt8] {
        let result = copyBytes()
        _count = 0
        return result
    }
}

// MARK: - Appending

extension ByteWriter {
    @inlinable @inline(__always)
    public mutating func append(_ byte: UInt8) {
        reserve(1)
        unsafe base.storeBytes(of: byte, toByteOffset: _count, as: UInt8.self)
        _count &+= 1
    }

    @inlinable @inline(__always)
    mutating func appendWord<Word: FixedWidthInteger & BitwiseCopyable>(_ word: Word) {
        let size = MemoryLayout<Word>.size
        reserve(size)
        unsafe base.storeBytes(of: word.littleEndian, toByteOffset: _count, as: Word.self)
        _count &+= size
    }

    @inlinable @inline(__always)
    public mutating func append(u16 value: UInt16) { appendWord(value) }
    @inlinable @inline(__always)
    public mutating func append(u32 value: UInt32) { appendWord(value) }
    @inlinable @inline(__always)
    public mutating func append(u64 value: UInt64) { appendWord(value) }
    @inlinable @inline(__always)
    public mutating func append(i64 value: Int64) { appendWord(value) }

    /// Appends a minimal unsigned LEB128 of 1 to 10 bytes. Source: Spec 01, `varint`.
    @inlinable @inline(__always)
    public mutating func append(varint value: UInt64) {
        reserve(10)
        var rest = value
        var at = _count
        while rest >= 0x80 {
            unsafe base.storeBytes(
                of: UInt8(truncatingIfNeeded: rest) | 0x80, toByteOffset: at, as: UInt8.self)
            at &+= 1
            rest >>= 7
        }
        unsafe base.storeBytes(
            of: UInt8(truncatingIfNeeded: rest), toByteOffset: at, as: UInt8.self)
        _count = at &+ 1
    }

    /// Appends a non-negative count as a `varint`.
    @inlinable @inline(__always)
    public mutating func append(count value: Int) { append(varint: UInt64(value)) }

    /// Appends a signed integer, zigzag-mapped. Source: Spec 01, `svarint`.
    @inlinable @inline(__always)
    public mutating func append(svarint value: Int64) { append(varint: value.zigzag) }

    /// Appends a minimal unsigned LEB128 of 1 to 19 bytes. Source: Spec 01, `wide`.
    @inlinable
    public mutating func append(wide value: UInt128) {
        if let small = UInt64(exactly: value) {
            append(varint: small)
            return
        }
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }

    /// Appends a signed integer, zigzag-mapped. Source: Spec 01, `swide`.
    @inlinable
    public mutating func append(swide value: Int128) { append(wide: value.zigzag) }

    @inlinable @inline(__always)
    public mutating func append(_ bytes: RawSpan) {
        let size = bytes.byteCount
        reserve(size)
        unsafe bytes.withUnsafeBytes { source in
            if let start = source.baseAddress {
                unsafe (base + _count).copyMemory(from: start, byteCount: size)
            }
        }
        _count &+= size
    }

    @inlinable
    public mutating func append(_ bytes: [UInt8]) { append(bytes.raw) }

    /// Appends the length as a `varint`, then the bytes. Source: Spec 01, `bytes`.
    @inlinable @inline(__always)
    public mutating func append(counted bytes: RawSpan) {
        append(varint: UInt64(bytes.byteCount))
        append(bytes)
    }

    @inlinable
    public mutating func append(counted bytes: [UInt8]) { append(counted: bytes.raw) }

    /// Appends a string's UTF-8 bytes without their length.
    @inlinable
    public mutating func append(utf8 text: String) {
        var copy = text
        copy.withUTF8 { source in
            reserve(source.count)
            if let start = source.baseAddress {
                unsafe (base + _count).copyMemory(from: start, byteCount: source.count)
            }
            _count &+= source.count
        }
    }

    /// Appends a string as length and UTF-8. Source: Spec 01, `text`.
    @inlinable
    public mutating func append(text: String) {
        append(varint: UInt64(text.utf8.count))
        append(utf8: text)
    }

    @inlinable
    public mutating func append(_ hash: Hash256) {
        append(u64: hash.words.0)
        append(u64: hash.words.1)
        append(u64: hash.words.2)
        append(u64: hash.words.3)
    }

    @inlinable
    public mutating func append(repeating byte: UInt8, count: Int) {
        reserve(count)
        unsafe (base + _count).initializeMemory(as: UInt8.self, repeating: byte, count: count)
        _count &+= count
    }

    /// Overwrites bytes written before.
    @inlinable
    public mutating func overwrite(at offset: Int, u32 value: UInt32) {
        precondition(offset >= 0 && offset + 4 <= _count)
        unsafe base.storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt32.self)
    }

    /// Overwrites bytes written before.
    @inlinable
    public mutating func overwrite(at offset: Int, u64 value: UInt64) {
        precondition(offset >= 0 && offset + 8 <= _count)
        unsafe base.storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt64.self)
    }
}
