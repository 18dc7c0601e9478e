public import VarveBytes

/// A string of JSON text: where its bytes are.
public struct JSONText: Sendable, Hashable {
    /// Whether the string had escapes; then its bytes were written to the scanner's `text`
    /// argument, otherwise they are part of the scanned bytes.
    public var isDecoded: Bool
    public var start: Int
    public var end: Int

    @inlinable
    public init(isDecoded: Bool, start: Int, end: Int) {
        self.isDecoded = isDecoded
        self.start = start
        self.end = end
    }

    @inlinable
    public var count: Int { end &- start }
}

/// A strict reader of JSON (RFC 8259), one token at a time, without building a tree.
///
/// Every step checks its bounds and throws; nothing traps. A fault tells whether the bytes merely
/// ended too early, so that a reader of a stream can wait for more and try again.
public struct JSONScanner: ~Escapable {
    public let bytes: RawSpan
    /// Bytes read so far; may be set to a place reached before.
    public var offset: Int
    /// Whether a line feed between tokens is refused: each value stands on one line.
    public var isSingleLine = false

    /// Deepest nesting that `skipValue()` follows.
    public static let depthMax = 256

    @inlinable
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan, at offset: Int = 0) {
        precondition(offset >= 0 && offset <= bytes.byteCount)
        self.bytes = bytes
        self.offset = offset
    }

    /// A fault at the current offset.
    @inline(never)
    public func fault(_ message: String) -> ParseFault { ParseFault(message, offset: offset) }

    @inline(never) @usableFromInline
    func endFault() -> ParseFault {
        ParseFault("the JSON text ends too early", offset: bytes.byteCount, isIncomplete: true)
    }
}

// MARK: - Space and punctuation

extension JSONScanner {
    /// Skips space, tab, carriage return and line feed.
    @inlinable @inline(__always)
    public mutating func skipSpace() {
        while offset < bytes.byteCount {
            let byte = bytes.byte(at: offset)
            if byte > 0x20 { return }
            guard byte == 0x20 || byte == 0x0d || byte == 0x09 || byte == 0x0a && !isSingleLine
            else { return }
            offset &+= 1
        }
    }

    /// Skips space and returns the byte behind it, which stays unread.
    @inlinable @inline(__always)
    public mutating func peek() throws(ParseFault) -> UInt8 {
        skipSpace()
        if offset == bytes.byteCount { throw endFault() }
        let byte = bytes.byte(at: offset)
        // A line feed is left over only where it is refused.
        if byte == 0x0a { throw fault("malformed JSON: an item must end on the line it begins") }
        return byte
    }

    /// Skips space and reads `byte` if it is next.
    @inlinable @inline(__always)
    public mutating func accept(_ byte: UInt8) throws(ParseFault) -> Bool {
        if try peek() != byte { return false }
        offset &+= 1
        return true
    }

    /// Skips space and reads `byte`, which must be next.
    @inlinable @inline(__always)
    public mutating func expect(_ byte: UInt8) throws(ParseFault) {
        if try peek() != byte { throw unexpected(byte) }
        offset &+= 1
    }

    @inline(never) @usableFromInline
    func unexpected(_ byte: UInt8) -> ParseFault {
        fault("malformed JSON: expected \(String(UnicodeScalar(byte)))")
    }

    /// After an element: true if a comma follows, false if the container ends with `close`.
    @inlinable @inline(__always)
    public mutating func continues(until close: UInt8) throws(ParseFault) -> Bool {
        let byte = try peek()
        if byte == UInt8(ascii: ",") {
            offset &+= 1
            return true
        }
        if byte != close { throw fault("malformed JSON: expected a comma or the end") }
        offset &+= 1
        return false
    }

    /// Requires that nothing but space is left.
    public mutating func end() throws(ParseFault) {
        skipSpace()
        if offset != bytes.byteCount { throw fault("malformed JSON: text behind the end") }
    }
}

// MARK: - Strings

extension JSONScanner {
    /// Skips space and reads a string. What has escapes is appended, decoded, to `text`.
    @inlinable
    public mutating func string(into text: inout ByteWriter) throws(ParseFault) -> JSONText {
        try expect(UInt8(ascii: "\""))
        var isASCII = true
        let start = offset
        let end = bytes.plainTextEnd(from: start, to: bytes.byteCount, isASCII: &isASCII)
        if end < bytes.byteCount, bytes.byte(at: end) == UInt8(ascii: "\"") {
            if !isASCII, !bytes.part(start, end).isUTF8 {
                throw fault("a string is not UTF-8")
            }
            offset = end &+ 1
            return JSONText(isDecoded: false, start: start, end: end)
        }
        return try decodedString(into: &text)
    }

