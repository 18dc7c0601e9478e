import VarveBytes
import VarveModel

// The members of a record, at whatever level they stand.

extension RecordParser {
    /// Reads the members of an object into the draft.
    mutating func members(
        _ scanner: inout JSONScanner, _ level: RecordDraft.Level, _ draft: inout RecordDraft,
        _ unit: Range<Int>, _ parcel: ChangeParcel
    ) throws(ParseFault) {
        guard try scanner.accept(UInt8(ascii: "{")) else {
            throw scanner.fault("malformed JSON: expected a change record, an object")
        }
        if try scanner.accept(UInt8(ascii: "}")) { return }
        repeat {
            let mark = text.count
            let name = try scanner.string(into: &text)
            let member = names.find(scanner.bytes, name)
            text.truncate(to: mark)
            try scanner.expect(UInt8(ascii: ":"))
            _ = try scanner.peek()
            switch level {
            case .record, .dynamodb:
                try recordMember(&scanner, member, level, &draft, unit, parcel)
            case .metadata:
                if member == .writeTimestampMicros {
                    try writeTime(&scanner, &draft)
                } else {
                    try skip(&scanner)
                }
            case .kinesis:
                if member == .data {
                    try envelope(&scanner, &draft, unit, parcel)
                } else {
                    try skip(&scanner)
                }
            }
        } while try scanner.continues(until: UInt8(ascii: "}"))
    }

    private mutating func recordMember(
        _ scanner: inout JSONScanner, _ member: MemberName, _ level: RecordDraft.Level,
        _ draft: inout RecordDraft, _ unit: Range<Int>, _ parcel: ChangeParcel
    ) throws(ParseFault) {
        switch member {
        case .keys, .oldImage, .newImage: try image(&scanner, member, &draft, parcel)
        case .creationTime:
            draft.isStream = true
            try creationTime(&scanner, &draft)
        case .creationPrecision:
            let name = try word(&scanner)
            if name == "MILLISECOND" { draft.unit = .milliseconds }
            if name == "MICROSECOND" { draft.unit = .microseconds }
        case .streamViewType:
            let name = try word(&scanner)
            draft.view = name == "NEW_AND_OLD_IMAGES" ? .both : .other
            if name == "NEW_IMAGE" { draft.view = .newImage }
        case .other: try skip(&scanner)
        default:
            if level == .record {
                try outerMember(&scanner, member, &draft, unit, parcel)
            } else {
                try skip(&scanner)
            }
        }
    }

    private mutating func outerMember(
        _ scanner: inout JSONScanner, _ member: MemberName, _ draft: inout RecordDraft,
        _ unit: Range<Int>, _ parcel: ChangeParcel
    ) throws(ParseFault) {
        let byte = try scanner.peek()
        let isObject = byte == UInt8(ascii: "{")
        switch member {
        case .metadata where isObject: try members(&scanner, .metadata, &draft, unit, parcel)
        case .dynamodb where isObject:
            draft.isStream = true
            try members(&scanner, .dynamodb, &draft, unit, parcel)
        case .kinesis where isObject: try members(&scanner, .kinesis, &draft, unit, parcel)
        case .dataCapital where byte == UInt8(ascii: "\""):
            try envelope(&scanner, &draft, unit, parcel)
        case .records where byte == UInt8(ascii: "["):
            if isInEnvelope || isInList || draft.hasContent {
                throw scanner.fault("a list of records within a record")
            }
            draft.isWrapper = true
            isInList = true
            defer { isInList = false }
            try list(&scanner, unit, parcel)
        case .record where isObject: try rejected(&scanner, &draft, unit, parcel)
        case .eventName where byte == UInt8(ascii: "\""): try event(&scanner, &draft)
        case .tableName, .table, .tableNameCapital:
            if byte == UInt8(ascii: "\"") {
                draft.table = try scanner.string(into: &text)
            } else {
                try skip(&scanner)
            }
        case .sourceARN where byte == UInt8(ascii: "\""):
            let arn = try scanner.string(into: &text)
            if !arn.isDecoded, draft.table == nil {
                draft.table = Self.tableName(inARN: arn, scanner.bytes)
            }
        default: try skip(&scanner)
        }
    }

    /// Reads Keys or an image into its rows. Null and an object without members are no image.
    private mutating func image(
        _ scanner: inout JSONScanner, _ member: MemberName, _ draft: inout RecordDraft,
        _ parcel: ChangeParcel
    ) throws(ParseFault) {
        if scanner.bytes.byte(at: scanner.offset) == UInt8(ascii: "n") {
            return try scanner.null()
        }
        let start = scanner.offset
        if try scanner.accept(UInt8(ascii: "{")), try scanner.accept(UInt8(ascii: "}")) { return }
        scanner.offset = start
        guard let table = current else { return try skip(&scanner) }
        let isTwice: Bool
        switch member {
        case .keys: (isTwice, draft.hasKeys) = (draft.hasKeys, true)
        case .oldImage: (isTwice, draft.hasOld) = (draft.hasOld, true)
        default: (isTwice, draft.hasNew) = (draft.hasNew, true)
        }
        if isTwice { throw ParseFault("Keys or an image stands twice", offset: start) }
        if draft.isWrapper || draft.inner != nil {
            throw ParseFault("a list of records, or an envelope, is a record too", offset: start)
        }
        do throws(ParseFault) {
            switch member {
            case .keys: try table.items.parseItem(&scanner, into: &keys)
            case .oldImage: try table.items.parseItem(&scanner, into: &old)
            default:
                let target = self.target(table, parcel)
                try table.items.parseItem(&scanner, into: &target.batch.changes.rows)
            }
        } catch {
            let name = member == .keys ? "Keys" : member == .oldImage ? "OldImage" : "NewImage"
            throw ParseFault(
                "\(name): \(error.message)", offset: error.offset,
                isIncomplete: error.isIncomplete)
        }
        if member == .keys, !Self.isBareKey(keys) {
            throw ParseFault("Keys holds attributes that are not key attributes", offset: start)
        }
    }

