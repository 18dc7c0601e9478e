public import VarveBytes
import VarveEndpoints
public import VarveModel

/// Key attributes as people write them: `InvoiceNo:S`.
public enum KeyDefinition {
    /// Reads a key attribute: its name, a colon, and S, N or B.
    ///
    /// The last colon counts, so names may hold colons.
    /// - Throws: `invalidInput`.
    public static func attribute(_ text: String) throws(VarveError) -> KeyAttribute {
        guard let colon = text.lastIndex(of: ":") else { throw malformed(text) }
        let name = String(text[..<colon])
        let type: AttributeType
        switch text[text.index(after: colon)...] {
        case "S": type = .string
        case "N": type = .number
        case "B": type = .binary
        default: throw malformed(text)
        }
        if name.isEmpty || name.utf8.count > 255 { throw malformed(text) }
        return KeyAttribute(name: name, type: type)
    }

    private static func malformed(_ text: String) -> VarveError {
        VarveError(
            .invalidInput,
            "'\(text.prefix(300))' is no key attribute; write its name, a colon and its type "
                + "S, N or B, for example InvoiceNo:S")
    }

    /// For messages and lists: `InvoiceNo:S Line:N`.
    public static func text(_ schema: KeySchema) -> String {
        [schema.partition, schema.sort].compactMap { $0 }
            .map { "\($0.name):\($0.type.name)" }.joined(separator: " ")
    }
}

extension TableSettings {
    /// Refuses key attributes that contradict the description of the table.
    /// - Parameter key: what the arguments say; nil: nothing.
    func check(key: KeySchema?) throws(VarveError) {
        guard let key, let described = keySchema, key != described else { return }
        throw VarveError(
            .refused,
            "--partition-key and --sort-key say that the key is \(KeyDefinition.text(key)), and "
                + "--settings that it is \(KeyDefinition.text(described)); leave out what is wrong")
    }
}
