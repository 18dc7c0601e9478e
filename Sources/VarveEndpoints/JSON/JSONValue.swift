import VarveBytes

/// A small JSON document as a value: table settings and manifests.
///
/// Numbers stay the text that they were, and members stay in order. Not for items: those are parsed
/// straight into rows.
public indirect enum JSONValue: Sendable, Hashable {
    case null
    case boolean(Bool)
    /// The number's text.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([Member])

    /// A name and its value in an object.
    public struct Member: Sendable, Hashable {
        public var name: String
        public var value: JSONValue

        public init(_ name: String, _ value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    /// An object of these members, in this order; a member without a value is left out.
    public static func members(_ members: KeyValuePairs<String, JSONValue?>) -> JSONValue {
        .object(
            members.compactMap { name, value in value.map { Member(name, $0) } })
    }

    public static func number(_ value: some BinaryInteger) -> JSONValue {
        .number(String(value))
    }
}

// MARK: - Reading parts

extension JSONValue {
    /// The value of an object's member; nil if there is none, or this is no object.
    public subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    public var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    public var boolean: Bool? {
        guard case .boolean(let value) = self else { return nil }
        return value
    }

    /// The number as an integer; nil if it is none or has a fraction.
    public var integer: Int64? {
        guard case .number(let text) = self else { return nil }
        return Int64(text)
    }

    /// The number as a floating-point number, for times in seconds.
    public var double: Double? {
        guard case .number(let text) = self else { return nil }
        return Double(text)
    }

    public var array: [JSONValue]? {
        guard case .array(let values) = self else { return nil }
        return values
    }

    public var object: [Member]? {
        guard case .object(let members) = self else { return nil }
        return members
    }

    /// The object with these members alone, in its own order; nil if this is no object.
    public func keeping(_ names: Set<String>) -> JSONValue? {
        object.map { .object($0.filter { names.contains($0.name) }) }
    }
}

// MARK: - Writing

extension JSONValue {
    /// The document without white space.
    public var compactText: String {
        var output = ByteWriter()
        append(to: &output, indentation: nil)
        return String(decoding: output.takeBytes(), as: UTF8.self)
    }

    /// The document over many lines, indented by two spaces, with a line feed at its end.
    public var prettyText: String {
        var output = ByteWriter()
        append(to: &output, indentation: 0)
        return String(decoding: output.takeBytes(), as: UTF8.self) + "\n"
    }

    private func append(to output: inout ByteWriter, indentation: Int?) {
        switch self {
        case .null: output.append(utf8: "null")
        case .boolean(let value): output.append(utf8: value ? "true" : "false")
        case .number(let text): output.append(utf8: text)
        case .string(let text): JSONEscaping.append(string: text, to: &output)
        case .array(let values):
            Self.append(values, "[", "]", to: &output, indentation: indentation) {
                $0.append(to: &$1, indentation: $2)
            }
        case .object(let members):
            Self.append(members, "{", "}", to: &output, indentation: indentation) {
                JSONEscaping.append(string: $0.name, to: &$1)
                $1.append(utf8: $2 == nil ? ":" : ": ")
                $0.value.append(to: &$1, indentation: $2)
            }
        }
    }

    private static func append<Element>(
        _ elements: [Element], _ open: String, _ close: String, to output: inout ByteWriter,
        indentation: Int?, each: (Element, inout ByteWriter, Int?) -> Void
    ) {
        output.append(utf8: open)
        let inner = indentation.map { $0 + 2 }
        for (index, element) in elements.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            if let inner { breakLine(inner, &output) }
            each(element, &output, inner)
        }
        if let indentation, !elements.isEmpty { breakLine(indentation, &output) }
        output.append(utf8: close)
    }

    private static func breakLine(_ indentation: Int, _ output: inout ByteWriter) {
        output.append(UInt8(ascii: "\n"))
        output.append(repeating: UInt8(ascii: " "), count: indentation)
    }
}

/// JSON's rules for text.
enum JSONEscaping {
    /// Appends a string in quotes; what JSON does not require to be escaped stays as it is.
    static func append(string: String, to output: inout ByteWriter) {
        let bytes = Array(string.utf8)
        append(bytes: bytes.raw, to: &output)
    }

    /// Appends a string, given as UTF-8, in quotes.
    static func append(bytes: RawSpan, to output: inout ByteWriter) {
        output.append(UInt8(ascii: "\""))
        for offset in 0..<bytes.byteCount {
            let byte = bytes.byte(at: offset)
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                output.append(UInt8(ascii: "\\"))
                output.append(byte)
            case 0x0a: output.append(utf8: "\\n")
            case 0x0d: output.append(utf8: "\\r")
            case 0x09: output.append(utf8: "\\t")
            case 0..<0x20:
                output.append(utf8: "\\u00")
                output.append(digit(byte >> 4))
                output.append(digit(byte & 15))
            default: output.append(byte)
            }
        }
        output.append(UInt8(ascii: "\""))
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
