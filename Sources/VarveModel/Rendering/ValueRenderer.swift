import VarveBytes

/// Writes canonical values as JSON.
enum ValueRenderer {
    /// Appends a string in quotation marks.
    static func append(
        string source: RawSpan, from start: Int, count: Int, to output: inout ByteWriter
    ) {
        output.append(UInt8(ascii: "\""))
        append(content: source, from: start, count: count, to: &output)
        output.append(UInt8(ascii: "\""))
    }

    /// Appends a string's content, escaped where JSON demands it.
    @inline(__always)
    static func append(
        content source: RawSpan, from start: Int, count: Int, to output: inout ByteWriter
    ) {
        var isASCII = true
        let end = start &+ count
        let plain = source.plainTextEnd(from: start, to: end, isASCII: &isASCII)
        output.append(source, from: start, count: plain &- start)
        if plain < end { appendEscaped(source, from: plain, to: end, &output) }
    }

    @inline(never)
    private static func appendEscaped(
        _ source: RawSpan, from start: Int, to end: Int, _ output: inout ByteWriter
    ) {
        var at = start
        var isASCII = true
        while at < end {
            let byte = source.byte(at: at)
            at += 1
            output.append(UInt8(ascii: "\\"))
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): output.append(byte)
            case 0x08: output.append(UInt8(ascii: "b"))
            case 0x09: output.append(UInt8(ascii: "t"))
            case 0x0a: output.append(UInt8(ascii: "n"))
            case 0x0c: output.append(UInt8(ascii: "f"))
            case 0x0d: output.append(UInt8(ascii: "r"))
            default:
                output.append(utf8: "u00")
                output.append(byte >> 4 + 48)
                let low = byte & 15
                output.append(low < 10 ? low + 48 : low - 10 + UInt8(ascii: "a"))
            }
            let plain = source.plainTextEnd(from: at, to: end, isASCII: &isASCII)
            output.append(source, from: at, count: plain - at)
            at = plain
        }
    }

    /// Appends a number's text, which the cursor moves past.
    @inline(__always)
    static func append(
        number cursor: inout ByteCursor, to output: inout ByteWriter
    ) throws(VarveError) {
        let start = cursor.offset
        // Most numbers take a byte of exponent and few of coefficient.
        if cursor.remaining >= 8 {
            let word = cursor.bytes.word(at: start)
            let exponent = word & 0xff
            let ends = ~word & 0x8080_8080_8080_8000
            if exponent < 0x80, ends != 0 {
                // Seven bits of each byte up to the first that has no top bit.
                let size = ends.trailingZeroBitCount &>> 3
                var zigzag: UInt64 = 0
                var at = size
                while at > 0 {
                    zigzag = zigzag &<< 7 | (word &>> UInt64(at &* 8)) & 0x7f
                    at &-= 1
                }
                try cursor.skip(size &+ 1)
                appendShort(zigzag, exponent: Int(Int64(zigzag: exponent)), to: &output)
                return
            }
        }
        try DecimalNumber(canonical: &cursor).appendText(to: &output)
    }

    @inline(__always)
    private static func appendShort(
        _ zigzag: UInt64, exponent: Int, to output: inout ByteWriter
    ) {
        let magnitude = (zigzag &+ 1) &>> 1
        if exponent < -2 || exponent > 6 {
            appendLong(zigzag, exponent: exponent, to: &output)
            return
        }
        if zigzag & 1 == 1 { output.append(UInt8(ascii: "-")) }
        if exponent >= 0 {
            output.append(decimal: magnitude)
            if exponent > 0 { output.append(repeating: 48, count: exponent) }
            return
        }
        let unit: UInt64 = exponent == -1 ? 10 : 100
        let whole = magnitude / unit
        output.append(decimal: whole)
        output.append(UInt8(ascii: "."))
        output.append(decimal: magnitude &- whole &* unit, digits: 0 &- exponent)
    }

    @inline(never)
    private static func appendLong(
        _ zigzag: UInt64, exponent: Int, to output: inout ByteWriter
    ) {
        DecimalNumber(unchecked: Int128(Int64(zigzag: zigzag)), exponent: exponent)
            .appendText(to: &output)
    }
}

// MARK: - Values of any type

extension ValueRenderer {
    /// Appends the JSON of a value whose tag was read; the cursor moves past its payload.
    /// - Parameter name: the top-level attribute's name, for errors.
    static func append(
        _ cursor: inout ByteCursor, tag: UInt8, _ form: ItemForm, isLossy: Bool, name: RawSpan,
        to output: inout ByteWriter
    ) throws(VarveError) {
        switch form {
        case .dynamoDB: try appendTyped(&cursor, tag, depth: 0, to: &output)
        case .plain:
            try appendPlain(&cursor, tag, depth: 0, isLossy: isLossy, name: name, to: &output)
        }
    }

    private static func type(
        _ tag: UInt8, _ cursor: borrowing ByteCursor, depth: Int
    ) throws(VarveError) -> AttributeType {
        guard let type = AttributeType(rawValue: tag) else {
            throw cursor.fault("\(tag) is not the tag of a value")
        }
        if depth == CanonicalValue.depthMax, type == .map || type == .list {
            throw cursor.fault("maps and lists nest too deep")
        }
        return type
    }

