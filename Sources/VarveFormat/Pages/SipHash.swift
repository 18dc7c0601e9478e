public import VarveBytes

/// SipHash-2-4 with 64 bits of output, of bytes that come in parts. Source: Spec 06; Aumasson and
/// Bernstein, "SipHash: a fast short-input PRF".
///
/// A keyed hash against chosen input, not a cryptographic digest: see `sha256` for those.
public struct SipHash: Sendable {
    @usableFromInline var v0: UInt64
    @usableFromInline var v1: UInt64
    @usableFromInline var v2: UInt64
    @usableFromInline var v3: UInt64
    /// Bytes that do not fill a word yet, and how many bytes there were in all.
    @usableFromInline var tail: UInt64 = 0
    @usableFromInline var total = 0

    /// - Parameters: the key's 16 bytes as two little-endian words.
    @inlinable
    public init(_ k0: UInt64, _ k1: UInt64) {
        v0 = k0 ^ 0x736f_6d65_7073_6575
        v1 = k1 ^ 0x646f_7261_6e64_6f6d
        v2 = k0 ^ 0x6c79_6765_6e65_7261
        v3 = k1 ^ 0x7465_6462_7974_6573
    }

    @inlinable @inline(__always)
    mutating func round() {
        v0 &+= v1
        v1 = (v1 << 13 | v1 >> 51) ^ v0
        v0 = v0 << 32 | v0 >> 32
        v2 &+= v3
        v3 = (v3 << 16 | v3 >> 48) ^ v2
        v0 &+= v3
        v3 = (v3 << 21 | v3 >> 43) ^ v0
        v2 &+= v1
        v1 = (v1 << 17 | v1 >> 47) ^ v2
        v2 = v2 << 32 | v2 >> 32
    }

    @inlinable @inline(__always)
    mutating func compress(_ word: UInt64) {
        v3 ^= word
        round()
        round()
        v0 ^= word
    }

    /// Adds the low `count` bytes of `word`; the others are zero.
    @inlinable @inline(__always)
    public mutating func update(low count: Int, of word: UInt64) {
        precondition(count >= 0 && count <= 8)
        let held = UInt64(truncatingIfNeeded: total & 7)
        tail |= word << (held &* 8)
        if Int(held) &+ count >= 8 {
            compress(tail)
            // What of the word did not fit; a shift by 64 gives 0.
            tail = word >> (64 &- held &* 8)
        }
        total &+= count
    }

    /// Adds bytes.
    @inlinable @inline(__always)
    public mutating func update(_ bytes: RawSpan) {
        let count = bytes.byteCount
        var at = 0
        while at &+ 8 <= count {
            update(low: 8, of: bytes.word(at: at))
            at &+= 8
        }
        if at == count { return }
        if count >= 8 {
            let rest = count &- at
            let shift = UInt64(truncatingIfNeeded: 64 &- rest &* 8)
            update(low: rest, of: bytes.word(at: count &- 8) >> shift)
            return
        }
        var word: UInt64 = 0
        var shift: UInt64 = 0
        while at < count {
            word |= UInt64(bytes.byte(at: at)) << shift
            shift &+= 8
            at &+= 1
        }
        update(low: count, of: word)
    }

    /// The hash; the hasher is used up.
    @inlinable @inline(__always)
    public mutating func finish() -> UInt64 {
        compress(tail | UInt64(truncatingIfNeeded: total) << 56)
        v2 ^= 0xff
        round()
        round()
        round()
        round()
        return v0 ^ v1 ^ v2 ^ v3
    }
}
