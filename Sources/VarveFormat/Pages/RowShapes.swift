import VarveBytes

/// Takes rows apart into the values of their attributes, column by column. Source: Spec 07.
///
/// Rows of one table look alike, so each row is first compared with the *shape* of the one before:
/// a comparison of bytes for each attribute. Only rows that differ are looked up.
struct RowShapes: ~Copyable, Sendable {
    /// A column: its name and type as the bytes that stand before each of its values.
    struct Column: BitwiseCopyable, Sendable {
        /// `text` name, type; in the rows' bytes.
        var prefix: Slice
        /// Where its values start in `values`, and how many there are.
        var start: Int
        var count: Int
    }

    /// A shape: a part of `ordinals`, and how many rows have it.
    struct Shape: BitwiseCopyable, Sendable {
        var start: Int
        var count: Int
        var rows: Int
    }

    var columns = GrowingBuffer<Column>()
    var shapes = GrowingBuffer<Shape>()
    /// The columns of the shapes, one shape after another.
    var ordinals = GrowingBuffer<UInt32>()
    /// Their prefixes, which each row is compared with.
    private var prefixes = GrowingBuffer<Slice>()
    /// Each row's shape.
    var rowShapes = GrowingBuffer<UInt64>(capacity: 4096)
    /// The values in the order of rows, and then in the order of columns.
    var gathered = GrowingBuffer<Slice>(capacity: 1 << 15)
    var values = GrowingBuffer<Slice>(capacity: 1 << 15)

    private var columnTable = SliceTable()
    private var shapeTable = SliceTable()
    /// The shape of the row before, or −1.
    private var current = -1
    private var fills = GrowingBuffer<Int>()

    mutating func removeAll() {
        columns.removeAll()
        shapes.removeAll()
        ordinals.removeAll()
        prefixes.removeAll()
        rowShapes.removeAll()
        gathered.removeAll()
        values.removeAll()
        current = -1
    }

    /// Adds the row whose value is `[start, end)` of `source`.
    mutating func add(_ source: RawSpan, _ start: Int, _ end: Int) throws(VarveError) {
        let mark = gathered.count
        if current >= 0 {
            let shape = shapes[current]
            if try gatherLike(shape, source, start, end) {
                rowShapes.append(UInt64(truncatingIfNeeded: current))
                shapes[current].rows &+= 1
                return
            }
            gathered.truncate(to: mark)
        }
        try gatherNew(source, start, end)
    }

    /// Gathers a row if it has this shape.
    @inline(__always)
    private mutating func gatherLike(
        _ shape: Shape, _ source: RawSpan, _ start: Int, _ end: Int
    ) throws(VarveError) -> Bool {
        // A count of less than 128 is one byte; wider rows take the slow way.
        if shape.count >= 0x80 || start >= end || source.byte(at: start) != UInt8(shape.count) {
            return false
        }
        var at = start &+ 1
        for index in shape.start..<shape.start &+ shape.count {
            let prefix = prefixes[index]
            if at > end
                || !source.matches(at: at, source, from: prefix.start, count: prefix.count)
            {
                return false
            }
            at &+= prefix.count
            let tag = source.byte(at: prefix.end &- 1)
            let value = try Self.extent(source, tag, at, end)
            gathered.append(value)
            at = value.end
        }
        if at != end { throw Self.malformed }
        return true
    }

    private static var malformed: VarveError {
        VarveError(.damaged, "a row's value is malformed")
    }

    /// Where the value of type `tag` lies whose payload starts at `at`: of strings the content, of
    /// all others the payload.
    @inline(__always)
    private static func extent(
        _ source: RawSpan, _ tag: UInt8, _ at: Int, _ end: Int
    ) throws(VarveError) -> Slice {
        switch tag {
        case ValueTag.string, ValueTag.binary:
            if at >= end { throw malformed }
            let first = Int(source.byte(at: at))
            if first < 0x80 {
                if at &+ 1 &+ first > end { throw malformed }
                return Slice(at &+ 1, first)
            }
        case ValueTag.number:
            if at &+ 8 <= source.byteCount {
                let ends = ~source.word(at: at) & 0x8080_8080_8080_8080
                let second = ends & (ends &- 1)
                if second != 0 {
                    let size = second.trailingZeroBitCount >> 3 &+ 1
                    if at &+ size > end { throw malformed }
                    return Slice(at, size)
                }
            }
        default: break
        }
        return try slowExtent(source, tag, at, end)
    }

    @inline(never)
    private static func slowExtent(
        _ source: RawSpan, _ tag: UInt8, _ at: Int, _ end: Int
    ) throws(VarveError) -> Slice {
        if at > end { throw malformed }
        var cursor = ByteCursor(source.part(at, end))
        if tag == ValueTag.string || tag == ValueTag.binary {
            let content = try cursor.counted().byteCount
            if cursor.offset + 1 >= Outlining.valueLimit {
                throw VarveError(.invalidInput, "a value must be outlined before it is paged")
            }
            return Slice(at + cursor.offset - content, content)
        }
        try cursor.skipPayload(tag)
        if cursor.offset + 1 >= Outlining.valueLimit {
            throw VarveError(.invalidInput, "a value must be outlined before it is paged")
        }
        return Slice(at, cursor.offset)
    }

