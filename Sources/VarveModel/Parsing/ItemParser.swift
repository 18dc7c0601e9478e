import VarveBytes

/// Reads items from JSON text into rows.
///
/// Reuse one parser for all items of a table: it remembers how they look, and reads the next one
/// that looks alike several times faster. Not for sharing between threads; make one for each.
///
/// Every item is checked: its key attributes, types, numbers, sets, names, nesting and size. After
/// a fault the rows before it are there, and the parser can go on.
public struct ItemParser: ~Copyable, Sendable {
    /// The table's key attributes.
    public let schema: KeySchema
    /// How items are written.
    public let form: ItemForm

    let codec: KeyCodec
    let partitionName: [UInt8]
    let sortName: [UInt8]
    var trie = LayoutTrie()
    var slots = GrowingBuffer<ItemSlot>(capacity: 64)
    var reader = ValueReader()
    var pieces = GrowingBuffer<Piece>(capacity: 64)
    var names = ByteWriter(capacity: 1_024)
    var order = GrowingBuffer<SortedElement>(capacity: 64)

    /// An attribute as it was found: the text before its value, and its name.
    struct Piece: BitwiseCopyable, Sendable {
        var literalStart: Int
        var literalEnd: Int
        var nameStart: Int
        var nameEnd: Int
        var source: Int
        var kind: LayoutTrie.Kind
    }

    public init(schema: KeySchema, form: ItemForm = .dynamoDB) {
        self.schema = schema
        self.form = form
        codec = KeyCodec(schema)
        partitionName = Array(schema.partition.name.utf8)
        sortName = schema.sort.map { Array($0.name.utf8) } ?? []
    }

    /// Most bytes of a span; offsets of rows have 32 bits.
    static let spanBytesMax = 1 << 30
}

// MARK: - Lines

extension ItemParser {
    /// Parses whole lines, each one item, `{"Item":{…}}` or the item itself, and appends a row for
    /// each. Blank lines are skipped; the last line may lack its line feed.
    ///
    /// - Parameters:
    ///   - lines: at most 2^30 bytes.
    ///   - lineOffsets: gets the offset in `lines` of each row's line.
    /// - Throws: the first fault, with its line and offset in `lines`. The rows of the lines before
    ///   it have been appended.
    /// - Complexity: O(bytes).
    public mutating func parse(
        lines: RawSpan, into rows: inout RowBuffer, lineOffsets: inout [UInt32]
    ) throws(ParseFault) {
        guard lines.byteCount <= Self.spanBytesMax else {
            throw ParseFault("more than 2^30 bytes cannot be parsed at once", offset: 0)
        }
        do throws(ParseFault) {
            try parseLines(lines, into: &rows, lineOffsets: &lineOffsets)
        } catch {
            throw error.withLine(in: lines)
        }
    }

    private mutating func parseLines(
        _ lines: RawSpan, into rows: inout RowBuffer, lineOffsets: inout [UInt32]
    ) throws(ParseFault) {
        let end = lines.byteCount
        var at = 0
        var lineStart = 0
        while true {
            while at < end {
                let byte = lines.byte(at: at)
                guard byte <= 0x20, Self.isSpace(byte) else { break }
                at &+= 1
                if byte == UInt8(ascii: "\n") { lineStart = at }
            }
            if at == end { return }
            let count = rows.count
            at = try parseItem(lines, at: at, .line, into: &rows)
            while at < end {
                let byte = lines.byte(at: at)
                at &+= 1
                if byte == UInt8(ascii: "\n") { break }
                guard Self.isSpace(byte) else {
                    rows.truncate(to: count)
                    throw ParseFault("malformed JSON: text behind the item", offset: at - 1)
                }
            }
            lineOffsets.append(UInt32(truncatingIfNeeded: lineStart))
            lineStart = at
        }
    }

    @inline(__always)
    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x0a || byte == 0x20 || byte == 0x0d || byte == 0x09
    }
}

// MARK: - Single items

extension ItemParser {
    /// Parses one item, an object of attributes, where the scanner stands, and appends its row.
    ///
    /// For items within larger texts: `{"Items":[…]}`, change records. If the span ends within the
    /// item, the fault says `isIncomplete`; the scanner's offset is then undefined.
    /// - Throws: the fault, with its offset in the scanner's bytes; then no row is appended.
    public mutating func parseItem(
        _ scanner: inout JSONScanner, into rows: inout RowBuffer
    ) throws(ParseFault) {
        scanner.skipSpace()
        scanner.offset = try parseItem(scanner.bytes, at: scanner.offset, .bare, into: &rows)
    }

