public import VarveBytes

/// Writes rows as JSON text; what `ItemParser` reads back to equal rows.
///
/// Reuse one renderer for all items of a table: it remembers names as they are written. Key
/// attributes come first (partition, sort), then the others in canonical order. Of strings only
/// what JSON demands is escaped. Rows must be whole; what an outlined value stands for is not here.
public struct ItemRenderer: ~Copyable, Sendable {
    public let schema: KeySchema
    public let form: ItemForm
    /// Whether an item is written as `{"Item":{…}}`.
    public let isWrapped: Bool
    /// Whether plain JSON may lose the types of B, SS, NS and BS.
    public let isLossy: Bool

    let codec: KeyCodec
    /// What stands before the partition key's value, and before the sort key's.
    private var partitionHead = ByteWriter(capacity: 64)
    private var sortHead = ByteWriter(capacity: 64)
    /// Why no key can be written in this form, if so.
    private let refusal: VarveError?
    private var heads = NameCache()
    private var scratch = ByteWriter(capacity: 4_096)

    public init(
        schema: KeySchema, form: ItemForm = .dynamoDB, isWrapped: Bool = true,
        isLossy: Bool = false
    ) {
        self.schema = schema
        self.form = form
        self.isWrapped = isWrapped
        self.isLossy = isLossy
        codec = KeyCodec(schema)
        let binary = [schema.partition, schema.sort].compactMap { $0 }
            .first { $0.type == .binary && form == .plain && !isLossy }
        refusal = binary.map { ValueRenderer.lossFault(.binary, $0.name) }
        partitionHead.append(utf8: isWrapped ? "{\"Item\":{" : "{")
        Self.appendHead(schema.partition, form, to: &partitionHead)
        if let sort = schema.sort {
            sortHead.append(UInt8(ascii: ","))
            Self.appendHead(sort, form, to: &sortHead)
        }
    }

    /// Appends a key attribute's name and what opens its value.
    private static func appendHead(
        _ attribute: KeyAttribute, _ form: ItemForm, to output: inout ByteWriter
    ) {
        let name = Array(attribute.name.utf8)
        ValueRenderer.append(string: name.raw, from: 0, count: name.count, to: &output)
        output.append(UInt8(ascii: ":"))
        if form == .dynamoDB {
            output.append(utf8: "{\"\(attribute.type.name)\":\"")
        } else if attribute.type != .number {
            output.append(UInt8(ascii: "\""))
        }
    }
}

// MARK: - Items

extension ItemRenderer {
    /// Appends a line for each row.
    /// - Throws: `refused` in plain form where a type would be lost; `damaged` if a row cannot be
    ///   walked. Lines before it have been appended.
    public mutating func appendLines(
        _ rows: borrowing RowBuffer, to output: inout ByteWriter
    ) throws(VarveError) {
        try appendLines(rows, 0..<rows.count, to: &output)
    }

    /// Appends a line for each of some rows.
    public mutating func appendLines(
        _ rows: borrowing RowBuffer, _ range: Range<Int>, to output: inout ByteWriter
    ) throws(VarveError) {
        for index in range {
            let row = rows[index]
            try append(
                rows.bytes, keyStart: Int(row.key), valueStart: Int(row.value),
                end: Int(row.end), to: &output)
            output.append(UInt8(ascii: "\n"))
        }
    }

    /// Appends one row's JSON without a line feed.
    public mutating func append(
        row index: Int, of rows: borrowing RowBuffer, to output: inout ByteWriter
    ) throws(VarveError) {
        let row = rows[index]
        try append(
            rows.bytes, keyStart: Int(row.key), valueStart: Int(row.value), end: Int(row.end),
            to: &output)
    }

    /// Appends one item's JSON without a line feed.
    /// - Parameter value: whole; `00` if there are only key attributes.
    public mutating func append(
        key: RawSpan, value: RawSpan, to output: inout ByteWriter
    ) throws(VarveError) {
        var row = ByteWriter(capacity: key.byteCount + value.byteCount)
        row.append(key)
        row.append(value)
        try append(
            row.bytes, keyStart: 0, valueStart: key.byteCount, end: row.count, to: &output)
    }

    /// Appends an object of the key attributes alone, never wrapped.
    public mutating func append(
        key: RawSpan, to output: inout ByteWriter
    ) throws(VarveError) {
        let start = output.count
        do throws(VarveError) {
            try appendKey(key, 0, key.byteCount, to: &output)
        } catch {
            output.truncate(to: start)
            throw error
        }
        if isWrapped { Self.dropWrapping(at: start, in: &output) }
        output.append(UInt8(ascii: "}"))
    }

    /// Takes `{"Item":` away.
    private static func dropWrapping(at start: Int, in output: inout ByteWriter) {
        let kept = output.bytes.part(start + 8, output.count).copyBytes()
        output.truncate(to: start)
        output.append(kept)
    }

