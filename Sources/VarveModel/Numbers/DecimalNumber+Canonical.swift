public import VarveBytes

// Numbers as bytes of a value. Source: Spec 03, Numbers.

extension DecimalNumber {
    /// Appends `svarint` exponent, `swide` coefficient.
    @inlinable
    public func append(to output: inout ByteWriter) {
        output.append(svarint: Int64(exponent))
        if let small = Int64(exactly: coefficient) {
            output.append(svarint: small)
        } else {
            output.append(swide: coefficient)
        }
    }

    /// Reads a number and demands normal form and range.
    @inlinable
    public init(canonical cursor: inout ByteCursor) throws(VarveError) {
        let power = try cursor.svarint()
        let value = try cursor.swide()
        guard power >= -1_000, power <= 1_000 else {
            throw cursor.fault("a number's exponent is out of range")
        }
        self.init(unchecked: value, exponent: Int(power))
        guard isNormal else { throw cursor.fault("a number is not in normal form or out of range") }
    }

    /// Skips a number without checking its form.
    @inlinable
    static func skip(_ cursor: inout ByteCursor) throws(VarveError) {
        _ = try cursor.varint()
        while try cursor.u8() >= 0x80 {}
    }
}