    /// Parses the item at `start`, by a known path or else step by step.
    /// - Returns: the offset behind it.
    @inline(__always)
    private mutating func parseItem(
        _ source: RawSpan, at start: Int, _ root: LayoutTrie.Root, into rows: inout RowBuffer
    ) throws(ParseFault) -> Int {
        let end = Self.parseKnown(
            source, at: start, root, trie: trie, slots: &slots, reader: &reader, codec: codec,
            form: form, into: &rows)
        if end >= 0 { return end }
        return try parseNew(source, at: start, root, into: &rows)
    }
}

extension ItemParser {
    /// Reads an item along the trie.
    /// - Returns: the offset behind it; −1, with no row appended, if it follows no known path or is
    ///   faulty, which reading it step by step then finds out.
    private static func parseKnown(
        _ source: RawSpan, at start: Int, _ root: LayoutTrie.Root,
        trie: borrowing LayoutTrie, slots: inout GrowingBuffer<ItemSlot>,
        reader: inout ValueReader, codec: KeyCodec, form: ItemForm,
        into rows: inout RowBuffer
    ) -> Int {
        slots.removeAll()
        reader.removeAll()
        let literals = trie.literals.bytes
        var at = start
        var parent = root.rawValue
        while true {
            var child = Int(trie.nodes[parent].child)
            while true {
                if child < 0 { return -1 }
                let node = trie.nodes[child]
                if source.matches(
                    at: at, literals, from: Int(node.literalStart), count: Int(node.literalCount))
                {
                    break
                }
                child = Int(node.next)
            }
            let node = trie.nodes[child]
            parent = child
            at &+= Int(node.literalCount)
            switch node.kind {
            case .string:
                var isASCII = true
                let end = source.plainTextEnd(from: at, to: source.byteCount, isASCII: &isASCII)
                if end < source.byteCount, source.byte(at: end) == UInt8(ascii: "\""), isASCII {
                    slots.append(ItemSlot(place: .source, start: at, count: end &- at))
                    at = end
                } else {
                    at = longString(source, at: at, &slots, &reader)
                    if at < 0 { return -1 }
                }
            case .number:
                if let slot = ItemSlot.shortNumber(source, &at) {
                    slots.append(slot)
                } else {
                    at = longNumber(source, at: at, &slots, &reader)
                    if at < 0 { return -1 }
                }
            case .other:
                at = otherValue(
                    source, at: at, isSingleLine: root == .line, form, &slots, &reader)
                if at < 0 { return -1 }
            case .end:
                let fault = appendRow(
                    trie.layouts[Int(node.layout)], source, textCount: at &- start, trie: trie,
                    slots: slots, reader: reader, codec: codec, into: &rows)
                return fault == nil ? at : -1
            }
        }
    }

    /// Reads a string that is not plain ASCII.
    /// - Returns: the offset of its closing quotation mark, or −1.
    @inline(never)
    private static func longString(
        _ source: RawSpan, at start: Int, _ slots: inout GrowingBuffer<ItemSlot>,
        _ reader: inout ValueReader
    ) -> Int {
        var scanner = JSONScanner(source, at: start - 1)
        guard let string = try? scanner.string(into: &reader.text) else { return -1 }
        slots.append(
            ItemSlot(
                place: string.isDecoded ? .text : .source, start: string.start,
                count: string.count))
        return scanner.offset - 1
    }

    /// Reads a number that is not short.
    /// - Returns: the offset of its closing quotation mark, or −1.
    @inline(never)
    private static func longNumber(
        _ source: RawSpan, at start: Int, _ slots: inout GrowingBuffer<ItemSlot>,
        _ reader: inout ValueReader
    ) -> Int {
        var scanner = JSONScanner(source, at: start - 1)
        let from = reader.values.count
        guard (try? reader.number(&scanner)) != nil else { return -1 }
        slots.append(
            ItemSlot(place: .number, start: from, count: reader.values.count - from))
        return scanner.offset - 1
    }
}

extension ItemParser {
    /// Reads a value of any type.
    /// - Returns: the offset behind it, or −1.
    @inline(never)
    private static func otherValue(
        _ source: RawSpan, at start: Int, isSingleLine: Bool, _ form: ItemForm,
        _ slots: inout GrowingBuffer<ItemSlot>, _ reader: inout ValueReader
    ) -> Int {
        var scanner = JSONScanner(source, at: start)
        scanner.isSingleLine = isSingleLine
        let from = reader.values.count
        guard (try? reader.value(&scanner, form)) != nil else { return -1 }
        slots.append(
            ItemSlot(place: .values, start: from, count: reader.values.count - from))
        return scanner.offset
    }
}
