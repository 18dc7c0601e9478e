public import VarveBytes

// Numbers as part of a key: bytes that sort by value. Source: Spec 04, number-key.

extension DecimalNumber {
    /// Appends the number-key: 2 to 21 bytes.
    public func appendKey(to output: inout ByteWriter) {
        if coefficient == 0 {
            output.append(0x80)
            output.append(0x00)
            return
        }
        let magnitude = coefficient.magnitude
        let digits = magnitude.decimalDigitCount
        if let small = UInt64(exactly: magnitude), digits <= 18 {
            Self.appendKey(
                small, digits: digits, exponent: exponent, isNegative: coefficient < 0, to: &output)
            return
        }
        let flip: UInt8 = coefficient < 0 ? 0xff : 0
        Self.appendPrefix(exponent + digits, flip: flip, to: &output)
        var rest = digits & 1 == 1 ? magnitude * 10 : magnitude
        let pairs = (digits + 1) / 2
        let start = output.count
        output.append(repeating: 0, count: pairs)
        var at = pairs
        while at > 0 {
            at -= 1
            let (quotient, pair) = rest.quotientAndRemainder(dividingBy: 100)
            let byte = UInt8(truncatingIfNeeded: pair) * 2 + (at == pairs - 1 ? 0 : 1)
            output.overwrite(at: start + at, u8: byte ^ flip)
            rest = quotient
        }
    }

    @inline(__always)
    private static func appendPrefix(_ power: Int, flip: UInt8, to output: inout ByteWriter) {
        let prefix = 0x8000 + power + 130
        output.append(UInt8(truncatingIfNeeded: prefix >> 8) ^ flip)
        output.append(UInt8(truncatingIfNeeded: prefix) ^ flip)
    }

    /// Appends the number-key of a number of at most 18 digits, not zero, in normal form.
    @inline(__always)
    static func appendKey(
        _ magnitude: UInt64, digits: Int, exponent: Int, isNegative: Bool,
        to output: inout ByteWriter
    ) {
        let flip: UInt8 = isNegative ? 0xff : 0
        appendPrefix(exponent &+ digits, flip: flip, to: &output)
        var rest = digits & 1 == 1 ? magnitude &* 10 : magnitude
        // The pairs from the last to the first, in a word and an eighteenth digit's pair above it.
        var word: UInt64 = 0
        var more: UInt64 = 0
        let pairs = (digits &+ 1) &>> 1
        for _ in 0..<pairs {
            let quotient = rest / 100
            more = word &>> 56
            word = word &<< 8 | ((rest &- quotient &* 100) &* 2 | 1)
            rest = quotient
        }
        let last = UInt64(pairs &- 1) &* 8
        if pairs <= 8 {
            word &-= (1 as UInt64) &<< last
            output.append(low: isNegative ? ~word : word, count: pairs)
        } else {
            output.append(low: isNegative ? ~word : word, count: 8)
            output.append(UInt8(truncatingIfNeeded: more &- 1) ^ flip)
        }
    }

    /// Reads a number-key and demands that it is the one that the number encodes to.
    public init(key cursor: inout ByteCursor) throws(VarveError) {
        let high = try cursor.u8()
        let low = try cursor.u8()
        let isNegative = high < 0x80
        let flip: UInt8 = isNegative ? 0xff : 0
        let power = (Int(high ^ flip) << 8 | Int(low ^ flip)) - 0x8000
        if power == 0 && !isNegative {
            self = .zero
            return
        }
        guard power >= 1, power <= 256 else { throw cursor.fault("a number key is out of range") }
        var magnitude: UInt128 = 0
        var pairs = 0
        var pair: UInt8
        repeat {
            if pairs == Self.digitsMax / 2 { throw cursor.fault("a number key is too long") }
            let byte = try cursor.u8() ^ flip
            pair = byte >> 1
            guard pair <= 99, pairs > 0 || pair >= 10 else {
                throw cursor.fault("a number key holds digits that no number has")
            }
            magnitude = magnitude * 100 + UInt128(pair)
            pairs += 1
            if byte & 1 == 0 { break }
        } while true
        if pair == 0 { throw cursor.fault("a number key ends in zeros") }
        var digits = pairs * 2
        if pair % 10 == 0 {
            magnitude /= 10
            digits -= 1
        }
        let value = Int128(magnitude)
        self.init(
            unchecked: isNegative ? -value : value, exponent: power - 130 - digits)
    }
}
