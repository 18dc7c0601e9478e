import VarveBytes
import VarveModel

// Records in envelopes, as Kinesis delivers them; and finding out a record's table alone.

extension RecordParser {
    /// Reads base64 of a record, and the record in it.
    mutating func envelope(
        _ scanner: inout JSONScanner, _ draft: inout RecordDraft, _ unit: Range<Int>,
        _ parcel: ChangeParcel
    ) throws(ParseFault) {
        if isInEnvelope || draft.hasContent {
            throw scanner.fault("an envelope within an envelope or a record")
        }
        let start = scanner.offset
        var content = ByteWriter(capacity: 1_024)
        guard try Self.decode(&scanner, into: &content) else {
            throw ParseFault("the envelope's data is not base64", offset: start)
        }
        isInEnvelope = true
        defer { isInEnvelope = false }
        draft.inner = Self.open(&self, content, start: start, unit, parcel)
    }

    /// Reads the record in a line of a rejects file.
    mutating func rejected(
        _ scanner: inout JSONScanner, _ draft: inout RecordDraft, _ unit: Range<Int>,
        _ parcel: ChangeParcel
    ) throws(ParseFault) {
        if isInRejected || isInEnvelope || draft.hasContent {
            throw scanner.fault("a rejected record within a record")
        }
        isInRejected = true
        defer { isInRejected = false }
        draft.isPlainInner = true
        draft.inner = element(&scanner, unit, parcel)
    }

    private static func decode(
        _ scanner: inout JSONScanner, into content: inout ByteWriter
    ) throws(ParseFault) -> Bool {
        var text = ByteWriter(capacity: 32)
        let string = try scanner.string(into: &text)
        if string.isDecoded {
            // Some programs write / as \/.
            return Base64.decode(text.bytes.part(string.start, string.end), into: &content)
        }
        return Base64.decode(scanner.bytes.part(string.start, string.end), into: &content)
    }

    private static func open(
        _ parser: inout RecordParser, _ content: borrowing ByteWriter, start: Int,
        _ unit: Range<Int>, _ parcel: ChangeParcel
    ) -> RecordOutcome {
        var scanner = JSONScanner(content.bytes, at: 0)
        scanner.skipSpace()
        let outcome = parser.element(&scanner, unit, parcel)
        scanner.skipSpace()
        switch outcome {
        case .accepted where scanner.offset == content.count: return outcome
        case .accepted:
            parser.takeBack()
            return .rejected(
                ParseFault("the envelope holds more than one record", offset: start), table: nil)
        case .rejected(let fault, let table):
            return .rejected(
                ParseFault("in the envelope: \(fault.message)", offset: start),
                table: table ?? parser.tableName(content.bytes, at: 0))
        case .wrapper:
            return .rejected(
                ParseFault("the envelope holds no change record", offset: start), table: nil)
        case .leftOut: return outcome
        }
    }

    /// Takes the last change back.
    func takeBack() {
        guard let target = current?.target, target.batch.count > 0 else { return }
        target.batch.changes.rows.truncate(to: target.batch.count - 1)
        target.batch.changes.stamps.removeLast()
        target.batch.before.removeLast()
        target.batch.itemHashes.removeLast()
        target.batch.itemSizes.removeLast()
        target.batch.ends.removeLast()
        target.records.removeLast()
    }

    // MARK: - The table alone

    /// The table that a record names, without regard to all else in it; nil if it names none.
    func tableName(_ bytes: RawSpan, at start: Int) -> String? {
        var scanner = JSONScanner(bytes, at: start)
        var found: String?
        do throws(ParseFault) {
            try tableName(&scanner, &found, depth: 0)
        } catch {
            // What was found before the fault counts.
        }
        return found
    }

    private func tableName(
        _ scanner: inout JSONScanner, _ found: inout String?, depth: Int
    ) throws(ParseFault) {
        guard try scanner.accept(UInt8(ascii: "{")) else { return try scanner.skipValue() }
        if try scanner.accept(UInt8(ascii: "}")) { return }
        var text = ByteWriter(capacity: 64)
        repeat {
            text.removeAll()
            let name = try scanner.string(into: &text)
            let member = names.find(scanner.bytes, name)
            try scanner.expect(UInt8(ascii: ":"))
            let isString = try scanner.peek() == UInt8(ascii: "\"")
            switch member {
            case .tableName, .table, .tableNameCapital:
                guard isString else {
                    try scanner.skipValue()
                    continue
                }
                found = try Self.string(&scanner)
            case .sourceARN:
                guard isString else {
                    try scanner.skipValue()
                    continue
                }
                let arn = try Self.string(&scanner)
                if found == nil { found = Self.tableName(inARN: arn) }
            case .dataCapital, .data:
                guard isString, depth < 3 else {
                    try scanner.skipValue()
                    continue
                }
                var content = ByteWriter(capacity: 1_024)
                if try Self.decode(&scanner, into: &content) {
                    found = tableName(content.bytes, at: 0) ?? found
                }
            case .kinesis where depth < 2, .record where depth == 0:
                try tableName(&scanner, &found, depth: depth + 1)
            default: try scanner.skipValue()
            }
        } while try scanner.continues(until: UInt8(ascii: "}"))
    }

    private static func string(_ scanner: inout JSONScanner) throws(ParseFault) -> String {
        var text = ByteWriter(capacity: 64)
        let string = try scanner.string(into: &text)
        let bytes =
            string.isDecoded
            ? text.bytes.part(string.start, string.end).copyBytes()
            : scanner.bytes.part(string.start, string.end).copyBytes()
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func tableName(inARN arn: String) -> String? {
        let parts = arn.split(separator: ":table/", maxSplits: 1)
        guard parts.count == 2, let name = parts[1].split(separator: "/").first else { return nil }
        return String(name)
    }
}
