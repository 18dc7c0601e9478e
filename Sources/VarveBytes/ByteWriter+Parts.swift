// Appends of small parts, for loops in which a call to `memcpy` would cost more than the copy.

extension ByteWriter {
    /// Appends `count` bytes of `source` from `start` on, bounds checked.
    ///
    /// Up to 32 bytes are copied as whole blocks where both sides have room for that.
    @inlinable @inline(__always)
    public mutating func append(_ source: RawSpan, from start: Int, count: Int) {
        let size = source.byteCount
        precondition(start >= 0 && start <= size && count >= 0 && count <= size &- start)
        if count <= 32 && size &- start >= 32 && capacity &- _count >= 32 {
            let low = unsafe source.unsafeLoadUnaligned(
                fromUncheckedByteOffset: start, as: SIMD16<UInt8>.self)
            let high = unsafe source.unsafeLoadUnaligned(
                fromUncheckedByteOffset: start &+ 16, as: SIMD16<UInt8>.self)
            // Room for 32 bytes was checked; the surplus is overwritten by what follows.
            unsafe UnsafeMutableRawPointer(base + _count)
                .storeBytes(of: low, as: SIMD16<UInt8>.self)
            unsafe UnsafeMutableRawPointer(base + _count + 16)
                .storeBytes(of: high, as: SIMD16<UInt8>.self)
            _count &+= count
        } else {
            appendLong(source.part(start, start &+ count))
        }
    }

    /// Appends `count` bytes of another writer from `start` on, bounds checked.
    @inlinable @inline(__always)
    public mutating func append(
        _ other: borrowing ByteWriter, from start: Int, count: Int
    ) {
        append(other.bytes, from: start, count: count)
    }

    @usableFromInline @inline(never)
    mutating func appendLong(_ source: RawSpan) { append(source) }

    /// Appends the `count` low bytes of `word`, lowest first; `count` is 0 … 8.
    @inlinable @inline(__always)
    public mutating func append(low word: UInt64, count: Int) {
        precondition(count >= 0 && count <= 8)
        reserve(8)
        unsafe base.storeBytes(of: word.littleEndian, toByteOffset: _count, as: UInt64.self)
        _count &+= count
    }

    /// Overwrites one byte written before.
    @inlinable @inline(__always)
    public mutating func overwrite(at offset: Int, u8 value: UInt8) {
        precondition(offset >= 0 && offset < _count)
        unsafe base.storeBytes(of: value, toByteOffset: offset, as: UInt8.self)
    }

    /// Moves everything from `offset` on by `size` bytes, and puts zeros into the gap.
    public mutating func openGap(at offset: Int, size: Int) {
        precondition(offset >= 0 && offset <= _count && size >= 0)
        reserve(size)
        unsafe (base + offset + size).copyMemory(from: base + offset, byteCount: _count - offset)
        unsafe (base + offset).initializeMemory(as: UInt8.self, repeating: 0, count: size)
        _count += size
    }

    /// Puts `value` as a `varint` before what was written from `offset` on: for a length or count
    /// that is known only afterwards.
    public mutating func insert(varint value: UInt64, at offset: Int) {
        openGap(at: offset, size: value.varintSize)
        var rest = value
        var at = offset
        while rest >= 0x80 {
            overwrite(at: at, u8: UInt8(truncatingIfNeeded: rest) | 0x80)
            at += 1
            rest >>= 7
        }
        overwrite(at: at, u8: UInt8(truncatingIfNeeded: rest))
    }

    /// Appends a number in decimal digits.
    @inlinable
    public mutating func append(decimal value: UInt64) {
        if value < 10 {
            append(UInt8(truncatingIfNeeded: value) &+ 48)
            return
        }
        append(decimal: value, digits: value.decimalDigitCount)
    }

    /// Appends the last `digits` decimal digits of a number, with zeros in front.
    @inlinable
    public mutating func append(decimal value: UInt64, digits: Int) {
        precondition(digits >= 0)
        reserve(digits)
        var rest = value
        var at = _count &+ digits
        while at > _count {
            let next = rest / 10
            at &-= 1
            let digit = UInt8(truncatingIfNeeded: rest &- next &* 10) &+ 48
            unsafe base.storeBytes(of: digit, toByteOffset: at, as: UInt8.self)
            rest = next
        }
        _count &+= digits
    }
}

extension UInt64 {
    /// Number of decimal digits; 1 for zero.
    @inlinable
    public var decimalDigitCount: Int {
        var rest = self
        var count = 1
        while rest >= 10_000 {
            rest /= 10_000
            count &+= 4
        }
        if rest >= 1_000 { return count &+ 3 }
        if rest >= 100 { return count &+ 2 }
        return rest >= 10 ? count &+ 1 : count
    }
}
