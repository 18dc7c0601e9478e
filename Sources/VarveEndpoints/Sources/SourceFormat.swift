import VarveBytes
import VarveModel

/// What the text of a source is, by its first bytes.
enum SourceFormat: Sendable, Hashable {
    /// One item a line.
    case lines
    /// What `aws dynamodb scan` prints.
    case scan
    /// Nothing but white space.
    case empty

    /// How many bytes the decision looks at.
    static let probeBytes = 1 << 16

    /// Decides what items in DynamoDB's JSON come as.
    /// - Parameters:
    ///   - head: the first bytes.
    ///   - isWhole: whether there are no others.
    /// - Throws: `invalidInput` that says what the text is instead, as far as it can be known.
    init(_ head: [UInt8], isWhole: Bool, form: ItemForm) throws(VarveError) {
        guard let start = head.firstIndex(where: { $0 > 0x20 }) else {
            guard isWhole else { throw Self.unknown("it begins with nothing but white space") }
            self = .empty
            return
        }
        if let known = Self.otherFormat(head) { throw Self.unknown(known) }
        switch head[start] {
        case UInt8(ascii: "{"): break
        case UInt8(ascii: "["):
            throw Self.unknown("it is a JSON array; write one item a line (jq -c '.[]')")
        default: throw Self.unknown("it does not begin with {")
        }
        if form == .plain {
            self = .lines
            return
        }
        self = try Self.firstObject(head, from: start)
    }

    static func unknown(_ reason: String) -> VarveError {
        VarveError(
            .invalidInput,
            "this is not understood: \(reason). Understood are DynamoDB JSON lines, the output of "
                + "aws dynamodb scan, both also as gzip, and the directory of a full export")
    }

    /// What other kind of file it is, by its first bytes.
    static func otherFormat(_ head: [UInt8]) -> String? {
        let magics: [([UInt8], String)] = [
            ([0xff, 0xfe], "it is UTF-16; write it as UTF-8"),
            ([0xfe, 0xff], "it is UTF-16; write it as UTF-8"),
            ([0x28, 0xb5, 0x2f, 0xfd], "it is compressed with zstd; decompress it (zstd -dc)"),
            ([0xfd, 0x37, 0x7a, 0x58, 0x5a], "it is compressed with xz; decompress it (xz -dc)"),
            (Array("BZh".utf8), "it is compressed with bzip2; decompress it (bzip2 -dc)"),
            (Array("PK\u{3}\u{4}".utf8), "it is a zip archive; unpack it"),
            (Array("$ion_1_0".utf8), "it is Amazon Ion; export again as DYNAMODB_JSON"),
            ([0xe0, 0x01, 0x00, 0xea], "it is Amazon Ion; export again as DYNAMODB_JSON"),
        ]
        return magics.first { head.starts(with: $0.0) }?.1
    }

    /// Reads the first object's names, as far as the bytes go.
    private static func firstObject(
        _ head: [UInt8], from start: Int
    ) throws(VarveError) -> SourceFormat {
        var scanner = JSONScanner(head.raw, at: start)
        var scratch = ByteWriter()
        var hasPlainValue = false
        var names: Set<String> = []
        do throws(ParseFault) {
            try scanner.expect(UInt8(ascii: "{"))
            if try scanner.accept(UInt8(ascii: "}")) { return .lines }
            repeat {
                scratch.removeAll()
                let name = try scanner.string(into: &scratch)
                if !name.isDecoded, name.end - name.start <= 32 {
                    names.insert(String(decoding: head[name.start..<name.end], as: UTF8.self))
                }
                let isItems =
                    !name.isDecoded
                    && head.raw.part(name.start, name.end).equals(Array("Items".utf8).raw)
                try scanner.expect(UInt8(ascii: ":"))
                switch try scanner.peek() {
                case UInt8(ascii: "{"): break
                case UInt8(ascii: "["):
                    if isItems { return .scan }
                    hasPlainValue = true
                default: hasPlainValue = true
                }
                try scanner.skipValue()
            } while try scanner.continues(until: UInt8(ascii: "}"))
        } catch {
            // What is malformed, the parser reports with its line.
            if !hasPlainValue || !error.isIncomplete { return .lines }
        }
        if names.isSuperset(of: ["eventName", "dynamodb"])
            || names.isSuperset(of: ["Keys", "Metadata"]) && !names.contains("Item")
        {
            throw unknown("it holds change records; 'varve record' reads those")
        }
        if hasPlainValue {
            throw unknown(
                "it looks like plain JSON, without DynamoDB's types; --plain-json reads that")
        }
        if head[start..<scanner.offset].contains(0x0a) {
            throw unknown("an item stands on several lines; write one item a line (jq -c .)")
        }
        return .lines
    }
}
