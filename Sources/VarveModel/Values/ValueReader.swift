import VarveBytes

/// Reads attribute values from JSON and writes them canonically into scratch memory.
///
/// Values may be of any type and depth; the parser uses it for what has no faster way.
struct ValueReader: ~Copyable, Sendable {
    /// Canonical values, tag and payload, one after another.
    var values = ByteWriter(capacity: 4_096)
    /// Strings that had escapes.
    var text = ByteWriter(capacity: 1_024)
    private var elements = GrowingBuffer<SortedElement>(capacity: 64)
    private var sorted = ByteWriter(capacity: 1_024)

    mutating func removeAll() {
        values.removeAll()
        text.removeAll()
        elements.removeAll()
    }

    /// Reads a value and appends its tag and payload to `values`.
    mutating func value(
        _ scanner: inout JSONScanner, _ form: ItemForm
    ) throws(ParseFault) {
        elements.removeAll()
        switch form {
        case .dynamoDB: try typedValue(&scanner, depth: 0)
        case .plain: try plainValue(&scanner, depth: 0)
        }
    }
}

// MARK: - DynamoDB's JSON

extension ValueReader {
    /// The type that a descriptor names.
    mutating func type(_ scanner: inout JSONScanner) throws(ParseFault) -> AttributeType {
        scanner.skipSpace()
        if let (type, size) = Self.plainType(scanner.bytes, at: scanner.offset) {
            scanner.offset += size
            return type
        }
        let textStart = text.count
        let start = scanner.offset
        let name = try scanner.string(into: &text)
        var code: UInt32 = 0
        if name.count <= 4 {
            for index in name.start..<name.end {
                let byte =
                    name.isDecoded ? text.bytes.byte(at: index) : scanner.bytes.byte(at: index)
                code = code << 8 | UInt32(byte)
            }
        }
        text.truncate(to: textStart)
        switch code {
        case 0x53: return .string
        case 0x4e: return .number
        case 0x42: return .binary
        case 0x42_4f_4f_4c: return .boolean
        case 0x4e_55_4c_4c: return .null
        case 0x4d: return .map
        case 0x4c: return .list
        case 0x53_53: return .stringSet
        case 0x4e_53: return .numberSet
        case 0x42_53: return .binarySet
        default:
            throw ParseFault(
                "an unknown type descriptor; known are S N B BOOL NULL M L SS NS BS",
                offset: start)
        }
    }

    /// The type whose name stands at `offset` in quotation marks and without escapes, and the bytes
    /// that it takes.
    @inline(__always)
    private static func plainType(
        _ bytes: RawSpan, at offset: Int
    ) -> (AttributeType, size: Int)? {
        guard bytes.byteCount - offset >= 8 else { return nil }
        // The text as a little-endian word: its first byte is the lowest.
        let word = bytes.word(at: offset)
        switch word & 0xff_ffff {
        case 0x22_5322: return (.string, 3)
        case 0x22_4e22: return (.number, 3)
        case 0x22_4222: return (.binary, 3)
        case 0x22_4d22: return (.map, 3)
        case 0x22_4c22: return (.list, 3)
        default: break
        }
        switch word & 0xffff_ffff_ffff {
        case 0x224c_4f4f_4222: return (.boolean, 6)
        case 0x224c_4c55_4e22: return (.null, 6)
        default: break
        }
        switch word & 0xffff_ffff {
        case 0x2253_5322: return (.stringSet, 4)
        case 0x2253_4e22: return (.numberSet, 4)
        case 0x2253_4222: return (.binarySet, 4)
        default: return nil
        }
    }

    private mutating func typedValue(
        _ scanner: inout JSONScanner, depth: Int
    ) throws(ParseFault) {
        guard try scanner.accept(UInt8(ascii: "{")) else {
            throw scanner.fault("expected a typed value such as {\"S\":\"text\"}")
        }
        let type = try type(&scanner)
        try scanner.expect(UInt8(ascii: ":"))
        values.append(type.rawValue)
        switch type {
        case .string: try string(&scanner)
        case .number: try number(&scanner)
        case .binary: try binary(&scanner)
        case .boolean: values.append(try scanner.boolean() ? 1 : 0)
        case .null:
            guard try scanner.boolean() else { throw scanner.fault("NULL must be true") }
        case .map: try map(&scanner, .dynamoDB, depth: depth)
        case .list: try list(&scanner, .dynamoDB, depth: depth)
        case .stringSet, .numberSet, .binarySet: try set(&scanner, type)
        }
        guard try scanner.accept(UInt8(ascii: "}")) else {
            throw scanner.fault("malformed JSON: a typed value has one member")
        }
    }

