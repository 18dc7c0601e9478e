public import VarveBytes
public import VarveModel

/// Reads leaf pages from bytes that may be hostile. Source: Spec 07, Leaf page.
///
/// `open` checks the page's structure and every column; `next` then builds rows, some at a time,
/// and checks that they ascend. Rows are in-line (`Outlining.expand`). Whoever opens a page first
/// compares its hash with its id; damage that the hash cannot show, of a faulty writer, throws
/// `damaged` and never traps.
///
/// One thing is not checked here: which of the encodings is the shortest. Only encoding the rows
/// again shows it.
///
/// One reader serves any number of pages of one table, and keeps its memory between them.
public struct LeafPageReader: ~Copyable, Sendable {
    /// Rows or changes of a page, at most. Source: Spec 13.
    public static let entriesMax = 1_048_576
    /// Attribute columns of a page, at most: no page that follows the cut rule has as many.
    static let columnsMax = 2_097_152
    /// No in-line value is longer: an item has at most 409,600 bytes.
    static let valueMax = 1 << 20

    public let schema: KeySchema
    private let partitionName: [UInt8]
    private let sortName: [UInt8]
    /// Rows or changes in the page; 0 before one is opened.
    public private(set) var count = 0
    /// Of those, how many `next` has built.
    public internal(set) var position = 0
    /// Whether a row has an outlined value.
    public private(set) var hasOutlined = false

    var page: [UInt8] = []
    var kind = TreeKind.image
    var check = ColumnCheck()
    /// Places at the columns' starts; where `next` is; where a look-up is.
    var start = PageColumns()
    var stream = PageColumns()
    var probe = PageColumns()
    var shapes = GrowingBuffer<RowShapes.Shape>()
    var ordinals = GrowingBuffer<UInt32>()
    var counts = GrowingBuffer<Int>()
    /// Values of each attribute column that `readNewest` has passed over.
    var passed = GrowingBuffer<Int>()
    var key = ByteWriter()
    var lastKey = ByteWriter()
    var value = ByteWriter(capacity: 1 << 12)
    var lastStamp = ChangeStamp(time: 0, sequence: 0, kind: .put)

    public init(schema: KeySchema) {
        self.schema = schema
        partitionName = Array(schema.partition.name.utf8)
        sortName = Array((schema.sort?.name ?? "").utf8)
    }
}

// MARK: - Opening

extension LeafPageReader {
    /// Opens a page; the one before is forgotten.
    /// - Parameter times: if given, a run's page without a change of this stretch is not opened;
    ///   microseconds. Of such a page only the stamps are checked.
    /// - Returns: whether the page is open; else the reader is empty.
    /// - Throws: `damaged` with the offset if the bytes break a rule of Spec 07, or are a page of
    ///   another kind or key schema. The reader is empty then.
    /// - Complexity: O(bytes of the page).
    @discardableResult
    public mutating func open(
        _ bytes: consuming [UInt8], kind: TreeKind, ifWithin times: Range<Int64>? = nil
    ) throws(VarveError) -> Bool {
        count = 0
        position = 0
        hasOutlined = false
        page = bytes
        self.kind = kind
        start.removeAll()
        shapes.removeAll()
        ordinals.removeAll()
        counts.removeAll()
        lastKey.removeAll()
        guard let entries = try openColumns(page, times) else { return false }
        stream.copyPlaces(of: start)
        count = entries
        return true
    }

