#if canImport(Glibc)
    internal import Glibc
#endif

extension RawSpan {
    /// The bytes as an array.
    @inlinable
    public func copyBytes() -> [UInt8] {
        unsafe withUnsafeBytes { unsafe [UInt8]($0) }
    }

    /// The byte at `offset`, bounds checked.
    @inlinable @inline(__always)
    public func byte(at offset: Int) -> UInt8 {
        precondition(offset >= 0 && offset < byteCount)
        return unsafe unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
    }

    /// The eight bytes at `offset` as a little-endian word, bounds checked.
    @inlinable @inline(__always)
    public func word(at offset: Int) -> UInt64 {
        precondition(offset >= 0 && offset <= byteCount &- 8)
        return UInt64(
            littleEndian: unsafe unsafeLoadUnaligned(
                fromUncheckedByteOffset: offset, as: UInt64.self))
    }

    /// The part `[start, end)`, bounds checked.
    @inlinable @inline(__always)
    @_lifetime(copy self)
    public func part(_ start: Int, _ end: Int) -> RawSpan {
        precondition(start >= 0 && start <= end && end <= byteCount)
        return unsafe extracting(unchecked: start..<end)
    }

    /// Whether both hold the same bytes.
    @inlinable @inline(__always)
    public func equals(_ other: borrowing RawSpan) -> Bool {
        byteCount == other.byteCount && (byteCount == 0 || compareBytes(self, other) == 0)
    }

    /// Whether these bytes come before the others, by unsigned bytes, a prefix first.
    @inlinable @inline(__always)
    public func precedes(_ other: borrowing RawSpan) -> Bool { order(other) < 0 }

    /// Negative, zero or positive as these bytes come before, equal or follow the others.
    @inlinable
    public func order(_ other: borrowing RawSpan) -> Int {
        let common = compareBytes(self, other)
        return common != 0 ? common : byteCount &- other.byteCount
    }

    /// Length of the longest common prefix.
    @inlinable
    public func sharedPrefix(_ other: borrowing RawSpan) -> Int {
        let limit = min(byteCount, other.byteCount)
        var at = 0
        while at &+ 8 <= limit {
            let difference =
                unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: at, as: UInt64.self)
                ^ other.unsafeLoadUnaligned(fromUncheckedByteOffset: at, as: UInt64.self)
            if difference != 0 {
                return at &+ UInt64(littleEndian: difference).trailingZeroBitCount / 8
            }
            at &+= 8
        }
        while at < limit, byte(at: at) == other.byte(at: at) { at &+= 1 }
        return at
    }

    /// Offset of the first `byte` at or after `start`, or nil.
    public func firstOffset(of byte: UInt8, from start: Int = 0) -> Int? {
        precondition(start >= 0 && start <= byteCount)
        return unsafe withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress, start < buffer.count else { return nil }
            guard let hit = unsafe memchr(base + start, Int32(byte), buffer.count - start) else {
                return nil
            }
            return unsafe UnsafeRawPointer(hit) - base
        }
    }

    /// Offset of the last `byte`, or nil.
    public func lastOffset(of byte: UInt8) -> Int? {
        var at = byteCount
        while at > 0 {
            at &-= 1
            if self.byte(at: at) == byte { return at }
        }
        return nil
    }

    /// Lower-case hexadecimal.
    public var hexadecimal: String {
        let digits: [UInt8] = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(byteCount * 2)
        for index in 0..<byteCount {
            let value = byte(at: index)
            text.append(digits[Int(value >> 4)])
            text.append(digits[Int(value & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}

/// `memcmp` over the shorter length: negative, zero or positive.
@usableFromInline
func compareBytes(_ a: RawSpan, _ b: RawSpan) -> Int {
    unsafe a.withUnsafeBytes { x in
        unsafe b.withUnsafeBytes { y in
            let size = min(x.count, y.count)
            guard size > 0, let p = x.baseAddress, let q = y.baseAddress else { return 0 }
            return unsafe Int(memcmp(p, q, size))
        }
    }
}

extension String {
    /// The bytes as a string, or nil if they are not valid UTF-8.
    public init?(validating bytes: RawSpan) {
        let text = unsafe bytes.withUnsafeBytes { buffer in
            unsafe String(validating: buffer, as: UTF8.self)
        }
        guard let text else { return nil }
        self = text
    }
}

extension [UInt8] {
    /// Negative, zero or positive as these bytes come before, equal or follow the others.
    public func order(_ other: [UInt8]) -> Int { raw.order(other.raw) }

    /// The array's bytes, borrowed. Sound for `UInt8`, which has no padding.
    @inlinable
    public var raw: RawSpan {
        @_lifetime(borrow self)
        @inline(__always)
        get { unsafe span.bytes }
    }
}
