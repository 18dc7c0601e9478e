import VarveBytes

/// Cuts the items out of what `aws dynamodb scan` prints: one JSON object over many lines, or
/// several of them, one after another.
///
///     { "Items": [ {…}, {…} ], "Count": 2, "ScannedCount": 2, "LastEvaluatedKey": null }
///
/// Holds one item at a time, whatever the size of the whole. A page that says that more items
/// follow must be followed by another page; counts are compared, and a scan with a filter is
/// refused, because it is not the whole table.
struct ScanCutter: ~Copyable {
    private enum State { case betweenPages, inPage, inItems, atEnd }

    private let target: Int
    private var window = ByteWriter()
    private var at = 0
    private var place: RowOrigin
    private var state = State.betweenPages
    private var needsComma = false
    private var itemCount: Int64 = 0
    private var hasItems = false
    private var count: Int64?
    private var scannedCount: Int64?
    /// Where the scan said that more items follow; nil if all are there.
    private var unfinished: RowOrigin?

    init(file: Int, at byte: Int64 = 0, target: Int = SourceChunk.targetBytes) {
        self.target = target
        place = RowOrigin(file: Int32(file), line: 1, byte: byte)
    }

    /// The next chunk, or nil behind the last.
    /// - Throws: `invalidInput` for what is not such a document, and for a scan that is not whole.
    mutating func next(_ input: SourceInput) throws(VarveError) -> SourceChunk? {
        var bytes = ByteWriter(capacity: target + target / 16)
        var origins: [RowOrigin] = []
        while state != .atEnd, bytes.count < target {
            switch state {
            case .betweenPages: try startPage(input)
            case .inPage: try readMember(input)
            case .inItems: try readItem(input, &bytes, &origins)
            case .atEnd: break
            }
        }
        guard let start = origins.first else { return nil }
        return SourceChunk(bytes, start: start, origins: origins)
    }

    // MARK: - Pages

    private mutating func startPage(_ input: SourceInput) throws(VarveError) {
        guard let byte = try skipSpace(input) else {
            if let unfinished { throw incomplete(input, unfinished) }
            state = .atEnd
            return
        }
        guard byte == UInt8(ascii: "{") else {
            throw fault(input, "expected the { of a page of scan output")
        }
        skip()
        state = .inPage
        needsComma = false
        itemCount = 0
        hasItems = false
        count = nil
        scannedCount = nil
        unfinished = nil
    }

    private mutating func readMember(_ input: SourceInput) throws(VarveError) {
        var byte = try needSpace(input)
        if byte == UInt8(ascii: "}") {
            try endPage(input)
            skip()
            state = .betweenPages
            return
        }
        if needsComma {
            try expect(UInt8(ascii: ","), input)
            byte = try needSpace(input)
        }
        guard byte == UInt8(ascii: "\"") else { throw fault(input, "expected a name in quotes") }
        guard case .string(let name) = try smallValue(input) else {
            throw fault(input, "expected a name in quotes")
        }
        try expect(UInt8(ascii: ":"), input)
        needsComma = true
        if name == "Items" {
            try expect(UInt8(ascii: "["), input)
            if hasItems { throw fault(input, "\"Items\" stands twice in one page") }
            hasItems = true
            needsComma = false
            state = .inItems
            return
        }
        _ = try needSpace(input)
        let start = place
        let value = try smallValue(input)
        switch name {
        case "Count": count = try integer(value, name, input)
        case "ScannedCount": scannedCount = try integer(value, name, input)
        case "LastEvaluatedKey", "NextToken":
            if value != .null { unfinished = start }
            if name == "NextToken", value != .null { throw incomplete(input, start) }
        default: break
        }
    }

    private func integer(
        _ value: JSONValue, _ name: String, _ input: SourceInput
    ) throws(VarveError) -> Int64 {
        guard let number = value.integer else {
            throw fault(input, "\(name) is not a whole number")
        }
        return number
    }

    private func endPage(_ input: SourceInput) throws(VarveError) {
        guard hasItems else { throw fault(input, "a page of scan output has no \"Items\"") }
        if let count, count != itemCount {
            throw fault(
                input, "the scan says \(count) items, but \(itemCount) are there; scan again")
        }
        if let scannedCount, scannedCount != itemCount {
            throw fault(
                input,
                "the scan was filtered: it read \(scannedCount) items and printed "
                    + "\(itemCount); scan again without a filter")
        }
    }

    private func incomplete(_ input: SourceInput, _ origin: RowOrigin) -> VarveError {
        VarveError(
            .invalidInput,
            "the scan is incomplete: more items follow the last one; scan again without "
                + "--max-items, --no-paginate and --limit, or append the other pages",
            at: "\(input.name): line \(origin.line), byte \(origin.byte)")
    }

    // MARK: - Items