    /// Gathers a row of another shape than the one before.
    @inline(never)
    private mutating func gatherNew(
        _ source: RawSpan, _ start: Int, _ end: Int
    ) throws(VarveError) {
        var cursor = ByteCursor(source.part(start, end))
        let count = try cursor.count(ofAtLeast: 2)
        let shapeStart = ordinals.count
        for _ in 0..<count {
            let prefixStart = start + cursor.offset
            _ = try cursor.counted()
            let tag = try cursor.u8()
            let prefix = Slice(prefixStart, start + cursor.offset - prefixStart)
            let value = try Self.extent(source, tag, prefix.end, end)
            try cursor.skip(value.end - prefix.end)
            gathered.append(value)
            ordinals.append(UInt32(column(source, prefix)))
            prefixes.append(prefix)
        }
        try cursor.end()
        current = shape(from: shapeStart)
        rowShapes.append(UInt64(current))
        shapes[current].rows += 1
    }

    /// The column with this name and type, new if there was none.
    private mutating func column(_ source: RawSpan, _ prefix: Slice) -> Int {
        if columns.count == 0 { columnTable.reset(capacity: 64) }
        if columns.count * 2 >= columnTable.slotCount { growColumnTable(source) }
        let ordinal = Self.find(source, prefix, &columnTable, columns)
        if ordinal == columns.count {
            columns.append(Column(prefix: prefix, start: 0, count: 0))
        }
        return ordinal
    }

    private static func find(
        _ source: RawSpan, _ prefix: Slice, _ table: inout SliceTable,
        _ columns: borrowing GrowingBuffer<Column>
    ) -> Int {
        let seed = table.seed
        return table.ordinal(
            hash: source.tableHash(prefix, seed: seed), next: columns.count,
            equal: { source.equal(columns[$0].prefix, prefix) })
    }

    private mutating func growColumnTable(_ source: RawSpan) {
        columnTable.reset(capacity: columnTable.slotCount * 2)
        let seed = columnTable.seed
        for at in 0..<columns.count {
            let hash = source.tableHash(columns[at].prefix, seed: seed)
            _ = columnTable.ordinal(hash: hash, next: at, equal: { _ in false })
        }
    }

    /// The shape of the ordinals from `start` on, which are taken back if there was such a one.
    private mutating func shape(from start: Int) -> Int {
        let count = ordinals.count - start
        if shapes.count == 0 { shapeTable.reset(capacity: 64) }
        if shapes.count * 2 >= shapeTable.slotCount {
            shapeTable.reset(capacity: shapeTable.slotCount * 2)
            for at in 0..<shapes.count {
                let hash = shapeHash(shapes[at].start, shapes[at].count)
                _ = shapeTable.ordinal(hash: hash, next: at, equal: { _ in false })
            }
        }
        let hash = shapeHash(start, count)
        let found = Self.findShape(hash, start, count, &shapeTable, shapes, ordinals)
        if found == shapes.count {
            shapes.append(Shape(start: start, count: count, rows: 0))
        } else {
            ordinals.truncate(to: start)
            prefixes.truncate(to: start)
        }
        return found
    }

    private static func findShape(
        _ hash: UInt64, _ start: Int, _ count: Int, _ table: inout SliceTable,
        _ shapes: borrowing GrowingBuffer<Shape>, _ ordinals: borrowing GrowingBuffer<UInt32>
    ) -> Int {
        table.ordinal(hash: hash, next: shapes.count) { candidate in
            let other = shapes[candidate]
            if other.count != count { return false }
            for at in 0..<count where ordinals[other.start + at] != ordinals[start + at] {
                return false
            }
            return true
        }
    }

    private func shapeHash(_ start: Int, _ count: Int) -> UInt64 {
        var state = shapeTable.seed ^ UInt64(count)
        for at in start..<start + count {
            state = tableMix(state ^ UInt64(ordinals[at]), 0x9e37_79b9_7f4a_7c15)
        }
        return tableMix(state, 0xa076_1d64_78bd_642f)
    }
}

// MARK: - From rows to columns

extension RowShapes {
    /// Sorts the values gathered by column, keeping the order of rows.
    mutating func sortByColumn() {
        for at in 0..<shapes.count {
            let shape = shapes[at]
            for index in shape.start..<shape.start + shape.count {
                columns[Int(ordinals[index])].count += shape.rows
            }
        }
        fills.removeAll()
        var start = 0
        for at in 0..<columns.count {
            columns[at].start = start
            fills.append(start)
            start += columns[at].count
        }
        values.removeAll()
        values.append(repeating: Slice(0, 0), count: start)
        var next = 0
        for row in 0..<rowShapes.count {
            let shape = shapes[Int(truncatingIfNeeded: rowShapes[row])]
            for index in shape.start..<shape.start &+ shape.count {
                let column = Int(ordinals[index])
                let place = fills[column]
                values[place] = gathered[next]
                fills[column] = place &+ 1
                next &+= 1
            }
        }
    }
}