    private mutating func append(
        _ bytes: RawSpan, keyStart: Int, valueStart: Int, end: Int, to output: inout ByteWriter
    ) throws(VarveError) {
        let start = output.count
        do throws(VarveError) {
            try appendKey(bytes, keyStart, valueStart, to: &output)
            var cursor = ByteCursor(bytes.part(0, end))
            try cursor.skip(valueStart)
            try appendAttributes(&cursor, to: &output)
            try cursor.end()
        } catch {
            output.truncate(to: start)
            throw error
        }
        if isWrapped {
            output.append(low: 0x7d7d, count: 2)
        } else {
            output.append(UInt8(ascii: "}"))
        }
    }

    @inline(__always)
    private mutating func appendAttributes(
        _ cursor: inout ByteCursor, to output: inout ByteWriter
    ) throws(VarveError) {
        var count = try cursor.count(ofAtLeast: 2)
        while count > 0 {
            count &-= 1
            let headStart = cursor.offset
            let nameSize = try cursor.counted().byteCount
            let tag = try cursor.u8()
            heads.append(
                cursor.bytes, from: headStart, count: cursor.offset &- headStart,
                nameSize: nameSize, tag: tag, form, to: &output)
            if tag == AttributeType.string.rawValue {
                let size = try cursor.counted().byteCount
                ValueRenderer.append(
                    content: cursor.bytes, from: cursor.offset &- size, count: size, to: &output)
                output.append(low: 0x7d22, count: form == .dynamoDB ? 2 : 1)
            } else if tag == AttributeType.number.rawValue {
                try ValueRenderer.append(number: &cursor, to: &output)
                if form == .dynamoDB { output.append(low: 0x7d22, count: 2) }
            } else {
                let nameEnd = cursor.offset &- 1
                try ValueRenderer.append(
                    &cursor, tag: tag, form, isLossy: isLossy,
                    name: cursor.bytes.part(nameEnd &- nameSize, nameEnd), to: &output)
            }
        }
    }
}

// MARK: - Keys

extension ItemRenderer {
    @inline(__always)
    private mutating func appendKey(
        _ bytes: RawSpan, _ start: Int, _ end: Int, to output: inout ByteWriter
    ) throws(VarveError) {
        if let refusal { throw refusal }
        output.append(partitionHead, from: 0, count: partitionHead.count)
        var divide = end
        if let sort = schema.sort {
            divide = try appendPartition(bytes, start, end, to: &output)
            output.append(sortHead, from: 0, count: sortHead.count)
            if sort.type == .string {
                appendKey(content: bytes, divide, end, to: &output)
            } else {
                try appendOther(.sort, sort.type, bytes.part(divide, end), to: &output)
            }
        } else if schema.partition.type == .string {
            appendKey(content: bytes, start, end, to: &output)
        } else {
            try appendOther(
                .partition, schema.partition.type, bytes.part(start, end), to: &output)
        }
    }

    /// Appends the partition key's value where a sort key follows.
    /// - Returns: where the sort key begins.
    @inline(__always)
    private mutating func appendPartition(
        _ bytes: RawSpan, _ start: Int, _ end: Int, to output: inout ByteWriter
    ) throws(VarveError) -> Int {
        let key = bytes.part(start, end)
        if schema.partition.type == .string, let zero = key.firstOffset(of: 0),
            zero &+ 1 < key.byteCount, key.byte(at: zero &+ 1) == 1
        {
            // The first 00 ends it: nothing in it is escaped.
            appendKey(content: bytes, start, start &+ zero, to: &output)
            return start &+ zero &+ 2
        }
        let size = try codec.partitionSize(of: key)
        try appendOther(.partition, schema.partition.type, key.part(0, size), to: &output)
        return start &+ size
    }

    @inline(__always)
    private func appendKey(
        content bytes: RawSpan, _ start: Int, _ end: Int, to output: inout ByteWriter
    ) {
        ValueRenderer.append(content: bytes, from: start, count: end &- start, to: &output)
        output.append(low: 0x7d22, count: form == .dynamoDB ? 2 : 1)
    }

    /// Appends the value of a part of any type, and what closes it.
    @inline(never)
    private mutating func appendOther(
        _ part: KeyCodec.Part, _ type: AttributeType, _ encoded: RawSpan,
        to output: inout ByteWriter
    ) throws(VarveError) {
        scratch.removeAll()
        try codec.appendContent(of: part, encoded, to: &scratch)
        try Self.append(type, content: scratch, to: &output)
        switch (type, form) {
        case (.number, .plain): break
        case (_, .dynamoDB): output.append(low: 0x7d22, count: 2)
        case (_, .plain): output.append(UInt8(ascii: "\""))
        }
    }

    private static func append(
        _ type: AttributeType, content: borrowing ByteWriter, to output: inout ByteWriter
    ) throws(VarveError) {
        switch type {
        case .number:
            var cursor = ByteCursor(content.bytes)
            try ValueRenderer.append(number: &cursor, to: &output)
        case .binary: Base64.append(content.bytes, to: &output)
        default:
            ValueRenderer.append(
                content: content.bytes, from: 0, count: content.count, to: &output)
        }
    }
}
