import VarveBytes

/// Finds where JSON values begin and end in a text that comes in parts, without checking their
/// grammar: records that take several lines, and the elements of an array around all of them.
///
/// It finds its way again behind broken text: a line feed within a string ends the value, and so
/// does a line that begins with `{` where none can follow.
struct UnitExtent: ~Copyable {
    /// Where the value that has begun begins; nil between values.
    private(set) var start: Int?
    /// Up to where the text was looked at.
    private(set) var scanned = 0
    private var depth = 0
    /// Of each open bracket, the innermost lowest, whether it is one of an array.
    private var arrays: UInt64 = 0
    private var isInString = false
    private var isEscaped = false
    /// The last byte that is no white space, outside strings.
    private var last: UInt8 = 0
    private var isAtLineStart = true

    /// Looks at the bytes that came since the last call, and appends the values that have ended.
    mutating func scan(_ text: borrowing ByteWriter, into units: inout [Range<Int>]) {
        let bytes = text.bytes
        while scanned < bytes.byteCount {
            let byte = bytes.byte(at: scanned)
            if let start {
                step(byte, from: start, into: &units)
            } else {
                begin(byte)
            }
            scanned += 1
            if byte == 0x0a { isAtLineStart = true } else { isAtLineStart = false }
        }
    }

    /// The text's first `count` bytes have been cut off.
    mutating func shift(by count: Int) {
        scanned -= count
        start = start.map { $0 - count }
    }

    private mutating func begin(_ byte: UInt8) {
        switch byte {
        // What stands between the elements of an array is left out.
        case 0x20, 0x0a, 0x0d, 0x09, UInt8(ascii: ","), UInt8(ascii: "["), UInt8(ascii: "]"): return
        default: break
        }
        start = scanned
        isInString = false
        isEscaped = false
        last = byte
        // Text that is no object lasts until the line ends.
        depth = byte == UInt8(ascii: "{") ? 1 : 0
        arrays = 0
    }

    private mutating func step(_ byte: UInt8, from start: Int, into units: inout [Range<Int>]) {
        if byte == 0x0a, isInString || depth == 0 {
            end(start, at: scanned, &units)
            return
        }
        if isInString {
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isInString = false
            }
            return
        }
        switch byte {
        case UInt8(ascii: "\""): isInString = depth > 0
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            if byte == UInt8(ascii: "{"), isAtLineStart, !mayPrecedeObject {
                end(start, at: scanned, &units)
                begin(byte)
                return
            }
            if depth > 0 {
                depth += 1
                arrays = arrays << 1 | (byte == UInt8(ascii: "[") ? 1 : 0)
            }
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            if depth > 0 {
                depth -= 1
                arrays >>= 1
                if depth == 0 { return end(start, at: scanned + 1, &units) }
            }
        default: break
        }
        if byte > 0x20 { last = byte }
    }

    private var mayPrecedeObject: Bool {
        let isInArray = arrays & 1 == 1
        return last == UInt8(ascii: ":")
            || isInArray && (last == UInt8(ascii: ",") || last == UInt8(ascii: "["))
    }

    private mutating func end(_ start: Int, at end: Int, _ units: inout [Range<Int>]) {
        units.append(start..<end)
        self.start = nil
    }
}