    /// Skips space and reads a string that must be `expected`.
    public mutating func accept(string expected: StaticString) throws(ParseFault) -> Bool {
        if try peek() != UInt8(ascii: "\"") { return false }
        let start = offset
        if startsString(expected) {
            offset = start + expected.utf8CodeUnitCount + 2
            return true
        }
        // Another string, or the same with escapes.
        var scratch = ByteWriter(capacity: 32)
        let text = try string(into: &scratch)
        let isEqual =
            text.isDecoded
            && String(validating: scratch.bytes) == String(describing: expected)
        if !isEqual { offset = start }
        return isEqual
    }

    /// Whether the string at the offset is `expected`, written without escapes.
    private func startsString(_ expected: StaticString) -> Bool {
        let size = expected.utf8CodeUnitCount
        guard bytes.byteCount - offset >= size + 2 else { return false }
        var at = offset + 1
        for byte in expected.description.utf8 {
            if bytes.byte(at: at) != byte { return false }
            at += 1
        }
        return bytes.byte(at: at) == UInt8(ascii: "\"")
    }

    /// Reads the rest of a string that has escapes.
    @usableFromInline @inline(never)
    mutating func decodedString(into text: inout ByteWriter) throws(ParseFault) -> JSONText {
        let start = text.count
        while true {
            var isASCII = true
            let run = offset
            let end = bytes.plainTextEnd(from: run, to: bytes.byteCount, isASCII: &isASCII)
            if end == bytes.byteCount { throw endFault() }
            if !isASCII, !bytes.part(run, end).isUTF8 { throw fault("a string is not UTF-8") }
            text.append(bytes.part(run, end))
            offset = end
            switch bytes.byte(at: end) {
            case UInt8(ascii: "\""):
                offset = end + 1
                return JSONText(isDecoded: true, start: start, end: text.count)
            case UInt8(ascii: "\\"): try escape(into: &text)
            default: throw fault("malformed JSON: a control character in a string")
            }
        }
    }

    private mutating func escape(into text: inout ByteWriter) throws(ParseFault) {
        guard bytes.byteCount - offset >= 2 else { throw endFault() }
        let letter = bytes.byte(at: offset + 1)
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(letter)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0c)
        case UInt8(ascii: "n"): text.append(0x0a)
        case UInt8(ascii: "r"): text.append(0x0d)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            try unicodeEscape(into: &text)
            return
        default: throw fault("malformed JSON: an unknown escape in a string")
        }
        offset += 2
    }

    private mutating func unicodeEscape(into text: inout ByteWriter) throws(ParseFault) {
        var scalar = try fourDigits(at: offset + 2)
        var size = 6
        if scalar >= 0xd800 && scalar < 0xdc00 {
            let second = offset + 6
            guard second + 2 <= bytes.byteCount else { throw endFault() }
            guard bytes.byte(at: second) == UInt8(ascii: "\\"),
                bytes.byte(at: second + 1) == UInt8(ascii: "u")
            else { throw fault("a string holds half of a surrogate pair") }
            let low = try fourDigits(at: second + 2)
            guard low >= 0xdc00 && low < 0xe000 else {
                throw fault("a string holds half of a surrogate pair")
            }
            scalar = 0x10000 + (scalar - 0xd800) << 10 + (low - 0xdc00)
            size = 12
        } else if scalar >= 0xdc00 && scalar < 0xe000 {
            throw fault("a string holds half of a surrogate pair")
        }
        Self.append(scalar: scalar, to: &text)
        offset += size
    }

    private static func append(scalar: UInt32, to text: inout ByteWriter) {
        let tail = { (shift: UInt32) in UInt8(truncatingIfNeeded: scalar >> shift) & 0x3f | 0x80 }
        if scalar < 0x80 {
            text.append(UInt8(truncatingIfNeeded: scalar))
        } else if scalar < 0x800 {
            text.append(UInt8(truncatingIfNeeded: scalar >> 6) | 0xc0)
            text.append(tail(0))
        } else if scalar < 0x1_0000 {
            text.append(UInt8(truncatingIfNeeded: scalar >> 12) | 0xe0)
            text.append(tail(6))
            text.append(tail(0))
        } else {
            text.append(UInt8(truncatingIfNeeded: scalar >> 18) | 0xf0)
            text.append(tail(12))
            text.append(tail(6))
            text.append(tail(0))
        }
    }

    private func fourDigits(at start: Int) throws(ParseFault) -> UInt32 {
        guard bytes.byteCount - start >= 4 else { throw endFault() }
        var value: UInt32 = 0
        for index in start..<start + 4 {
            let byte = bytes.byte(at: index)
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: throw fault("malformed JSON: an escape needs four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
        }
        return value
    }
}