    /// Whether the only row has no attributes beside its key.
    private static func isBareKey(_ rows: borrowing RowBuffer) -> Bool {
        let value = rows.value(rows.count - 1)
        return value.byteCount == 1 && value.byte(at: 0) == 0
    }

    // MARK: - Times, names

    /// Reads `{"N":"…"}`, a number or a string of digits.
    private mutating func writeTime(
        _ scanner: inout JSONScanner, _ draft: inout RecordDraft
    ) throws(ParseFault) {
        let start = scanner.offset
        let isTyped = try scanner.accept(UInt8(ascii: "{"))
        if isTyped {
            guard try scanner.accept(string: "N") else {
                throw scanner.fault("WriteTimestampMicros is not a number")
            }
            try scanner.expect(UInt8(ascii: ":"))
        }
        let time = try number(&scanner)
        if isTyped { try scanner.expect(UInt8(ascii: "}")) }
        guard let time else {
            throw ParseFault("WriteTimestampMicros is not a number", offset: start)
        }
        draft.time = time
        draft.unit = .microseconds
    }

    /// Reads a number, in quotation marks or not.
    private mutating func number(
        _ scanner: inout JSONScanner
    ) throws(ParseFault) -> WrittenTime? {
        if try scanner.peek() != UInt8(ascii: "\"") {
            let range = try scanner.number()
            return WrittenTime.number(scanner.bytes.part(range.lowerBound, range.upperBound))
        }
        let string = try scanner.string(into: &text)
        if string.isDecoded { return nil }
        return WrittenTime.number(scanner.bytes.part(string.start, string.end))
    }

    private mutating func creationTime(
        _ scanner: inout JSONScanner, _ draft: inout RecordDraft
    ) throws(ParseFault) {
        let start = scanner.offset
        var time: WrittenTime?
        if try scanner.peek() == UInt8(ascii: "\"") {
            let string = try word(&scanner)
            if let value = ISOTime.microseconds(zoned: string) { time = .microseconds(value) }
            if time == nil { time = WrittenTime.number(Array(string.utf8).raw) }
        } else {
            time = try number(&scanner)
        }
        guard let time else {
            throw ParseFault(
                "ApproximateCreationDateTime is no time: neither a number nor RFC 3339 with a zone",
                offset: start)
        }
        draft.time = time
    }

    private mutating func event(
        _ scanner: inout JSONScanner, _ draft: inout RecordDraft
    ) throws(ParseFault) {
        let start = scanner.offset
        if try scanner.accept(string: "INSERT") {
            draft.event = .insert
        } else if try scanner.accept(string: "MODIFY") {
            draft.event = .modify
        } else if try scanner.accept(string: "REMOVE") {
            draft.event = .remove
        } else {
            throw ParseFault("eventName is none of INSERT, MODIFY, REMOVE", offset: start)
        }
    }

    /// A short string.
    private mutating func word(_ scanner: inout JSONScanner) throws(ParseFault) -> String {
        let mark = text.count
        let string = try scanner.string(into: &text)
        let bytes =
            string.isDecoded
            ? text.bytes.part(string.start, string.end).copyBytes()
            : scanner.bytes.part(string.start, string.end).copyBytes()
        text.truncate(to: mark)
        return String(decoding: bytes.prefix(64), as: UTF8.self)
    }

    /// Skips a value; strings, which most are, without taking memory.
    mutating func skip(_ scanner: inout JSONScanner) throws(ParseFault) {
        guard try scanner.peek() == UInt8(ascii: "\"") else { return try scanner.skipValue() }
        let mark = text.count
        _ = try scanner.string(into: &text)
        text.truncate(to: mark)
    }

    /// The table's name in `arn:aws:dynamodb:REGION:ACCOUNT:table/NAME/stream/LABEL`.
    private static func tableName(inARN arn: JSONText, _ bytes: RawSpan) -> JSONText? {
        let mark = Array(":table/".utf8)
        var at = arn.start
        while at + mark.count <= arn.end {
            if bytes.part(at, at + mark.count).equals(mark.raw) {
                let start = at + mark.count
                var end = start
                while end < arn.end, bytes.byte(at: end) != UInt8(ascii: "/") { end += 1 }
                return end > start ? JSONText(isDecoded: false, start: start, end: end) : nil
            }
            at += 1
        }
        return nil
    }
}
