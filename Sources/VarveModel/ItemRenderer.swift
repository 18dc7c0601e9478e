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
        partitionHead.append(utf8: isWrapped ? "{\"Item\":{" : "{")
        Self.appendHead(Array(schema.partition.name.utf8).raw, to: &partitionHead)
        if let sort = schema.sort {
            sortHead.append(UInt8(ascii: ","))
            Self.appendHead(Array(sort.name.utf8).raw, to: &sortHead)
        }
    }

    private static func appendHead(_ name: RawSpan, to output: inout ByteWriter) {
        ValueRenderer.append(string: name, from: 0, count: name.byteCount, to: &output)
        output.append(UInt8(ascii: ":"))
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
    /// - Parameter value: whole; empty as `00` is for an item of key attributes only.
    public mutating func append(
        key: RawSpan, value: RawSpan, to output: inout ByteWriter
    ) throws(VarveError) {
        var row = ByteWriter(capacity: key.byteCount + value.byteCount)
        row.append(key)
        row.append(value)
        try append(
            row.bytes, keyStart: 0, valueStart: key.byteCount, end: row.count, to: &output)
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
        let divide = start &+ (try codec.partitionSize(of: bytes.part(start, end)))
        output.append(partitionHead, from: 0, count: partitionHead.count)
        try appendPart(.partition, schema.partition, bytes, start, divide, to: &output)
        if let sort = schema.sort {
            output.append(sortHead, from: 0, count: sortHead.count)
            try appendPart(.sort, sort, bytes, divide, end, to: &output)
        } else if divide != end {
            throw VarveError(.damaged, "a key has bytes behind its end")
        }
    }

    @inline(__always)
    private mutating func appendPart(
        _ part: KeyCodec.Part, _ attribute: KeyAttribute, _ bytes: RawSpan, _ start: Int,
        _ end: Int, to output: inout ByteWriter
    ) throws(VarveError) {
        scratch.removeAll()
        try codec.appendValue(of: part, bytes.part(start, end), to: &scratch)
        try Self.append(
            scratch, form, isLossy: isLossy, name: attribute.name, to: &output)
    }

    /// Appends the JSON of the one value in `value`.
    private static func append(
        _ value: borrowing ByteWriter, _ form: ItemForm, isLossy: Bool, name: String,
        to output: inout ByteWriter
    ) throws(VarveError) {
        var cursor = ByteCursor(value.bytes)
        let name = Array(name.utf8)
        try ValueRenderer.append(
            &cursor, tag: try cursor.u8(), form, isLossy: isLossy, name: name.raw, to: &output)
    }
}