// MARK: - Other values

extension JSONScanner {
    /// Skips space and reads a number of JSON's grammar.
    /// - Returns: where its text lies in `bytes`.
    public mutating func number() throws(ParseFault) -> Range<Int> {
        _ = try peek()
        let start = offset
        if bytes.byte(at: offset) == UInt8(ascii: "-") { offset += 1 }
        let whole = offset
        try digits()
        if offset - whole > 1, bytes.byte(at: whole) == UInt8(ascii: "0") {
            throw fault("malformed JSON: a number begins with 0")
        }
        if offset < bytes.byteCount, bytes.byte(at: offset) == UInt8(ascii: ".") {
            offset += 1
            try digits()
        }
        if offset < bytes.byteCount, bytes.byte(at: offset) | 0x20 == UInt8(ascii: "e") {
            offset += 1
            if offset < bytes.byteCount,
                bytes.byte(at: offset) == UInt8(ascii: "+")
                    || bytes.byte(at: offset) == UInt8(ascii: "-")
            {
                offset += 1
            }
            try digits()
        }
        return start..<offset
    }

    private mutating func digits() throws(ParseFault) {
        let start = offset
        while offset < bytes.byteCount, bytes.byte(at: offset) &- 48 < 10 { offset += 1 }
        if offset == start {
            if offset == bytes.byteCount { throw endFault() }
            throw fault("malformed JSON: expected a digit")
        }
    }

    /// Skips space and reads `true` or `false`.
    public mutating func boolean() throws(ParseFault) -> Bool {
        if try peek() == UInt8(ascii: "t") {
            try literal(0x6575_7274, size: 4)
            return true
        }
        try literal(0x65_736c_6166, size: 5)
        return false
    }

    /// Skips space and reads `null`.
    public mutating func null() throws(ParseFault) {
        _ = try peek()
        try literal(0x6c6c_756e, size: 4)
    }

    /// Reads the letters of a word, the first in its low byte.
    private mutating func literal(_ letters: UInt64, size: Int) throws(ParseFault) {
        var rest = letters
        for _ in 0..<size {
            if offset == bytes.byteCount { throw endFault() }
            if bytes.byte(at: offset) != UInt8(truncatingIfNeeded: rest) {
                throw fault("malformed JSON: expected a value")
            }
            rest >>= 8
            offset += 1
        }
    }

    /// Skips any value, demanding JSON's grammar and at most `depthMax` levels.
    public mutating func skipValue() throws(ParseFault) {
        var scratch = ByteWriter(capacity: 64)
        try skipValue(&scratch, depth: 0)
    }

    private mutating func skipValue(
        _ scratch: inout ByteWriter, depth: Int
    ) throws(ParseFault) {
        switch try peek() {
        case UInt8(ascii: "\""):
            _ = try string(into: &scratch)
            scratch.removeAll()
        case UInt8(ascii: "t"), UInt8(ascii: "f"): _ = try boolean()
        case UInt8(ascii: "n"): try null()
        case UInt8(ascii: "{"):
            if depth == Self.depthMax { throw fault("the JSON text nests too deep") }
            offset += 1
            if try accept(UInt8(ascii: "}")) { return }
            repeat {
                _ = try string(into: &scratch)
                scratch.removeAll()
                try expect(UInt8(ascii: ":"))
                try skipValue(&scratch, depth: depth + 1)
            } while try continues(until: UInt8(ascii: "}"))
        case UInt8(ascii: "["):
            if depth == Self.depthMax { throw fault("the JSON text nests too deep") }
            offset += 1
            if try accept(UInt8(ascii: "]")) { return }
            repeat {
                try skipValue(&scratch, depth: depth + 1)
            } while try continues(until: UInt8(ascii: "]"))
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): _ = try number()
        default: throw fault("malformed JSON: expected a value")
        }
    }
}
