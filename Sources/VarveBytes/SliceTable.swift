/// A part of some bytes: where it starts and how long it is.
public struct Slice: BitwiseCopyable, Sendable, Equatable {
    public var offset: UInt32
    public var length: UInt32

    /// - Precondition: both fit in 32 bits.
    @inlinable @inline(__always)
    public init(_ offset: Int, _ length: Int) {
        self.offset = UInt32(offset)
        self.length = UInt32(length)
    }

    @inlinable
    public var start: Int { @inline(__always) get { Int(offset) } }
    @inlinable
    public var count: Int { @inline(__always) get { Int(length) } }
    @inlinable
    public var end: Int { @inline(__always) get { Int(offset) &+ Int(length) } }
}

// MARK: - Slices of bytes

extension RawSpan {
    /// The bytes of a slice, bounds checked.
    @inlinable @inline(__always)
    @_lifetime(copy self)
    public func part(_ slice: Slice) -> RawSpan { part(slice.start, slice.end) }

    /// Whether two slices of these bytes hold the same.
    @inlinable @inline(__always)
    public func equal(_ a: Slice, _ b: Slice) -> Bool {
        if a.length != b.length { return false }
        if a.offset == b.offset { return true }
        precondition(a.end <= byteCount && b.end <= byteCount)
        return unsafe equalUnchecked(a.start, b.start, a.count)
    }

    @unsafe
    @inlinable @inline(__always)
    func equalUnchecked(_ a: Int, _ b: Int, _ size: Int) -> Bool {
        if size >= 8 {
            var at = 0
            while at &+ 8 < size {
                if unsafe word64(a &+ at) != word64(b &+ at) { return false }
                at &+= 8
            }
            return unsafe word64(a &+ size &- 8) == word64(b &+ size &- 8)
        }
        if max(a, b) &+ 8 <= byteCount {
            if size == 0 { return true }
            let unused = UInt64(truncatingIfNeeded: 64 &- size &* 8)
            let difference = unsafe UInt64(littleEndian: word64(a) ^ word64(b))
            return difference &<< unused == 0
        }
        if size >= 4 {
            return unsafe word32(a) == word32(b)
                && word32(a &+ size &- 4) == word32(b &+ size &- 4)
        }
        var at = 0
        while at < size {
            if unsafe unsafeLoad(fromUncheckedByteOffset: a &+ at, as: UInt8.self)
                != unsafeLoad(fromUncheckedByteOffset: b &+ at, as: UInt8.self)
            {
                return false
            }
            at &+= 1
        }
        return true
    }

    @unsafe
    @inlinable @inline(__always)
    func word64(_ at: Int) -> UInt64 {
        unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: at, as: UInt64.self)
    }

    @unsafe
    @inlinable @inline(__always)
    func word32(_ at: Int) -> UInt32 {
        unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: at, as: UInt32.self)
    }

    /// A hash of a slice for tables in memory, under a secret seed; never stored.
    @inlinable @inline(__always)
    public func tableHash(_ slice: Slice, seed: UInt64) -> UInt64 {
        precondition(slice.end <= byteCount)
        let size = slice.count
        let start = slice.start
        var state = seed ^ UInt64(truncatingIfNeeded: size)
        var low: UInt64 = 0
        var high: UInt64 = 0
        if size >= 8 {
            var at = 0
            while at &+ 16 < size {
                state = tableMix(
                    state ^ (unsafe word64(start &+ at)),
                    0x9e37_79b9_7f4a_7c15 ^ (unsafe word64(start &+ at &+ 8)))
                at &+= 16
            }
            low = unsafe word64(start &+ (size >= 16 ? size &- 16 : 0))
            high = unsafe word64(start &+ size &- 8)
        } else if size > 0 {
            if start &+ 8 <= byteCount {
                let unused = UInt64(truncatingIfNeeded: 64 &- size &* 8)
                low = UInt64(littleEndian: unsafe word64(start)) &<< unused
            } else {
                // The same word, where eight bytes would reach beyond the end.
                for at in start..<start &+ size { low = low >> 8 | UInt64(byte(at: at)) << 56 }
            }
        }
        return tableMix(state ^ low, 0xa076_1d64_78bd_642f ^ high)
    }
}

