import VarveBytes

/// A number as coefficient × 10^exponent in normal form. Source: Spec 03, numbers.
struct DecimalParts: Equatable {
    var exponent: Int64
    var coefficient: Int128

    /// 10^38: coefficients are below.
    static let limit: UInt128 = 100_000_000_000_000_000_000_000_000_000_000_000_000

    /// Reads `number`: minimal, in normal form and within the limits of Spec 03.
    static func read(_ cursor: inout ByteCursor) throws(VarveError) -> DecimalParts {
        let exponent = try cursor.svarint()
        let coefficient = try cursor.swide()
        let parts = DecimalParts(exponent: exponent, coefficient: coefficient)
        if !parts.isNormal { throw cursor.fault("a number is not in normal form or too large") }
        return parts
    }

    /// Whether Spec 03 allows these parts.
    var isNormal: Bool {
        if coefficient == 0 { return exponent == 0 }
        if let small = Int64(exactly: coefficient), exponent >= -130, exponent <= 107 {
            return small % 10 != 0
        }
        let magnitude = coefficient.magnitude
        if magnitude >= Self.limit || magnitude % 10 == 0 { return false }
        if exponent < -200 || exponent > 200 { return false }
        return (-130...125).contains(exponent + Int64(digitCount(magnitude)) - 1)
    }
}

/// Decimal digits of a number that is not zero.
func digitCount(_ magnitude: UInt128) -> Int {
    var count = 0
    var rest = magnitude
    while rest >= 1_000_000_000_000_000_000 {
        rest /= 1_000_000_000_000_000_000
        count += 18
    }
    var small = UInt64(rest)
    while small > 0 {
        small /= 10
        count += 1
    }
    return count
}

// MARK: - number-key, Spec 04

extension ByteWriter {
    /// Appends the memory-comparable encoding of a normal number. Source: Spec 04, number-key.
    mutating func append(numberKey number: DecimalParts) {
        let flip: UInt8 = number.coefficient < 0 ? 0xff : 0
        if number.coefficient == 0 {
            append(0x80)
            append(0)
            return
        }
        var magnitude = number.coefficient.magnitude
        var digits = magnitude < 10 ? 1 : magnitude < 100 ? 2 : digitCount(magnitude)
        let place = UInt16(0x8000 + 130 + Int(number.exponent) + digits)
        append(UInt8(place >> 8) ^ flip)
        append(UInt8(place & 0xff) ^ flip)
        if digits % 2 == 1 {
            // An odd number of digits is at most 37, so that this does not overflow.
            magnitude *= 10
            digits += 1
        }
        if magnitude < 100 {
            append(UInt8(magnitude) * 2 ^ flip)
            return
        }
        var scale: UInt128 = 1
        for _ in 1..<digits / 2 { scale *= 100 }
        while scale > 0 {
            let pair = UInt8(magnitude / scale)
            magnitude %= scale
            let more: UInt8 = scale > 1 ? 1 : 0
            append((pair * 2 + more) ^ flip)
            scale /= 100
        }
    }

    /// Appends `number` of Spec 03.
    @inline(__always)
    mutating func append(number: DecimalParts) {
        append(svarint: number.exponent)
        if let small = Int64(exactly: number.coefficient), small.magnitude < 1 << 62 {
            append(svarint: small)
        } else {
            append(swide: number.coefficient)
        }
    }
}

extension ByteCursor {
    /// Reads a number-key and refuses every other encoding of the number. Source: Spec 04.
    mutating func numberKey() throws(VarveError) -> DecimalParts {
        let first = try u8()
        let second = try u8()
        if first == 0x80 && second == 0 { return DecimalParts(exponent: 0, coefficient: 0) }
        let flip: UInt8 = first < 0x80 ? 0xff : 0
        let place = Int(first ^ flip) << 8 | Int(second ^ flip)
        var magnitude: UInt128 = 0
        var digits = 0
        while true {
            let byte = try u8() ^ flip
            let pair = byte >> 1
            digits += 2
            if pair > 99 || digits > 38 || (digits == 2 && pair < 10) {
                throw fault("a number in a key is malformed")
            }
            if byte & 1 == 1 {
                magnitude = magnitude * 100 + UInt128(pair)
                continue
            }
            if pair == 0 { throw fault("a number in a key is malformed") }
            if pair % 10 == 0 {
                digits -= 1
                magnitude = magnitude * 10 + UInt128(pair / 10)
            } else {
                magnitude = magnitude * 100 + UInt128(pair)
            }
            break
        }
        let exponent = place - 0x8000 - 130 - digits
        let signed = flip == 0 ? Int128(magnitude) : -Int128(magnitude)
        let parts = DecimalParts(exponent: Int64(exponent), coefficient: signed)
        if !parts.isNormal { throw fault("a number in a key is out of range") }
        return parts
    }
}
