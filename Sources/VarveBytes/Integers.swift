extension Int64 {
    /// 0, −1, 1, −2 … as 0, 1, 2, 3 …
    @inlinable @inline(__always)
    public var zigzag: UInt64 { UInt64(bitPattern: (self << 1) ^ (self >> 63)) }

    @inlinable @inline(__always)
    public init(zigzag value: UInt64) {
        self = Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }
}

extension Int128 {
    /// 0, −1, 1, −2 … as 0, 1, 2, 3 …
    @inlinable
    public var zigzag: UInt128 { UInt128(bitPattern: (self << 1) ^ (self >> 127)) }

    @inlinable
    public init(zigzag value: UInt128) {
        self = Int128(bitPattern: value >> 1) ^ -Int128(bitPattern: value & 1)
    }
}

extension UInt64 {
    /// Bytes of this value as a `varint`. Source: Spec 01.
    @inlinable @inline(__always)
    public var varintSize: Int { (70 &- (self | 1).leadingZeroBitCount) / 7 }
}