/// Both halves of a product, folded.
@inlinable @inline(__always)
public func tableMix(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
}

// MARK: - Copying slices

extension ByteWriter {
    /// Appends a slice of `source`. Short ones are copied as whole words.
    @inlinable @inline(__always)
    public mutating func append(_ slice: Slice, of source: borrowing RawSpan) {
        let size = slice.count
        let start = slice.start
        precondition(slice.end <= source.byteCount)
        if size <= 32 && start &+ 32 <= source.byteCount {
            reserve(32)
            unsafe (base + _count).storeBytes(
                of: source.unsafeLoadUnaligned(
                    fromUncheckedByteOffset: start, as: SIMD16<UInt8>.self),
                as: SIMD16<UInt8>.self)
            if size > 16 {
                unsafe (base + _count).storeBytes(
                    of: source.unsafeLoadUnaligned(
                        fromUncheckedByteOffset: start &+ 16, as: SIMD16<UInt8>.self),
                    toByteOffset: 16, as: SIMD16<UInt8>.self)
            }
            _count &+= size
        } else {
            append(source.part(slice))
        }
    }

    /// Overwrites bytes written before with a slice of `source`.
    @inlinable
    public mutating func overwrite(at offset: Int, _ slice: Slice, of source: borrowing RawSpan) {
        precondition(offset >= 0 && offset + slice.count <= _count)
        unsafe source.part(slice).withUnsafeBytes { bytes in
            if let start = bytes.baseAddress {
                unsafe (base + offset).copyMemory(from: start, byteCount: bytes.count)
            }
        }
    }
}

// MARK: - The table

/// Gives ordinals to distinct things, in order of first appearance: open addressing over a hash.
///
/// The table holds ordinals only; what they stand for, and equality, is the caller's. It is emptied
/// in constant time and reused. The hash must be keyed (`seed`), so that nobody who chooses the
/// input can make it slow; ordinals do not depend on the seed.
public struct SliceTable: ~Copyable, Sendable {
    /// A slot: 16 bits of generation, 16 of the hash, 32 of the ordinal.
    @usableFromInline var slots: GrowingBuffer<UInt64>
    @usableFromInline var mask: UInt64
    @usableFromInline var generation: UInt64
    /// The seed for `RawSpan.tableHash`.
    public let seed: UInt64

    public init() {
        slots = GrowingBuffer(capacity: 1024)
        slots.append(repeating: 0, count: 1024)
        mask = 1023
        generation = 1
        var random = SystemRandomNumberGenerator()
        seed = random.next()
    }

    /// Empties the table and makes room for `count` distinct things.
    /// - Complexity: O(1), unless it grows.
    @inlinable
    public mutating func reset(capacity count: Int) {
        generation &+= 1
        if count * 2 > slots.count || generation > 0xffff {
            var size = slots.count
            while size < count * 2 { size *= 2 }
            slots.removeAll()
            slots.append(repeating: 0, count: size)
            mask = UInt64(size - 1)
            generation = 1
        }
    }

    /// The ordinal of what has this hash and is `equal`; else enters it as `next` and returns that.
    ///
    /// - Precondition: at most as many are entered as `reset` made room for.
    @inlinable @inline(__always)
    public mutating func ordinal(
        hash: UInt64, next: Int, equal: (Int) -> Bool
    ) -> Int {
        let tag = generation << 16 | hash >> 48
        var at = hash & mask
        while true {
            let slot = slots[Int(truncatingIfNeeded: at)]
            if slot >> 32 == tag {
                let ordinal = Int(slot & 0xffff_ffff)
                if equal(ordinal) { return ordinal }
            } else if slot >> 48 != generation {
                slots[Int(truncatingIfNeeded: at)] = tag << 32 | UInt64(UInt32(next))
                return next
            }
            at = (at &+ 1) & mask
        }
    }
}

extension SliceTable {
    /// Slots, of which at most half may be taken.
    public var slotCount: Int { slots.count }
}
