import VarveBytes

/// One value of the item that is being read.
struct ItemSlot: BitwiseCopyable, Sendable {
    enum Place: UInt8, Sendable {
        /// A string: its bytes in the text that is parsed.
        case source
        /// A string: its bytes in the reader's `text`.
        case text
        /// A value with its tag, in the reader's `values`.
        case values
        /// A number's canonical bytes, in the reader's `values`.
        case number
        /// A number's canonical bytes, in `word`, the first lowest.
        case word
    }

    var place: Place
    /// Where it begins; of a `word` its item size (Spec 03) instead.
    var start: Int
    var count: Int
    var word: UInt64 = 0
}

extension ItemSlot {
    /// Reads the text of a number of at most 18 digits without exponent, up to its quotation mark.
    ///
    /// Returns nil, with `offset` as it was, for everything else.
    @inline(__always)
    static func shortNumber(_ source: RawSpan, _ offset: inout Int) -> ItemSlot? {
        if offset &+ 9 <= source.byteCount, let slot = tinyNumber(source, &offset) { return slot }
        return longerNumber(source, &offset)
    }

    /// Reads a number that ends within eight characters, all of them at once: what prices and
    /// counts look like, and the branches of a loop over their digits would be guessed wrong.
    ///
    /// Returns nil, with `offset` as it was, for everything else.
    @inline(__always)
    private static func tinyNumber(_ source: RawSpan, _ offset: inout Int) -> ItemSlot? {
        let isNegative = source.byte(at: offset) == UInt8(ascii: "-")
        let start = offset &+ (isNegative ? 1 : 0)
        let values = source.word(at: start) ^ 0x3030_3030_3030_3030
        // The top bit of each byte that is no digit. Only the two lowest are looked at, and before
        // them nothing carries.
        let others = ((values &+ 0x7676_7676_7676_7676) | values) & 0x8080_8080_8080_8080
        if others == 0 { return nil }
        var count = others.trailingZeroBitCount >> 3
        var digits = values
        var exponent = 0
        var end = start &+ count
        if source.byte(at: end) == UInt8(ascii: ".") {
            let second = others & (others &- 1)
            if second == 0 { return nil }
            let fraction = second.trailingZeroBitCount >> 3 &- count &- 1
            let whole = (1 as UInt64) &<< UInt64(truncatingIfNeeded: count &* 8) &- 1
            digits = values & whole | values >> 8 & ~whole
            exponent = 0 &- fraction
            count &+= fraction
            end &+= fraction &+ 1
        }
        if count == 0 || source.byte(at: end) != UInt8(ascii: "\"") { return nil }
        // The last digit into the highest byte; then as many zeros as there are at the end go.
        digits &<<= UInt64(truncatingIfNeeded: 64 &- count &* 8)
        if digits == 0 {
            offset = end
            return zero
        }
        let zeros = digits.leadingZeroBitCount >> 3
        digits &<<= UInt64(truncatingIfNeeded: zeros &* 8)
        exponent &+= zeros
        let size10 = 8 &- digits.trailingZeroBitCount >> 3
        // Tens and ones, then hundreds, then ten thousands.
        digits = (digits &* 0xa01) >> 8 & 0x00ff_00ff_00ff_00ff
        digits = (digits &* 0x64_0001) >> 16 & 0x0000_ffff_0000_ffff
        let magnitude = (digits &* 0x2710_0000_0001) >> 32
        offset = end
        return ItemSlot(
            magnitude: magnitude, digits: size10, exponent: exponent, isNegative: isNegative)
    }

    private static var zero: ItemSlot { ItemSlot(place: .word, start: 1, count: 2, word: 0) }

    /// A number other than zero, whose last digit is none, of a magnitude below 2^48.
    @inline(__always)
    private init(magnitude: UInt64, digits: Int, exponent: Int, isNegative: Bool) {
        let size = (digits &+ exponent & 1 &+ 1) / 2 &+ 1 &+ (isNegative ? 1 : 0)
        // A varint in one step: seven bits to a byte, the top bit of all but the last set.
        let rest = magnitude &<< 1 &- (isNegative ? 1 : 0)
        var spread = rest & 0x7f | rest &<< 1 & 0x7f00 | rest &<< 2 & 0x7f_0000
        spread |= rest &<< 3 & 0x7f00_0000 | rest &<< 4 & 0x7f_0000_0000
        spread |= rest &<< 5 & 0x7f00_0000_0000 | rest &<< 6 & 0x7f_0000_0000_0000
        let above = (63 &- rest.leadingZeroBitCount) / 7 &* 8
        let below = (1 as UInt64) &<< UInt64(truncatingIfNeeded: above) &- 1
        let marks = 0x80_8080_8080_8080 & below
        self.init(
            place: .word, start: size, count: above >> 3 &+ 2,
            word: Int64(exponent).zigzag | (spread | marks) &<< 8)
    }

    @inline(__always)
    private static func longerNumber(_ source: RawSpan, _ offset: inout Int) -> ItemSlot? {
        let end = source.byteCount
        var at = offset
        guard at < end else { return nil }
        let isNegative = source.byte(at: at) == UInt8(ascii: "-")
        if isNegative { at &+= 1 }
        var magnitude: UInt64 = 0
        let wholeStart = at
        while at < end {
            let digit = source.byte(at: at) &- 48
            if digit > 9 { break }
            magnitude = magnitude &* 10 &+ UInt64(digit)
            at &+= 1
        }
        var digits = at &- wholeStart
        var exponent = 0
        if at < end, source.byte(at: at) == UInt8(ascii: ".") {
            at &+= 1
            let fractionStart = at
            while at < end {
                let digit = source.byte(at: at) &- 48
                if digit > 9 { break }
                magnitude = magnitude &* 10 &+ UInt64(digit)
                at &+= 1
            }
            exponent = fractionStart &- at
            digits &-= exponent
        }
        guard at < end, source.byte(at: at) == UInt8(ascii: "\""), digits > 0, digits <= 18 else {
            return nil
        }
        if magnitude == 0 {
            offset = at
            return zero
        }
        while true {
            let quotient = magnitude / 10
            if quotient &* 10 != magnitude { break }
            magnitude = quotient
            exponent &+= 1
        }
        // The exponent takes one byte; seven are left for the coefficient.
        guard magnitude &<< 1 &- (isNegative ? 1 : 0) < 1 &<< 49 else { return nil }
        offset = at
        return ItemSlot(
            magnitude: magnitude, digits: magnitude.decimalDigitCount, exponent: exponent,
            isNegative: isNegative)
    }

    /// Appends the number-key of a slot that `shortNumber` made.
    @inline(__always)
    func appendKey(to output: inout ByteWriter) {
        var rest = word &>> 8
        if rest == 0 {
            output.append(low: 0x0080, count: 2)
            return
        }
        var zigzag: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            zigzag |= (rest & 0x7f) &<< shift
            if rest & 0x80 == 0 { break }
            rest &>>= 8
            shift &+= 7
        }
        let magnitude = (zigzag &+ 1) &>> 1
        DecimalNumber.appendKey(
            magnitude, digits: magnitude.decimalDigitCount,
            exponent: Int(Int64(zigzag: word & 0xff)), isNegative: zigzag & 1 == 1, to: &output)
    }
}
