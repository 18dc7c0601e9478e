extension RawSpan {
    /// How many of the bytes are `byte`.
    /// - Complexity: O(bytes), sixteen at a time.
    public func count(of byte: UInt8) -> Int {
        let wanted = SIMD16(repeating: byte)
        let one = SIMD16<UInt8>(repeating: 1)
        var total = 0
        var at = 0
        while at &+ 16 <= byteCount {
            // A lane counts to 255 before it is added up.
            let stop = min(byteCount &- 15, at &+ 255 &* 16)
            var lanes = SIMD16<UInt8>()
            while at < stop {
                let bytes = unsafe unsafeLoadUnaligned(
                    fromUncheckedByteOffset: at, as: SIMD16<UInt8>.self)
                lanes &+= SIMD16<UInt8>().replacing(with: one, where: bytes .== wanted)
                at &+= 16
            }
            total &+= Int(SIMD16<UInt16>(truncatingIfNeeded: lanes).wrappedSum())
        }
        while at < byteCount {
            if self.byte(at: at) == byte { total &+= 1 }
            at &+= 1
        }
        return total
    }
}