    private mutating func openColumns(
        _ page: [UInt8], _ times: Range<Int64>?
    ) throws(VarveError) -> Int? {
        var cursor = ByteCursor(page.raw)
        if try cursor.u8() != kind.rawValue {
            throw cursor.fault("this is not a leaf page of \(kind == .run ? "a run" : "an image")")
        }
        let partition = try cursor.u8()
        let sort = try cursor.u8()
        if partition != schema.partition.type.rawValue
            || sort != schema.sort?.type.rawValue ?? 0
        {
            throw cursor.fault("the page's key types are not the table's")
        }
        let entries = try cursor.varint()
        if entries == 0 || entries > UInt64(Self.entriesMax) {
            throw cursor.fault("a page has \(entries) entries")
        }
        let count = Int(entries)
        let puts = try openStamps(&cursor, count)
        if kind == .run, let times, !hasTime(within: times, cursor.bytes, count) { return nil }
        try openKey(&cursor, count, schema.partition.type, longest: 2048)
        if let sort = schema.sort {
            try openKey(&cursor, count, sort.type, longest: 1024)
        } else {
            start.cursors.append(ColumnCursor())
        }
        // The column of shapes, which stands behind the table of attribute columns.
        start.cursors.append(ColumnCursor())
        let columns = try openAttributes(&cursor)
        try openShapes(&cursor, columns: columns, puts: puts)
        for ordinal in 0..<columns { try openColumn(&cursor, ordinal) }
        try cursor.end()
        return count
    }

    /// Opens the stamps and returns how many puts there are.
    private mutating func openStamps(
        _ cursor: inout ByteCursor, _ count: Int
    ) throws(VarveError) -> Int {
        if kind == .image {
            for _ in 0..<3 { start.cursors.append(ColumnCursor()) }
            return count
        }
        for greatest in [UInt64.max, UInt64.max, 1] {
            start.cursors.append(
                try check.integers(
                    &cursor, count: count, greatest: greatest, dictionary: &start.integers))
        }
        var kinds = start.cursors[PageColumns.kinds]
        var puts = 0
        for _ in 0..<count {
            kinds.nextInteger(cursor.bytes, start.integers)
            puts += Int(kinds.integer)
        }
        return puts
    }

    /// Whether a change is of a stretch of time.
    private func hasTime(within times: Range<Int64>, _ page: RawSpan, _ count: Int) -> Bool {
        var column = start.cursors[PageColumns.times]
        for _ in 0..<count {
            column.nextInteger(page, start.integers)
            if times.contains(Int64(bitPattern: column.integer)) { return true }
        }
        return false
    }

    private mutating func openKey(
        _ cursor: inout ByteCursor, _ count: Int, _ type: AttributeType, longest: Int
    ) throws(VarveError) {
        if type == .number {
            start.cursors.append(
                try check.numbers(&cursor, count: count, dictionary: &start.strings))
            return
        }
        let rule = ColumnCheck.StringRule(
            shortest: 1, longest: longest, isText: type == .string)
        start.cursors.append(
            try check.strings(
                &cursor, count: count, rule: rule, dictionary: &start.strings,
                arena: &start.arena))
    }

    /// Reads the table of attribute columns and returns how many there are.
    private mutating func openAttributes(_ cursor: inout ByteCursor) throws(VarveError) -> Int {
        let columns = try cursor.count(ofAtLeast: 3)
        if columns > Self.columnsMax { throw cursor.fault("a page has \(columns) columns") }
        let base = start.strings.count
        for _ in 0..<columns {
            let from = cursor.offset
            let name = try cursor.counted()
            if name.byteCount == 0 || name.byteCount > 65_535 || !name.isUTF8 {
                throw cursor.fault("an attribute's name is empty, too long or not UTF-8")
            }
            if isKey(name) { throw cursor.fault("a key attribute stands among the columns") }
            var column = ColumnCursor()
            column.tag = try cursor.u8()
            if column.tag == 0 || column.tag > ValueTag.outlined {
                throw cursor.fault("there is no value type \(column.tag)")
            }
            if column.tag == ValueTag.outlined { hasOutlined = true }
            column.prefix = Slice(from, cursor.offset - from)
            start.cursors.append(column)
            start.strings.append(column.prefix)
            counts.append(0)
        }
        if columns > 0 && !check.distinct(cursor.bytes, start.strings, from: base) {
            throw cursor.fault("an attribute column stands twice")
        }
        start.strings.truncate(to: base)
        return columns
    }

    /// Whether a name is that of a key attribute, which is no column.
    private func isKey(_ name: RawSpan) -> Bool {
        name.equals(partitionName.raw) || !sortName.isEmpty && name.equals(sortName.raw)
    }