    private static func appendTyped(
        _ cursor: inout ByteCursor, _ tag: UInt8, depth: Int, to output: inout ByteWriter
    ) throws(VarveError) {
        let type = try type(tag, cursor, depth: depth)
        appendOpening(type, to: &output)
        switch type {
        case .string: try appendString(&cursor, to: &output)
        case .number: try appendQuotedNumber(&cursor, to: &output)
        case .binary: try appendBinary(&cursor, to: &output)
        case .boolean: try appendBoolean(&cursor, to: &output)
        case .null: output.append(low: 0x6575_7274, count: 4)
        case .map:
            output.append(UInt8(ascii: "{"))
            for index in 0..<(try cursor.count(ofAtLeast: 2)) {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                try appendString(&cursor, to: &output)
                output.append(UInt8(ascii: ":"))
                try appendTyped(&cursor, try cursor.u8(), depth: depth + 1, to: &output)
            }
            output.append(UInt8(ascii: "}"))
        case .list:
            output.append(UInt8(ascii: "["))
            for index in 0..<(try cursor.count()) {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                try appendTyped(&cursor, try cursor.u8(), depth: depth + 1, to: &output)
            }
            output.append(UInt8(ascii: "]"))
        case .stringSet, .numberSet, .binarySet:
            try appendSet(&cursor, type, quotesNumbers: true, to: &output)
        }
        output.append(UInt8(ascii: "}"))
    }

    /// Appends what stands before a typed value, such as `{"S":`.
    @inline(__always)
    private static func appendOpening(_ type: AttributeType, to output: inout ByteWriter) {
        // The text as a little-endian word: its first byte is the lowest.
        switch type {
        case .string: output.append(low: 0x3a_2253_227b, count: 5)
        case .number: output.append(low: 0x3a_224e_227b, count: 5)
        case .binary: output.append(low: 0x3a_2242_227b, count: 5)
        case .map: output.append(low: 0x3a_224d_227b, count: 5)
        case .list: output.append(low: 0x3a_224c_227b, count: 5)
        case .stringSet: output.append(low: 0x3a22_5353_227b, count: 6)
        case .numberSet: output.append(low: 0x3a22_534e_227b, count: 6)
        case .binarySet: output.append(low: 0x3a22_5342_227b, count: 6)
        case .boolean: output.append(low: 0x3a22_4c4f_4f42_227b, count: 8)
        case .null: output.append(low: 0x3a22_4c4c_554e_227b, count: 8)
        }
    }

    private static func appendBoolean(
        _ cursor: inout ByteCursor, to output: inout ByteWriter
    ) throws(VarveError) {
        if try cursor.u8() == 0 {
            output.append(low: 0x65_736c_6166, count: 5)
        } else {
            output.append(low: 0x6575_7274, count: 4)
        }
    }

    private static func appendPlain(
        _ cursor: inout ByteCursor, _ tag: UInt8, depth: Int, isLossy: Bool, name: RawSpan,
        to output: inout ByteWriter
    ) throws(VarveError) {
        let type = try type(tag, cursor, depth: depth)
        switch type {
        case .string: try appendString(&cursor, to: &output)
        case .number: try append(number: &cursor, to: &output)
        case .boolean: try appendBoolean(&cursor, to: &output)
        case .null: output.append(low: 0x6c6c_756e, count: 4)
        case .map:
            output.append(UInt8(ascii: "{"))
            for index in 0..<(try cursor.count(ofAtLeast: 2)) {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                try appendString(&cursor, to: &output)
                output.append(UInt8(ascii: ":"))
                try appendPlain(
                    &cursor, try cursor.u8(), depth: depth + 1, isLossy: isLossy, name: name,
                    to: &output)
            }
            output.append(UInt8(ascii: "}"))
        case .list:
            output.append(UInt8(ascii: "["))
            for index in 0..<(try cursor.count()) {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                try appendPlain(
                    &cursor, try cursor.u8(), depth: depth + 1, isLossy: isLossy, name: name,
                    to: &output)
            }
            output.append(UInt8(ascii: "]"))
        case .binary, .stringSet, .numberSet, .binarySet:
            guard isLossy else {
                throw lossFault(type, String(validating: name) ?? name.hexadecimal)
            }
            if type == .binary {
                try appendBinary(&cursor, to: &output)
            } else {
                try appendSet(&cursor, type, quotesNumbers: false, to: &output)
            }
        }
    }

    static func lossFault(_ type: AttributeType, _ name: String) -> VarveError {
        VarveError(
            .refused,
            "plain JSON cannot hold the type \(type.name) of the attribute \(name);"
                + " write DynamoDB JSON, or allow the loss with --lossy")
    }

    // MARK: Parts

    private static func appendString(
        _ cursor: inout ByteCursor, to output: inout ByteWriter
    ) throws(VarveError) {
        let size = try cursor.counted().byteCount
        append(string: cursor.bytes, from: cursor.offset - size, count: size, to: &output)
    }

    private static func appendBinary(
        _ cursor: inout ByteCursor, to output: inout ByteWriter
    ) throws(VarveError) {
        output.append(UInt8(ascii: "\""))
        Base64.append(try cursor.counted(), to: &output)
        output.append(UInt8(ascii: "\""))
    }

    private static func appendQuotedNumber(
        _ cursor: inout ByteCursor, to output: inout ByteWriter
    ) throws(VarveError) {
        output.append(UInt8(ascii: "\""))
        try append(number: &cursor, to: &output)
        output.append(UInt8(ascii: "\""))
    }

    private static func appendSet(
        _ cursor: inout ByteCursor, _ type: AttributeType, quotesNumbers: Bool,
        to output: inout ByteWriter
    ) throws(VarveError) {
        output.append(UInt8(ascii: "["))
        for index in 0..<(try cursor.count()) {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            switch type {
            case .stringSet: try appendString(&cursor, to: &output)
            case .binarySet: try appendBinary(&cursor, to: &output)
            default:
                if quotesNumbers {
                    try appendQuotedNumber(&cursor, to: &output)
                } else {
                    try append(number: &cursor, to: &output)
                }
            }
        }
        output.append(UInt8(ascii: "]"))
    }
}
