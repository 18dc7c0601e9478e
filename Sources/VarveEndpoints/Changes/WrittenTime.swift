import VarveBytes

/// A time as a change record writes it.
enum WrittenTime: Sendable {
    /// Microseconds since 1970.
    case microseconds(Int64)
    /// coefficient × 10^exponent of a unit that the record may name elsewhere.
    case number(coefficient: UInt64, exponent: Int)

    /// What a number counts.
    enum Unit: Sendable {
        case milliseconds
        case microseconds
        /// By its size: seconds below 10^11, milliseconds below 10^14, else microseconds. Each of
        /// them reaches from 1973 to 5138.
        case unknown
    }

    /// Within the years 0001 to 9999. Source: Spec 13.
    static let microsecondsRange: ClosedRange<Int64> =
        -62_135_596_800_000_000...253_402_300_799_999_999

    /// Reads a number of JSON's grammar that is not negative: `1730000000`, `1.73E9`,
    /// `1730000000.123`. Digits behind the eighteenth are dropped.
    static func number(_ text: RawSpan) -> WrittenTime? {
        var coefficient: UInt64 = 0
        var exponent = 0
        var at = 0
        var hasDigits = false
        var isFraction = false
        while at < text.byteCount {
            let byte = text.byte(at: at)
            if byte == UInt8(ascii: "."), !isFraction {
                isFraction = true
            } else {
                guard byte &- 48 < 10 else { break }
                hasDigits = true
                if coefficient < 100_000_000_000_000_000 {
                    coefficient = coefficient * 10 + UInt64(byte - 48)
                    if isFraction { exponent -= 1 }
                } else if !isFraction {
                    exponent += 1
                }
            }
            at += 1
        }
        guard hasDigits else { return nil }
        if at < text.byteCount {
            guard text.byte(at: at) | 0x20 == UInt8(ascii: "e") else { return nil }
            guard let power = power(text.part(at + 1, text.byteCount)) else { return nil }
            exponent += power
        }
        return .number(coefficient: coefficient, exponent: exponent)
    }

    private static func power(_ text: RawSpan) -> Int? {
        var at = 0
        var isNegative = false
        if text.byteCount > 0,
            text.byte(at: 0) == UInt8(ascii: "-") || text.byte(at: 0) == UInt8(ascii: "+")
        {
            isNegative = text.byte(at: 0) == UInt8(ascii: "-")
            at = 1
        }
        guard at < text.byteCount, text.byteCount - at <= 4 else { return nil }
        var value = 0
        while at < text.byteCount {
            let digit = text.byte(at: at) &- 48
            guard digit < 10 else { return nil }
            value = value * 10 + Int(digit)
            at += 1
        }
        return isNegative ? -value : value
    }

    /// Microseconds since 1970, rounded down; nil beyond the year 9999.
    func microseconds(_ unit: Unit) -> Int64? {
        switch self {
        case .microseconds(let value):
            return Self.microsecondsRange.contains(value) ? value : nil
        case .number(let coefficient, let exponent):
            let shift: Int
            switch unit {
            case .microseconds: shift = 0
            case .milliseconds: shift = 3
            case .unknown:
                guard let whole = Self.scaled(coefficient, exponent) else { return nil }
                shift = whole < 100_000_000_000 ? 6 : whole < 100_000_000_000_000 ? 3 : 0
            }
            guard let value = Self.scaled(coefficient, exponent + shift),
                value <= UInt64(Self.microsecondsRange.upperBound)
            else { return nil }
            return Int64(value)
        }
    }

    private static func scaled(_ coefficient: UInt64, _ exponent: Int) -> UInt64? {
        var value = coefficient
        if value == 0 || exponent < -19 { return 0 }
        if exponent < 0 {
            for _ in 0..<(-exponent) { value /= 10 }
            return value
        }
        guard exponent <= 19 else { return nil }
        for _ in 0..<exponent {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            if overflow { return nil }
            value = product
        }
        return value
    }
}
