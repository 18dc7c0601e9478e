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
            return ItemSlot(place: .word, start: 1, count: 2, word: 0)
        }
        while true {
            let quotient = magnitude / 10
            if quotient &* 10 != magnitude { break }
            magnitude = quotient
            exponent &+= 1
        }
        var rest = magnitude &<< 1 &- (isNegative ? 1 : 0)
        // The exponent takes one byte; seven are left for the coefficient.
        guard rest < 1 &<< 49 else { return nil }
        offset = at
        let digits10 = magnitude.decimalDigitCount &+ (exponent & 1)
        let size = (digits10 &+ 1) / 2 &+ 1 &+ (isNegative ? 1 : 0)
        var word = Int64(exponent).zigzag
        var shift: UInt64 = 8
        while rest >= 0x80 {
            word |= (rest & 0x7f | 0x80) &<< shift
            shift &+= 8
            rest &>>= 7
        }
        word |= rest &<< shift
        return ItemSlot(place: .word, start: size, count: Int(shift &>> 3) &+ 1, word: word)
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
