/// Base64 with the standard alphabet and padding (RFC 4648, section 4).
public enum Base64 {
    /// Appends the text of `bytes`.
    public static func append(_ bytes: RawSpan, to output: inout ByteWriter) {
        output.reserve((bytes.byteCount + 2) / 3 * 4)
        var at = 0
        while at + 3 <= bytes.byteCount {
            let group =
                UInt32(bytes.byte(at: at)) << 16 | UInt32(bytes.byte(at: at + 1)) << 8
                | UInt32(bytes.byte(at: at + 2))
            append(group, letters: 4, to: &output)
            at += 3
        }
        switch bytes.byteCount - at {
        case 1:
            append(UInt32(bytes.byte(at: at)) << 16, letters: 2, to: &output)
            output.append(UInt8(ascii: "="))
            output.append(UInt8(ascii: "="))
        case 2:
            let group = UInt32(bytes.byte(at: at)) << 16 | UInt32(bytes.byte(at: at + 1)) << 8
            append(group, letters: 3, to: &output)
            output.append(UInt8(ascii: "="))
        default: break
        }
    }

    private static func append(_ group: UInt32, letters: UInt32, to output: inout ByteWriter) {
        for index in 0..<letters {
            output.append(letter(UInt8(truncatingIfNeeded: group >> (18 - 6 * index)) & 63))
        }
    }

    private static func letter(_ value: UInt8) -> UInt8 {
        switch value {
        case 0..<26: UInt8(ascii: "A") + value
        case 26..<52: UInt8(ascii: "a") + (value - 26)
        case 52..<62: UInt8(ascii: "0") + (value - 52)
        case 62: UInt8(ascii: "+")
        default: UInt8(ascii: "/")
        }
    }

    /// The six bits of a letter, or 64 for another byte.
    private static func bits(_ letter: UInt8) -> UInt32 {
        switch letter {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(letter - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(letter - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(letter - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: 64
        }
    }

    /// Appends the bytes that `text` stands for.
    /// - Returns: whether `text` is base64: whole groups of four letters, padded, with no bits that
    ///   stand for nothing; if not, `output` is as it was.
    public static func decode(_ text: RawSpan, into output: inout ByteWriter) -> Bool {
        let size = text.byteCount
        guard size % 4 == 0 else { return false }
        if size == 0 { return true }
        var padding = 0
        if text.byte(at: size - 1) == UInt8(ascii: "=") {
            padding = text.byte(at: size - 2) == UInt8(ascii: "=") ? 2 : 1
        }
        let start = output.count
        output.reserve(size / 4 * 3)
        var at = 0
        while at < size {
            let letters = at + 4 == size ? 4 - padding : 4
            var group: UInt32 = 0
            var index = 0
            while index < 4 {
                let value = index < letters ? bits(text.byte(at: at + index)) : 0
                if value == 64 {
                    output.truncate(to: start)
                    return false
                }
                group = group << 6 | value
                index += 1
            }
            let spare: UInt32 = letters == 4 ? 0 : letters == 3 ? 0xff : 0xffff
            if group & spare != 0 {
                output.truncate(to: start)
                return false
            }
            output.append(UInt8(truncatingIfNeeded: group >> 16))
            if letters > 2 { output.append(UInt8(truncatingIfNeeded: group >> 8)) }
            if letters > 3 { output.append(UInt8(truncatingIfNeeded: group)) }
            at += 4
        }
        return true
    }
}
