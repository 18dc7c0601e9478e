import VarveBytes
import VarveModel

/// Writes items as lines of CSV (RFC 4180, but with a line feed alone, as AWS's import wants it).
///
/// Every top-level attribute is a column. S is its text, N its digits, BOOL `true` or `false`, NULL
/// `null`, B base64; maps, lists and sets are plain JSON text. A missing attribute is an empty
/// cell, an empty string two quotation marks. So types are lost: CSV is for people and
/// spreadsheets, not for coming back.
struct CSVRenderer: ~Copyable {
    private let codec: KeyCodec
    /// Names of columns and their places, by bytes.
    private let places: [[UInt8]: Int]
    private let partitionPlace: Int?
    private let sortPlace: Int?
    private let columnCount: Int
    /// The cells of one item, in the order in which they were found.
    private var cells = ByteWriter(capacity: 4_096)
    private var extents: [Range<Int>]
    private var scratch = ByteWriter(capacity: 1_024)

    /// - Precondition: names of columns are distinct.
    init(schema: KeySchema, columns: [String]) {
        codec = KeyCodec(schema)
        var places: [[UInt8]: Int] = [:]
        for (place, name) in columns.enumerated() {
            let old = places.updateValue(place, forKey: Array(name.utf8))
            precondition(old == nil, "columns must be distinct")
        }
        self.places = places
        partitionPlace = places[Array(schema.partition.name.utf8)]
        sortPlace = schema.sort.flatMap { places[Array($0.name.utf8)] }
        columnCount = columns.count
        extents = Array(repeating: 0..<0, count: columns.count)
    }

    /// The line of names.
    static func header(_ columns: [String]) -> [UInt8] {
        var output = ByteWriter()
        for (index, name) in columns.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            append(cell: Array(name.utf8).raw, to: &output)
        }
        output.append(UInt8(ascii: "\n"))
        return output.takeBytes()
    }

    mutating func append(
        key: RawSpan, value: RawSpan, to output: inout ByteWriter
    ) throws(VarveError) {
        cells.removeAll()
        for index in 0..<columnCount { extents[index] = 0..<0 }
        try addKey(key)
        var cursor = ByteCursor(value)
        for _ in 0..<(try cursor.count(ofAtLeast: 2)) {
            let name = try cursor.counted()
            try add(&cursor, place: places[name.copyBytes()])
        }
        try cursor.end()
        for (index, extent) in extents.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            output.append(cells, from: extent.lowerBound, count: extent.count)
        }
        output.append(UInt8(ascii: "\n"))
    }

    private mutating func addKey(_ key: RawSpan) throws(VarveError) {
        scratch.removeAll()
        let divide = try codec.appendValues(of: key, to: &scratch)
        let values = scratch.copyBytes()
        var cursor = ByteCursor(values.raw)
        try add(&cursor, place: partitionPlace)
        if divide < values.count { try add(&cursor, place: sortPlace) }
    }

    /// Renders the value where the cursor stands as the cell of a column, or skips it.
    private mutating func add(_ cursor: inout ByteCursor, place: Int?) throws(VarveError) {
        guard let place else { return try CanonicalValue.skip(&cursor) }
        let start = cells.count
        try Self.append(&cursor, to: &cells)
        extents[place] = start..<cells.count
    }

    private static func append(
        _ cursor: inout ByteCursor, to cells: inout ByteWriter
    ) throws(VarveError) {
        let tag = try cursor.u8()
        switch AttributeType(rawValue: tag) {
        case .string: append(cell: try cursor.counted(), to: &cells)
        case .map, .list, .stringSet, .numberSet, .binarySet:
            var text = ByteWriter()
            try PlainJSON.append(&cursor, tag: tag, depth: 0, to: &text)
            append(cell: text.bytes, to: &cells)
        case .binary:
            let bytes = try cursor.counted()
            if bytes.byteCount == 0 { append(cell: bytes, to: &cells) }
            Base64.append(bytes, to: &cells)
        default: try PlainJSON.append(&cursor, tag: tag, depth: 0, to: &cells)
        }
    }

    /// Appends a cell, in quotation marks where it needs them.
    private static func append(cell: RawSpan, to output: inout ByteWriter) {
        var needsQuotes = cell.byteCount == 0
        for offset in 0..<cell.byteCount {
            switch cell.byte(at: offset) {
            case UInt8(ascii: "\""), UInt8(ascii: ","), 0x0a, 0x0d: needsQuotes = true
            case 0x20 where offset == 0 || offset == cell.byteCount - 1: needsQuotes = true
            default: break
            }
        }
        if !needsQuotes { return output.append(cell) }
        output.append(UInt8(ascii: "\""))
        var start = 0
        while let quote = cell.firstOffset(of: UInt8(ascii: "\""), from: start) {
            output.append(cell.part(start, quote + 1))
            output.append(UInt8(ascii: "\""))
            start = quote + 1
        }
        output.append(cell.part(start, cell.byteCount))
        output.append(UInt8(ascii: "\""))
    }
}

/// Canonical values as plain JSON, without regard to types that are lost.
enum PlainJSON {
    /// Appends the value whose tag was read; the cursor moves past its payload.
    static func append(
        _ cursor: inout ByteCursor, tag: UInt8, depth: Int, to output: inout ByteWriter
    ) throws(VarveError) {
        guard let type = AttributeType(rawValue: tag), depth <= CanonicalValue.depthMax else {
            throw cursor.fault("a value is malformed")
        }
        switch type {
        case .string: JSONEscaping.append(bytes: try cursor.counted(), to: &output)
        case .number: try DecimalNumber(canonical: &cursor).appendText(to: &output)
        case .binary: append(binary: try cursor.counted(), to: &output)
        case .boolean: output.append(utf8: try cursor.u8() == 1 ? "true" : "false")
        case .null: output.append(utf8: "null")
        case .map:
            output.append(UInt8(ascii: "{"))
            for index in 0..<(try cursor.count(ofAtLeast: 2)) {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                JSONEscaping.append(bytes: try cursor.counted(), to: &output)
                output.append(UInt8(ascii: ":"))
                try append(&cursor, tag: try cursor.u8(), depth: depth + 1, to: &output)
            }
            output.append(UInt8(ascii: "}"))
        case .list, .stringSet, .numberSet, .binarySet:
            output.append(UInt8(ascii: "["))
            for index in 0..<(try cursor.count()) {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                let tag: UInt8
                if let elementTag = type.elementTag {
                    tag = elementTag
                } else {
                    tag = try cursor.u8()
                }
                try append(&cursor, tag: tag, depth: depth + 1, to: &output)
            }
            output.append(UInt8(ascii: "]"))
        }
    }

    private static func append(binary: RawSpan, to output: inout ByteWriter) {
        output.append(UInt8(ascii: "\""))
        Base64.append(binary, to: &output)
        output.append(UInt8(ascii: "\""))
    }
}

extension AttributeType {
    /// The tag of a set's elements, which stand without it; nil for other types.
    fileprivate var elementTag: UInt8? {
        switch self {
        case .stringSet: AttributeType.string.rawValue
        case .numberSet: AttributeType.number.rawValue
        case .binarySet: AttributeType.binary.rawValue
        default: nil
        }
    }
}
