public import VarveBytes

// Numbers as text: what DynamoDB's JSON holds.

extension DecimalNumber {
    /// Reads a number: optional sign, digits with at most one point, optional exponent.
    ///
    /// Zeros in front and behind do not count as digits. `.5` and `5.` are numbers, as they are to
    /// DynamoDB.
    /// - Complexity: O(length).
    public static func parse(_ text: RawSpan) throws(Fault) -> DecimalNumber {
        var at = 0
        let end = text.byteCount
        var isNegative = false
        if at < end,
            text.byte(at: at) == UInt8(ascii: "-") || text.byte(at: at) == UInt8(ascii: "+")
        {
            isNegative = text.byte(at: at) == UInt8(ascii: "-")
            at += 1
        }
        var coefficient: UInt128 = 0
        var digits = 0  // significant ones in `coefficient`
        var zeros = 0  // zeros read behind it, which count only if another digit follows
        var fraction = 0  // digits read behind the point
        var sawDigit = false
        var sawPoint = false
        while at < end {
            let byte = text.byte(at: at)
            if byte == UInt8(ascii: "."), !sawPoint {
                sawPoint = true
                at += 1
                continue
            }
            let digit = byte &- 48
            guard digit < 10 else { break }
            at += 1
            sawDigit = true
            if sawPoint { fraction += 1 }
            if digit == 0 {
                if digits > 0 { zeros += 1 }
                continue
            }
            if digits + zeros + 1 > digitsMax { throw .tooManyDigits }
            for _ in 0...zeros { coefficient *= 10 }
            coefficient += UInt128(digit)
            digits += zeros + 1
            zeros = 0
        }
        guard sawDigit else { throw .malformed }
        let power = try parseExponent(text, from: at)
        if digits == 0 { return .zero }
        let exponent = power - fraction + zeros
        guard leadingExponents.contains(exponent + digits - 1) else { throw .outOfRange }
        return DecimalNumber(
            unchecked: isNegative ? -Int128(coefficient) : Int128(coefficient), exponent: exponent)
    }

    /// Reads nothing, or `e`, an optional sign and digits, up to the end; saturates at ±2^40.
    private static func parseExponent(_ text: RawSpan, from start: Int) throws(Fault) -> Int {
        var at = start
        let end = text.byteCount
        if at == end { return 0 }
        guard text.byte(at: at) | 0x20 == UInt8(ascii: "e") else { throw .malformed }
        at += 1
        var isNegative = false
        if at < end,
            text.byte(at: at) == UInt8(ascii: "-") || text.byte(at: at) == UInt8(ascii: "+")
        {
            isNegative = text.byte(at: at) == UInt8(ascii: "-")
            at += 1
        }
        guard at < end else { throw .malformed }
        var value = 0
        while at < end {
            let digit = text.byte(at: at) &- 48
            guard digit < 10 else { throw .malformed }
            value = min(value * 10 + Int(digit), 1 << 40)
            at += 1
        }
        return isNegative ? -value : value
    }

    /// Longest text in plain notation; longer ones are written with an exponent.
    static let plainTextMax = 40

    /// Appends the number as JSON text: plain decimal notation if that takes at most 40 characters,
    /// else one digit, the others behind a point, and an exponent: `1E+100`, `-1.5E-100`.
    public func appendText(to output: inout ByteWriter) {
        let magnitude = coefficient.magnitude
        let digits = magnitude.decimalDigitCount
        if coefficient < 0 { output.append(UInt8(ascii: "-")) }
        let sign = coefficient < 0 ? 1 : 0
        if exponent >= 0 {
            if sign + digits + exponent <= Self.plainTextMax {
                Self.append(magnitude, digits: digits, to: &output)
                output.append(repeating: 48, count: exponent)
                return
            }
        } else if digits > -exponent {
            Self.append(magnitude, digits: digits, pointBefore: -exponent, to: &output)
            return
        } else if sign + 2 - exponent <= Self.plainTextMax {
            output.append(UInt8(ascii: "0"))
            output.append(UInt8(ascii: "."))
            Self.append(magnitude, digits: -exponent, to: &output)
            return
        }
        if digits == 1 {
            Self.append(magnitude, digits: 1, to: &output)
        } else {
            Self.append(magnitude, digits: digits, pointBefore: digits - 1, to: &output)
        }
        let power = exponent + digits - 1
        output.append(UInt8(ascii: "E"))
        output.append(power < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
        output.append(decimal: UInt64(power.magnitude))
    }

    /// Appends a number's digits, with zeros in front up to `digits`.
    private static func append(_ value: UInt128, digits: Int, to output: inout ByteWriter) {
        if let small = UInt64(exactly: value) {
            output.append(decimal: small, digits: digits)
            return
        }
        let (high, low) = value.quotientAndRemainder(dividingBy: 1_000_000_000_000_000_000)
        append(high, digits: digits - 18, to: &output)
        output.append(decimal: UInt64(low), digits: 18)
    }

    /// Appends digits with a point before the last `pointBefore` of them.
    private static func append(
        _ value: UInt128, digits: Int, pointBefore: Int, to output: inout ByteWriter
    ) {
        let (whole, part) = value.quotientAndRemainder(dividingBy: .powerOfTen(pointBefore))
        append(whole, digits: digits - pointBefore, to: &output)
        output.append(UInt8(ascii: "."))
        append(part, digits: pointBefore, to: &output)
    }

    /// The text of `appendText(to:)`.
    public var text: String {
        var output = ByteWriter(capacity: 64)
        appendText(to: &output)
        return String(validating: output.bytes) ?? ""
    }
}

extension DecimalNumber: CustomStringConvertible {
    public var description: String { text }
}