    private mutating func readItem(
        _ input: SourceInput, _ bytes: inout ByteWriter, _ origins: inout [RowOrigin]
    ) throws(VarveError) {
        var byte = try needSpace(input)
        if byte == UInt8(ascii: "]") {
            skip()
            state = .inPage
            needsComma = true
            return
        }
        if needsComma {
            try expect(UInt8(ascii: ","), input)
            byte = try needSpace(input)
        }
        guard byte == UInt8(ascii: "{") else { throw fault(input, "expected the { of an item") }
        origins.append(place)
        try capture(input, into: &bytes, limit: SourceChunk.lineBytesMax)
        bytes.append(UInt8(ascii: "\n"))
        itemCount += 1
        needsComma = true
    }

    private mutating func smallValue(_ input: SourceInput) throws(VarveError) -> JSONValue {
        let start = place
        var text = ByteWriter()
        try capture(input, into: &text, limit: 1 << 20)
        do {
            return try JSONValue.parse(text.bytes)
        } catch {
            throw VarveError(
                .invalidInput, error.message,
                at: "\(input.name): line \(start.line), byte \(start.byte)")
        }
    }

    /// Appends the value that starts here, on one line: line feeds in it become spaces.
    private mutating func capture(
        _ input: SourceInput, into output: inout ByteWriter, limit: Int
    ) throws(VarveError) {
        let start = place
        let startCount = output.count
        var extent = ValueExtent()
        while true {
            if at == window.count, try !refill(input) {
                if extent.isComplete { return }
                throw fault(input, "the text ends within a value; it is cut off")
            }
            let used = extent.scan(window, from: at, into: &output)
            place.line += extent.takeLineCount()
            place.byte += Int64(used)
            at += used
            if extent.isDone { return }
            if output.count - startCount > limit {
                throw VarveError(
                    .invalidInput,
                    "an item is longer than \(limit >> 20) MiB, more than DynamoDB allows",
                    at: "\(input.name): line \(start.line), byte \(start.byte)")
            }
        }
    }

    // MARK: - Bytes

    private mutating func refill(_ input: SourceInput) throws(VarveError) -> Bool {
        window.removeAll()
        at = 0
        return try input.read(into: &window, atMost: 1 << 18) > 0
    }

    private mutating func skip() {
        at += 1
        place.byte += 1
    }

    /// The byte behind white space, which stays unread; nil at the end.
    private mutating func skipSpace(_ input: SourceInput) throws(VarveError) -> UInt8? {
        while true {
            if at == window.count, try !refill(input) { return nil }
            let byte = window.bytes.byte(at: at)
            guard byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 else { return byte }
            if byte == 0x0a { place.line += 1 }
            skip()
        }
    }

    private mutating func needSpace(_ input: SourceInput) throws(VarveError) -> UInt8 {
        guard let byte = try skipSpace(input) else {
            throw fault(input, "the text ends within a page of scan output; it is cut off")
        }
        return byte
    }

    private mutating func expect(_ byte: UInt8, _ input: SourceInput) throws(VarveError) {
        guard try needSpace(input) == byte else {
            throw fault(input, "expected \(Character(Unicode.Scalar(byte)))")
        }
        skip()
    }

    private func fault(_ input: SourceInput, _ message: String) -> VarveError {
        VarveError(
            .invalidInput, message, at: "\(input.name): line \(place.line), byte \(place.byte)")
    }
}

/// Finds where a JSON value ends, over any number of parts, without checking its grammar.
private struct ValueExtent {
    private enum Kind { case unknown, container, string, word }

    private var kind = Kind.unknown
    private var depth = 0
    private var isInString = false
    private var isEscaped = false
    private var lineCount: Int64 = 0
    /// Whether the value has ended.
    private(set) var isDone = false

    /// Whether the value may end where the text does: only a number or a word.
    var isComplete: Bool { isDone || kind == .word }

    mutating func takeLineCount() -> Int64 {
        defer { lineCount = 0 }
        return lineCount
    }

    /// Appends the value's bytes, line feeds as spaces.
    /// - Returns: how many bytes belong to it.
    mutating func scan(
        _ window: borrowing ByteWriter, from start: Int, into output: inout ByteWriter
    ) -> Int {
        let bytes = window.bytes
        var flushed = start
        var index = start
        while index < bytes.byteCount, !isDone {
            let byte = bytes.byte(at: index)
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                    if kind == .string { isDone = true }
                }
            } else if !step(byte) {
                isDone = true
                break
            }
            if byte == 0x0a {
                // In a string it is an error, which the parser shall see.
                lineCount += 1
                if !isInString {
                    output.append(bytes.part(flushed, index))
                    output.append(UInt8(ascii: " "))
                    flushed = index + 1
                }
            }
            index += 1
        }
        output.append(bytes.part(flushed, index))
        return index - start
    }

    /// Takes a byte outside strings; false if it no longer belongs to the value.
    private mutating func step(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "\""):
            if kind == .word { return false }
            if kind == .unknown { kind = .string }
            isInString = true
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            if kind == .word { return false }
            kind = .container
            depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            if kind != .container { return false }
            depth -= 1
            if depth == 0 { isDone = true }
        case UInt8(ascii: ","), UInt8(ascii: ":"), 0x20, 0x0a, 0x0d, 0x09:
            if kind != .container { return false }
        default:
            if kind == .unknown { kind = .word }
        }
        return true
    }
}
