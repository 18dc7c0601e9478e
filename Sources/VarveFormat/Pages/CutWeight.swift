public import VarveBytes

/// What entries weigh when pages are cut. Source: Spec 06, Weights.
public enum CutWeight {
    /// What every leaf entry weighs beyond its bytes.
    public static let leafOverhead: UInt64 = 32
    /// What a change weighs more than a row.
    public static let runExtra: UInt64 = 8
    /// What every index entry weighs beyond its key.
    public static let indexOverhead: UInt64 = 96
    /// What an outlined value weighs, whatever its length.
    public static let outlined: UInt64 = 40

    /// The weight of an image's row.
    /// - Parameters:
    ///   - keyBytes: length of the key.
    ///   - value: canonical or in-line; not empty.
    /// - Throws: `damaged` if the value is malformed.
    /// - Complexity: O(attributes), plus the elements of nested values.
    public static func row(keyBytes: Int, value: RawSpan) throws(VarveError) -> UInt64 {
        leafOverhead + UInt64(keyBytes) + (try inline(value))
    }

    /// The weight of a run's change; a tombstone's value is empty.
    public static func change(keyBytes: Int, value: RawSpan) throws(VarveError) -> UInt64 {
        leafOverhead + runExtra + UInt64(keyBytes)
            + (value.byteCount == 0 ? 0 : try inline(value))
    }

    /// The weight of an index page's entry.
    public static func index(keyBytes: Int) -> UInt64 { indexOverhead + UInt64(keyBytes) }

    /// The in-line bytes of a value.
    private static func inline(_ value: RawSpan) throws(VarveError) -> UInt64 {
        var cursor = ByteCursor(value)
        var sum = 0
        for _ in 0..<(try cursor.count(ofAtLeast: 2)) {
            let name = Int(truncatingIfNeeded: try cursor.varint())
            try cursor.skip(name)
            let start = cursor.offset
            let tag = try cursor.u8()
            try cursor.skipPayload(tag)
            let bytes = tag == ValueTag.outlined ? Int(outlined) : cursor.offset - start
            sum += 1 + name / 8 + bytes
        }
        try cursor.end()
        return UInt64(sum)
    }
}