    private mutating func openShapes(
        _ cursor: inout ByteCursor, columns: Int, puts: Int
    ) throws(VarveError) {
        let total = try cursor.count()
        if total > puts || (total == 0 && puts > 0) {
            throw cursor.fault("a page of \(puts) puts has \(total) shapes")
        }
        let base = start.strings.count
        var seen = 0
        for _ in 0..<total {
            let from = cursor.offset
            let width = try cursor.count()
            shapes.append(RowShapes.Shape(start: ordinals.count, count: width, rows: 0))
            var before = -1
            for _ in 0..<width {
                let ordinal = try cursor.integer(atMost: UInt64(seen))
                if ordinal >= UInt64(columns) { throw cursor.fault("a shape names no column") }
                if Int(ordinal) == seen { seen += 1 }
                try checkNames(&cursor, before, Int(ordinal))
                before = Int(ordinal)
                ordinals.append(UInt32(ordinal))
            }
            start.strings.append(Slice(from, cursor.offset - from))
        }
        if seen != columns { throw cursor.fault("an attribute column is not used") }
        if total > 0 && !check.distinct(cursor.bytes, start.strings, from: base) {
            throw cursor.fault("a shape stands twice")
        }
        start.strings.truncate(to: base)
        start.cursors[PageColumns.shapes] = try check.integers(
            &cursor, count: puts, greatest: UInt64(max(total, 1) - 1),
            dictionary: &start.integers)
        try countShapes(&cursor, puts)
    }

    /// Names ascend within a shape.
    private func checkNames(
        _ cursor: inout ByteCursor, _ before: Int, _ ordinal: Int
    ) throws(VarveError) {
        if before < 0 { return }
        let page = cursor.bytes
        var first = ByteCursor(
            page.part(start.cursors[PageColumns.attributes + before].prefix))
        var second = ByteCursor(
            page.part(start.cursors[PageColumns.attributes + ordinal].prefix))
        if !(try first.counted().precedes(try second.counted())) {
            throw cursor.fault("the names of a shape do not ascend")
        }
    }

    /// Counts the rows of each shape, which appear in order, and the values of each column.
    private mutating func countShapes(
        _ cursor: inout ByteCursor, _ puts: Int
    ) throws(VarveError) {
        var column = start.cursors[PageColumns.shapes]
        var seen = 0
        for _ in 0..<puts {
            column.nextInteger(cursor.bytes, start.integers)
            let shape = Int(truncatingIfNeeded: column.integer)
            if shape >= seen {
                if shape > seen { throw cursor.fault("shapes are not in order of appearance") }
                seen += 1
            }
            shapes[shape].rows += 1
        }
        if seen != shapes.count { throw cursor.fault("a shape is not used") }
        for at in 0..<shapes.count {
            let shape = shapes[at]
            for index in shape.start..<shape.start + shape.count {
                counts[Int(ordinals[index])] += shape.rows
            }
        }
    }

    private mutating func openColumn(
        _ cursor: inout ByteCursor, _ ordinal: Int
    ) throws(VarveError) {
        let index = PageColumns.attributes + ordinal
        let prefix = start.cursors[index].prefix
        let tag = start.cursors[index].tag
        let values = counts[ordinal]
        var column: ColumnCursor
        switch tag {
        case ValueTag.number:
            column = try check.numbers(&cursor, count: values, dictionary: &start.strings)
        case ValueTag.boolean:
            column = try check.integers(
                &cursor, count: values, greatest: 1, dictionary: &start.integers)
        case ValueTag.null:
            if try cursor.u8() != 0 { throw cursor.fault("a column of NULL has bytes") }
            column = ColumnCursor()
        default:
            let isContent = tag == ValueTag.string || tag == ValueTag.binary
            // Tag and, from 128 bytes on, more than one byte of length come on top.
            let rule = ColumnCheck.StringRule(
                shortest: isContent ? 0 : 1,
                longest: Outlining.valueLimit - (isContent ? 4 : 2),
                isText: tag == ValueTag.string, payload: isContent ? 0 : tag)
            column = try check.strings(
                &cursor, count: values, rule: rule, dictionary: &start.strings,
                arena: &start.arena)
        }
        column.prefix = prefix
        column.tag = tag
        start.cursors[index] = column
    }
}