    /// Reads the text of a number in quotation marks and appends it without a tag.
    mutating func number(_ scanner: inout JSONScanner) throws(ParseFault) {
        let number = try decimal(&scanner)
        number.append(to: &values)
    }

    private mutating func decimal(
        _ scanner: inout JSONScanner
    ) throws(ParseFault) -> DecimalNumber {
        _ = try scanner.peek()
        let start = scanner.offset
        let textStart = text.count
        let digits = try scanner.string(into: &text)
        do throws(DecimalNumber.Fault) {
            let number: DecimalNumber
            if digits.isDecoded {
                number = try DecimalNumber.parse(text.bytes.part(digits.start, digits.end))
            } else {
                number = try DecimalNumber.parse(scanner.bytes.part(digits.start, digits.end))
            }
            text.truncate(to: textStart)
            return number
        } catch {
            throw ParseFault(error.message, offset: start)
        }
    }

    /// Reads base64 and appends length and bytes.
    private mutating func binary(_ scanner: inout JSONScanner) throws(ParseFault) {
        let start = values.count
        try bareBinary(&scanner)
        values.insert(varint: UInt64(values.count - start), at: start)
    }

    private mutating func bareBinary(_ scanner: inout JSONScanner) throws(ParseFault) {
        _ = try scanner.peek()
        let source = scanner.offset
        let textStart = text.count
        let letters = try scanner.string(into: &text)
        let isValid: Bool
        if letters.isDecoded {
            isValid = Self.decode(text, letters, into: &values)
        } else {
            isValid = Base64.decode(
                scanner.bytes.part(letters.start, letters.end), into: &values)
        }
        text.truncate(to: textStart)
        if !isValid { throw ParseFault("a binary is not base64", offset: source) }
    }

    private static func decode(
        _ text: borrowing ByteWriter, _ letters: JSONText, into output: inout ByteWriter
    ) -> Bool {
        Base64.decode(text.bytes.part(letters.start, letters.end), into: &output)
    }

    private mutating func set(
        _ scanner: inout JSONScanner, _ type: AttributeType
    ) throws(ParseFault) {
        try scanner.expect(UInt8(ascii: "["))
        if try scanner.accept(UInt8(ascii: "]")) { throw scanner.fault("a set is empty") }
        let start = values.count
        let base = elements.count
        repeat {
            _ = try scanner.peek()
            let source = scanner.offset
            var element = SortedElement(
                keyStart: values.count, keyEnd: 0, start: values.count, end: 0, source: source)
            switch type {
            case .numberSet:
                // Ordered by its key, of which nothing stays.
                let number = try decimal(&scanner)
                number.appendKey(to: &values)
                element.keyEnd = values.count
                element.start = values.count
                number.append(to: &values)
            case .binarySet:
                try binary(&scanner)
                element.keyStart += Self.lengthSize(values.bytes, at: element.start)
                element.keyEnd = values.count
            default:
                try string(&scanner)
                element.keyStart += Self.lengthSize(values.bytes, at: element.start)
                element.keyEnd = values.count
            }
            element.end = values.count
            elements.append(element)
        } while try scanner.continues(until: UInt8(ascii: "]"))
        try finish(
            from: base, start: start, isAlwaysCopied: type == .numberSet,
            duplicate: "a set holds an element twice")
    }

    /// Bytes of the `varint` at `offset`.
    private static func lengthSize(_ bytes: RawSpan, at offset: Int) -> Int {
        var size = 1
        while bytes.byte(at: offset + size - 1) >= 0x80 { size += 1 }
        return size
    }
}

// MARK: - Plain JSON

