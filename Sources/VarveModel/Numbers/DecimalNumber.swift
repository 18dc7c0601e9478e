import VarveBytes

/// A number of DynamoDB: coefficient × 10^exponent, exact, in normal form.
///
/// Source: Spec 03, Numbers.
///
/// Normal form: the coefficient is not divisible by ten and has at most 38 digits; zero is
/// 0 × 10^0. So equal numbers have equal parts, and `==` compares by value.
public struct DecimalNumber: Sendable, Hashable {
    /// Signed, at most 38 digits, not divisible by ten unless zero.
    public let coefficient: Int128
    /// Power of ten that the coefficient counts; 0 for zero.
    public let exponent: Int

    /// Why bytes are not a number.
    public enum Fault: Error, Sendable, Hashable {
        case malformed
        case tooManyDigits
        case outOfRange

        /// What is wrong, in plain words.
        public var message: String {
            switch self {
            case .malformed: "the text is not a number"
            case .tooManyDigits: "a number has more than 38 significant digits"
            case .outOfRange: "a number's magnitude is outside 1E-130 to 9.99…E+125"
            }
        }
    }

    /// Most digits of a coefficient.
    public static let digitsMax = 38
    /// Least and greatest power of ten of the first digit.
    public static let leadingExponents = -130...125

    public static let zero = DecimalNumber(unchecked: 0, exponent: 0)

    @inlinable
    init(unchecked coefficient: Int128, exponent: Int) {
        self.coefficient = coefficient
        self.exponent = exponent
    }

    /// Brings coefficient × 10^exponent into normal form.
    /// - Throws: if it has too many digits or is out of range.
    public init(coefficient: Int128, exponent: Int) throws(Fault) {
        if coefficient == 0 {
            self = .zero
            return
        }
        var rest = coefficient.magnitude
        var power = exponent
        while true {
            let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: 10)
            if remainder != 0 { break }
            rest = quotient
            let (sum, overflow) = power.addingReportingOverflow(1)
            if overflow { throw .outOfRange }
            power = sum
        }
        let digits = rest.decimalDigitCount
        if digits > Self.digitsMax { throw .tooManyDigits }
        guard power >= -1_000, power <= 1_000,
            Self.leadingExponents.contains(power + digits - 1)
        else { throw .outOfRange }
        let signed = Int128(rest)
        self.init(unchecked: coefficient < 0 ? -signed : signed, exponent: power)
    }

    /// An integer; every `Int64` is a number.
    public init(_ value: Int64) {
        var rest = Int128(value)
        var power = 0
        while rest != 0, rest % 10 == 0 {
            rest /= 10
            power += 1
        }
        self.init(unchecked: rest, exponent: power)
    }

    /// Decimal digits of the coefficient; 1 for zero.
    public var digitCount: Int { coefficient.magnitude.decimalDigitCount }

    /// Whether coefficient and exponent are in normal form and in range.
    @usableFromInline
    var isNormal: Bool {
        if coefficient == 0 { return exponent == 0 }
        if coefficient % 10 == 0 { return false }
        let digits = digitCount
        return digits <= Self.digitsMax && exponent >= -1_000 && exponent <= 1_000
            && Self.leadingExponents.contains(exponent + digits - 1)
    }
}

extension UInt128 {
    /// Number of decimal digits; 1 for zero.
    @usableFromInline
    var decimalDigitCount: Int {
        if let small = UInt64(exactly: self) { return small.decimalDigitCount }
        // 2^64 exceeds 10^19, so something is left of the division.
        return (self / 10_000_000_000_000_000_000).decimalDigitCount + 19
    }

    /// Ten to the power of `exponent`, 0 … 38.
    static func powerOfTen(_ exponent: Int) -> UInt128 {
        precondition(exponent >= 0 && exponent <= 38)
        var result: UInt128 = 1
        for _ in 0..<exponent { result *= 10 }
        return result
    }
}

// MARK: - Order

extension DecimalNumber: Comparable {
    /// Order by value.
    public static func < (a: DecimalNumber, b: DecimalNumber) -> Bool {
        if a.coefficient.signum() != b.coefficient.signum() {
            return a.coefficient.signum() < b.coefficient.signum()
        }
        if a.exponent == b.exponent { return a.coefficient < b.coefficient }
        if a.coefficient == 0 { return false }
        let isNegative = a.coefficient < 0
        let (digitsOfA, digitsOfB) = (a.digitCount, b.digitCount)
        let (leadOfA, leadOfB) = (a.exponent + digitsOfA, b.exponent + digitsOfB)
        if leadOfA != leadOfB { return (leadOfA < leadOfB) != isNegative }
        // Same power of the first digit: compare as many digits as the longer one has.
        let digits = max(digitsOfA, digitsOfB)
        let scaledA = a.coefficient.magnitude * .powerOfTen(digits - digitsOfA)
        let scaledB = b.coefficient.magnitude * .powerOfTen(digits - digitsOfB)
        return scaledA == scaledB ? false : (scaledA < scaledB) != isNegative
    }
}

// MARK: - Item size

extension DecimalNumber {
    /// Bytes that DynamoDB bills for the number. Source: Spec 03, Item size.
    public var itemSize: Int {
        if coefficient == 0 { return 1 }
        let digits = digitCount + (exponent & 1)
        return (digits + 1) / 2 + 1 + (coefficient < 0 ? 1 : 0)
    }
}
