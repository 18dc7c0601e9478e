public import VarveArchive
public import VarveBytes
public import VarveModel

/// Keys and stretches of keys as people write them.
public enum KeyArguments {
    /// Reads a key as DynamoDB's JSON: `{"InvoiceNo":{"S":"536365"},"Line":{"N":"0"}}`.
    /// - Returns: the key's bytes.
    /// - Throws: `invalidInput` if it is no key of such a table.
    public static func key(_ json: String, _ schema: KeySchema) throws(VarveError) -> [UInt8] {
        var parser = ItemParser(schema: schema)
        var rows = RowBuffer(capacity: 4_096)
        var offsets: [UInt32] = []
        let text = Array(json.utf8)
        do throws(ParseFault) {
            try parser.parse(lines: text.raw, into: &rows, lineOffsets: &offsets)
        } catch {
            throw VarveError(
                .invalidInput, "\(error.message); write it like \(example(schema))",
                at: "the key, byte \(error.offset)")
        }
        guard rows.count == 1, rows.valueBytes(0) == [0] else {
            throw VarveError(
                .invalidInput,
                "the key must hold the key attributes and nothing else: \(example(schema))",
                at: "the key")
        }
        return rows.keyBytes(0)
    }

    /// What a key of this schema looks like, for messages.
    public static func example(_ schema: KeySchema) -> String {
        let parts = [schema.partition, schema.sort].compactMap { $0 }.map {
            "\"\($0.name)\":{\"\($0.type.name)\":\"…\"}"
        }
        return "{" + parts.joined(separator: ",") + "}"
    }

    /// The bounds of a part of a table.
    ///
    /// - Parameters:
    ///   - partition: a partition key's value: text, a number, or base64 for type B.
    ///   - range: `FROM..TO` of sort keys if a partition is given, else of partition keys. FROM
    ///     belongs to it, TO does not; either may be left out.
    /// - Throws: `invalidInput`.
    public static func bounds(
        partition: String?, range: String?, _ schema: KeySchema
    ) throws(VarveError) -> KeyBounds {
        let codec = KeyCodec(schema)
        var prefix: [UInt8] = []
        if let partition { prefix = try encoded(.partition, partition, codec) }
        guard let range else {
            if partition == nil { return .all }
            return KeyBounds(
                lower: prefix, upper: schema.sort == nil ? prefix + [0] : successor(of: prefix))
        }
        if partition != nil, schema.sort == nil {
            throw VarveError(
                .invalidInput, "the table has no sort key that a range could be of")
        }
        let part: KeyCodec.Part = partition == nil ? .partition : .sort
        let (from, to) = try divided(range)
        var bounds = KeyBounds(
            lower: partition == nil ? nil : prefix,
            upper: partition == nil ? nil : successor(of: prefix))
        if !from.isEmpty { bounds.lower = prefix + (try encoded(part, from, codec)) }
        if !to.isEmpty { bounds.upper = prefix + (try encoded(part, to, codec)) }
        if let lower = bounds.lower, let upper = bounds.upper, lower.raw.order(upper.raw) >= 0 {
            throw VarveError(.invalidInput, "the range \(range) is empty: it ends before it begins")
        }
        return bounds
    }

    private static func divided(_ range: String) throws(VarveError) -> (String, String) {
        var rest = range[...]
        var from = ""
        while !rest.isEmpty {
            if rest.hasPrefix("..") { return (from, String(rest.dropFirst(2))) }
            from.append(rest.removeFirst())
        }
        throw VarveError(.invalidInput, "'\(range)' is no range; write FROM..TO")
    }

    /// One part of a key as the archive orders it.
    private static func encoded(
        _ part: KeyCodec.Part, _ text: String, _ codec: KeyCodec
    ) throws(VarveError) -> [UInt8] {
        let attribute = part == .partition ? codec.schema.partition : codec.schema.sort
        guard let attribute else {
            throw VarveError(.invalidInput, "the table has no sort key")
        }
        var output = ByteWriter()
        try codec.append(part, try value(text, attribute).canonicalBytes.raw, to: &output)
        return output.takeBytes()
    }

    private static func value(
        _ text: String, _ attribute: KeyAttribute
    ) throws(VarveError) -> AttributeValue {
        switch attribute.type {
        case .number:
            guard let number = try? DecimalNumber.parse(Array(text.utf8).raw) else {
                throw VarveError(
                    .invalidInput, "'\(text)' is no number, as \(attribute.name) must be")
            }
            return .number(number)
        case .binary:
            var bytes = ByteWriter()
            guard Base64.decode(Array(text.utf8).raw, into: &bytes) else {
                throw VarveError(
                    .invalidInput, "'\(text)' is not base64, as \(attribute.name) must be")
            }
            return .binary(bytes.takeBytes())
        default: return .string(text)
        }
    }

    /// The least key that follows all keys with this prefix; nil if there is none.
    static func successor(of prefix: [UInt8]) -> [UInt8]? {
        var result = prefix
        while let last = result.popLast() {
            if last < 0xff { return result + [last + 1] }
        }
        return nil
    }
}
