public import VarveBytes

extension JSONValue {
    /// Nesting beyond which a document is refused.
    static let depthLimit = 64

    /// Reads one JSON document (RFC 8259) that takes up all the bytes.
    /// - Throws: `invalidInput` with the line and the byte offset. Names that stand twice in one
    ///   object are refused, because readers would disagree about the value.
    public static func parse(_ bytes: RawSpan) throws(VarveError) -> JSONValue {
        var parser = JSONDocumentParser(bytes)
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        if parser.at < bytes.byteCount { throw parser.fault("something follows the document") }
        return value
    }

    /// Reads one JSON document; an error names `place`.
    static func parse(_ bytes: RawSpan, at place: String) throws(VarveError) -> JSONValue {
        do throws(VarveError) {
            return try parse(bytes)
        } catch {
            throw error.located(in: place)
        }
    }
}

/// A recursive-descent parser of small documents; recursion is bounded by `depthLimit`.
private struct JSONDocumentParser: ~Escapable {
    let bytes: RawSpan
    var at = 0

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan) { self.bytes = bytes }

    func fault(_ message: String) -> VarveError {
        var line = 1
        for offset in 0..<min(at, bytes.byteCount) where bytes.byte(at: offset) == 0x0a {
            line += 1
        }
        return VarveError(
            .invalidInput, "this is not JSON: \(message)", at: "line \(line), byte \(at)")
    }

    var next: UInt8? { at < bytes.byteCount ? bytes.byte(at: at) : nil }

    mutating func skipSpace() {
        while let byte = next, byte == 0x20 || (byte >= 0x09 && byte <= 0x0d && byte != 0x0b) {
            at += 1
        }
    }

    mutating func take(_ character: Character) -> Bool {
        guard next == character.asciiValue else { return false }
        at += 1
        return true
    }

    mutating func value(depth: Int) throws(VarveError) -> JSONValue {
        if depth > JSONValue.depthLimit { throw fault("it is nested too deep") }
        skipSpace()
        guard let byte = next else { throw fault("it ends too early") }
        switch byte {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .boolean(true))
        case UInt8(ascii: "f"): return try word("false", .boolean(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return .number(try number())
        }
    }

    private mutating func word(_ text: String, _ value: JSONValue) throws(VarveError) -> JSONValue {
        let end = at + text.utf8.count
        guard end <= bytes.byteCount, bytes.part(at, end).equals(Array(text.utf8).raw) else {
            throw fault("an unknown word")
        }
        at = end
        return value
    }

    private mutating func object(depth: Int) throws(VarveError) -> JSONValue {
        at += 1
        var members: [JSONValue.Member] = []
        var names: Set<String> = []
        skipSpace()
        if take("}") { return .object([]) }
        while true {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw fault("a name is missing") }
            let name = try string()
            guard names.insert(name).inserted else { throw fault("\"\(name)\" stands twice") }
            skipSpace()
            guard take(":") else { throw fault("a colon is missing") }
            members.append(JSONValue.Member(name, try value(depth: depth + 1)))
            skipSpace()
            if take(",") { continue }
            if take("}") { return .object(members) }
            throw fault("a comma or } is missing")
        }
    }

    private mutating func array(depth: Int) throws(VarveError) -> JSONValue {
        at += 1
        var values: [JSONValue] = []
        skipSpace()
        if take("]") { return .array([]) }
        while true {
            values.append(try value(depth: depth + 1))
            skipSpace()
            if take(",") { continue }
            if take("]") { return .array(values) }
            throw fault("a comma or ] is missing")
        }
    }

    private mutating func number() throws(VarveError) -> String {
        let start = at
        _ = take("-")
        if !take("0") { try digits() }
        if take(".") { try digits() }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            try digits()
        }
        return String(decoding: bytes.part(start, at).copyBytes(), as: UTF8.self)
    }

    private mutating func digits() throws(VarveError) {
        let start = at
        while let byte = next, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { at += 1 }
        if at == start { throw fault("a value is missing") }
    }

    private mutating func string() throws(VarveError) -> String {
        at += 1
        var text: [UInt8] = []
        while true {
            guard let byte = next else { throw fault("a string does not end") }
            at += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let result = String(validating: text.raw) else {
                    throw fault("a string is not UTF-8")
                }
                return result
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20: throw fault("a control character in a string")
            default: text.append(byte)
            }
        }
    }

    private mutating func escape(into text: inout [UInt8]) throws(VarveError) {
        guard let byte = next else { throw fault("a string does not end") }
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0c)
        case UInt8(ascii: "n"): text.append(0x0a)
        case UInt8(ascii: "r"): text.append(0x0d)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var code = try hexadecimal()
            if code >= 0xd800, code < 0xdc00, take("\\"), take("u") {
                let low = try hexadecimal()
                guard low >= 0xdc00, low < 0xe000 else { throw fault("a lone surrogate") }
                code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw fault("a lone surrogate") }
            text.append(contentsOf: Array(String(Character(scalar)).utf8))
        default: throw fault("an unknown escape")
        }
    }

    private mutating func hexadecimal() throws(VarveError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw fault("a \\u escape needs four hexadecimal digits")
            }
            code = code << 4 | UInt32(digit)
            at += 1
        }
        return code
    }
}