extension ValueReader {
    private mutating func plainValue(
        _ scanner: inout JSONScanner, depth: Int
    ) throws(ParseFault) {
        switch try scanner.peek() {
        case UInt8(ascii: "\""):
            values.append(AttributeType.string.rawValue)
            try string(&scanner)
        case UInt8(ascii: "t"), UInt8(ascii: "f"):
            values.append(AttributeType.boolean.rawValue)
            values.append(try scanner.boolean() ? 1 : 0)
        case UInt8(ascii: "n"):
            values.append(AttributeType.null.rawValue)
            try scanner.null()
        case UInt8(ascii: "{"):
            values.append(AttributeType.map.rawValue)
            try map(&scanner, .plain, depth: depth)
        case UInt8(ascii: "["):
            values.append(AttributeType.list.rawValue)
            try list(&scanner, .plain, depth: depth)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            values.append(AttributeType.number.rawValue)
            let digits = try scanner.number()
            do throws(DecimalNumber.Fault) {
                try DecimalNumber.parse(
                    scanner.bytes.part(digits.lowerBound, digits.upperBound)
                ).append(to: &values)
            } catch {
                throw ParseFault(error.message, offset: digits.lowerBound)
            }
        default: throw scanner.fault("malformed JSON: expected a value")
        }
    }
}

// MARK: - Strings and containers of both forms

extension ValueReader {
    /// Reads a string and appends length and bytes.
    private mutating func string(_ scanner: inout JSONScanner) throws(ParseFault) {
        let textStart = text.count
        let string = try scanner.string(into: &text)
        values.append(varint: UInt64(string.count))
        if string.isDecoded {
            values.append(text, from: string.start, count: string.count)
            text.truncate(to: textStart)
        } else {
            values.append(scanner.bytes, from: string.start, count: string.count)
        }
    }

    private mutating func list(
        _ scanner: inout JSONScanner, _ form: ItemForm, depth: Int
    ) throws(ParseFault) {
        try scanner.expect(UInt8(ascii: "["))
        try checkDepth(depth, scanner)
        let start = values.count
        var count: UInt64 = 0
        if try !scanner.accept(UInt8(ascii: "]")) {
            repeat {
                if form == .dynamoDB {
                    try typedValue(&scanner, depth: depth + 1)
                } else {
                    try plainValue(&scanner, depth: depth + 1)
                }
                count += 1
            } while try scanner.continues(until: UInt8(ascii: "]"))
        }
        values.insert(varint: count, at: start)
    }

    private mutating func map(
        _ scanner: inout JSONScanner, _ form: ItemForm, depth: Int
    ) throws(ParseFault) {
        try scanner.expect(UInt8(ascii: "{"))
        try checkDepth(depth, scanner)
        let start = values.count
        let base = elements.count
        if try !scanner.accept(UInt8(ascii: "}")) {
            repeat {
                _ = try scanner.peek()
                var element = SortedElement(
                    keyStart: 0, keyEnd: 0, start: values.count, end: 0, source: scanner.offset)
                try string(&scanner)
                element.keyStart =
                    element.start + Self.lengthSize(values.bytes, at: element.start)
                element.keyEnd = values.count
                if element.keyEnd - element.keyStart > CanonicalValue.nameBytesMax {
                    throw scanner.fault("an attribute's name is longer than 65535 bytes")
                }
                try scanner.expect(UInt8(ascii: ":"))
                if form == .dynamoDB {
                    try typedValue(&scanner, depth: depth + 1)
                } else {
                    try plainValue(&scanner, depth: depth + 1)
                }
                element.end = values.count
                elements.append(element)
            } while try scanner.continues(until: UInt8(ascii: "}"))
        }
        try finish(
            from: base, start: start, isAlwaysCopied: false,
            duplicate: "an attribute's name stands twice in a map")
    }

    private func checkDepth(_ depth: Int, _ scanner: borrowing JSONScanner) throws(ParseFault) {
        if depth == CanonicalValue.depthMax {
            throw ParseFault("maps and lists nest more than 32 deep", offset: scanner.offset)
        }
    }

    /// Puts the elements since `base` in order and their count in front.
    private mutating func finish(
        from base: Int, start: Int, isAlwaysCopied: Bool, duplicate: String
    ) throws(ParseFault) {
        let count = elements.count - base
        let isInOrder = ElementSort.isAscending(elements, from: base, in: values)
        if !isInOrder {
            let equal = ElementSort.sort(&elements, from: base, in: values)
            if equal >= 0 { throw ParseFault(duplicate, offset: elements[equal].source) }
        }
        if !isInOrder || isAlwaysCopied {
            sorted.removeAll()
            for index in base..<elements.count {
                let element = elements[index]
                sorted.append(values, from: element.start, count: element.end - element.start)
            }
            values.truncate(to: start)
            values.append(sorted, from: 0, count: sorted.count)
        }
        values.insert(varint: UInt64(count), at: start)
        elements.truncate(to: base)
    }
}
