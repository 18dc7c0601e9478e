public import VarveBytes
public import VarveModel

/// Encodes leaf pages of images and runs, column by column. Source: Spec 07, Leaf page.
///
/// Rows are in-line: what is to be outlined is (`Outlining`). The bytes are a pure function of the
/// rows. One encoder serves any number of pages of one table, and keeps its memory between them.
///
/// Not a check of the rows: keys must be in order and values canonical, as the model makes them. A
/// malformed value throws, a value in another than canonical form gives a page that does not
/// decode to it.
public struct LeafPageEncoder: ~Copyable, Sendable {
    private let schema: KeySchema
    private var columns = ColumnEncoder()
    private var shapes = RowShapes()
    /// Partition and sort keys: slices of the rows, or of `keyBytes` where they are encoded.
    private var partitions = GrowingBuffer<Slice>(capacity: 4096)
    private var sorts = GrowingBuffer<Slice>(capacity: 4096)
    private var keyBytes = ByteWriter(capacity: 1 << 12)
    private var integers = GrowingBuffer<UInt64>(capacity: 4096)

    public init(schema: KeySchema) { self.schema = schema }

    /// Appends the page of an image that holds these rows.
    /// - Precondition: the range is not empty; keys ascend.
    /// - Throws: `damaged` if a key or value is malformed, `invalidInput` if a value should have
    ///   been outlined. The output may then hold a part of a page.
    /// - Complexity: O(bytes of the rows).
    public mutating func encodeImage(
        rows: borrowing RowBuffer, range: Range<Int>, into output: inout ByteWriter
    ) throws(VarveError) {
        precondition(!range.isEmpty)
        writeHead(.image, range.count, &output)
        let source = rows.bytes
        shapes.removeAll()
        for index in range {
            let row = rows[index]
            try shapes.add(source, Int(row.value), Int(row.end))
        }
        try writeKeys(rows, range, &output)
        try writeValues(source, &output)
    }

    /// Appends the page of a run that holds these changes.
    /// - Precondition: the range is not empty; (key, time, sequence) ascend.
    public mutating func encodeRun(
        changes: borrowing ChangeBuffer, range: Range<Int>, into output: inout ByteWriter
    ) throws(VarveError) {
        precondition(!range.isEmpty)
        writeHead(.run, range.count, &output)
        integers.removeAll()
        for index in range {
            integers.append(UInt64(bitPattern: changes.stamps[index].time))
        }
        columns.encodeIntegers(integers, into: &output)
        integers.removeAll()
        for index in range { integers.append(changes.stamps[index].sequence) }
        columns.encodeIntegers(integers, into: &output)
        integers.removeAll()
        for index in range { integers.append(UInt64(changes.stamps[index].kind.rawValue)) }
        columns.encodeIntegers(integers, into: &output)
        let source = changes.rows.bytes
        shapes.removeAll()
        for index in range where changes.stamps[index].kind == .put {
            let row = changes.rows[index]
            try shapes.add(source, Int(row.value), Int(row.end))
        }
        try writeKeys(changes.rows, range, &output)
        try writeValues(source, &output)
    }

    private func writeHead(_ kind: TreeKind, _ count: Int, _ output: inout ByteWriter) {
        output.append(kind.rawValue)
        output.append(schema.partition.type.rawValue)
        output.append(schema.sort?.type.rawValue ?? 0)
        output.append(count: count)
    }
}

// MARK: - Keys

extension LeafPageEncoder {
    private mutating func writeKeys(
        _ rows: borrowing RowBuffer, _ range: Range<Int>, _ output: inout ByteWriter
    ) throws(VarveError) {
        let source = rows.bytes
        partitions.removeAll()
        sorts.removeAll()
        keyBytes.removeAll()
        let partition = schema.partition.type
        let hasSort = schema.sort != nil
        var copied = partition == .number
        if partition != .number && !gatherPlainPartitions(rows, range, hasSort) {
            // Somewhere a byte 00 is escaped: all are copied without escapes.
            copied = true
            partitions.removeAll()
            sorts.removeAll()
        }
        if copied { try gatherCopiedPartitions(rows, range, hasSort) }
        let all = 0..<range.count
        if partition == .number {
            try columns.encodeNumbers(keyBytes, partitions, all, into: &output)
        } else if copied {
            columns.encodeStrings(keyBytes, partitions, all, into: &output)
        } else {
            columns.encodeStrings(source, partitions, all, into: &output)
        }
        guard let sort = schema.sort else { return }
        if sort.type == .number {
            try gatherSortNumbers(source)
            try columns.encodeNumbers(keyBytes, sorts, all, into: &output)
        } else {
            columns.encodeStrings(source, sorts, all, into: &output)
        }
    }

    /// Gathers partition keys that stand in the rows as they are, and the sort keys behind them.
    /// - Returns: false if one does not.
    private mutating func gatherPlainPartitions(
        _ rows: borrowing RowBuffer, _ range: Range<Int>, _ hasSort: Bool
    ) -> Bool {
        let source = rows.bytes
        if !hasSort {
            for index in range {
                let row = rows[index]
                partitions.append(Slice(Int(row.key), Int(row.value - row.key)))
            }
            return true
        }
        // The partition key before, with its end mark.
        var before = Slice(0, 0)
        for index in range {
            let row = rows[index]
            let start = Int(row.key)
            if before.count == 0 || start &+ before.count > Int(row.value)
                || !source.matches(
                    at: start, source, from: before.start, count: before.count)
            {
                let key = source.part(start, Int(row.value))
                guard let zero = key.firstOffset(of: 0), zero &+ 1 < key.byteCount,
                    key.byte(at: zero + 1) == 1
                else { return false }
                before = Slice(start, zero + 2)
            }
            partitions.append(Slice(start, before.count &- 2))
            let sort = start &+ before.count
            sorts.append(Slice(sort, Int(row.value) &- sort))
        }
        return true
    }

    /// Gathers partition keys that are written otherwise than they stand in the rows.
    private mutating func gatherCopiedPartitions(
        _ rows: borrowing RowBuffer, _ range: Range<Int>, _ hasSort: Bool
    ) throws(VarveError) {
        let source = rows.bytes
        let isNumber = schema.partition.type == .number
        for index in range {
            let row = rows[index]
            var cursor = ByteCursor(source.part(Int(row.key), Int(row.value)))
            let start = keyBytes.count
            if isNumber {
                try DecimalNumber(key: &cursor).append(to: &keyBytes)
            } else {
                try cursor.unescape(into: &keyBytes)
            }
            partitions.append(Slice(start, keyBytes.count - start))
            if hasSort {
                sorts.append(Slice(Int(row.key) + cursor.offset, cursor.remaining))
            } else {
                try cursor.end()
            }
        }
    }

    /// Turns the sort keys, which are slices of the rows, into numbers.
    private mutating func gatherSortNumbers(_ source: RawSpan) throws(VarveError) {
        keyBytes.removeAll()
        for at in 0..<sorts.count {
            let key = sorts[at]
            let start = keyBytes.count
            if let small = source.smallNumberKey(key) {
                keyBytes.append(small.exponent)
                keyBytes.append(small.coefficient)
            } else {
                var cursor = ByteCursor(source.part(key))
                try DecimalNumber(key: &cursor).append(to: &keyBytes)
                try cursor.end()
            }
            sorts[at] = Slice(start, keyBytes.count - start)
        }
    }
}

extension RawSpan {
    /// The `number` of a number-key, if that is two bytes: a positive integer of one digit, with or
    /// without a zero behind it.
    @inline(__always)
    func smallNumberKey(_ key: Slice) -> (exponent: UInt8, coefficient: UInt8)? {
        guard key.count == 3, byte(at: key.start) == 0x80 else { return nil }
        let place = byte(at: key.start + 1)
        let pair = byte(at: key.start + 2) >> 1
        guard byte(at: key.start + 2) & 1 == 0, pair >= 10, pair <= 99 else { return nil }
        // One digit at place e = 1 (0x83) or 2; two digits at e = 2.
        if pair % 10 == 0 {
            if place == 0x83 { return (0, pair / 10 * 2) }
            if place == 0x84 { return (2, pair / 10 * 2) }
            return nil
        }
        // Coefficients to 63 take one byte.
        return place == 0x84 && pair < 64 ? (0, pair * 2) : nil
    }
}

extension ByteCursor {
    /// Reads `first(S|B)` and appends its bytes without escapes. Source: Spec 04.
    mutating func unescape(into output: inout ByteWriter) throws(VarveError) {
        while true {
            let byte = try u8()
            if byte != 0 {
                output.append(byte)
                continue
            }
            switch try u8() {
            case 0xff: output.append(0)
            case 0x01: return
            default: throw fault("a partition key is malformed")
            }
        }
    }
}

// MARK: - Values

extension LeafPageEncoder {
    private mutating func writeValues(
        _ source: RawSpan, _ output: inout ByteWriter
    ) throws(VarveError) {
        shapes.sortByColumn()
        output.append(count: shapes.columns.count)
        for at in 0..<shapes.columns.count {
            output.append(shapes.columns[at].prefix, of: source)
        }
        output.append(count: shapes.shapes.count)
        for at in 0..<shapes.shapes.count {
            let shape = shapes.shapes[at]
            output.append(count: shape.count)
            for index in shape.start..<shape.start + shape.count {
                output.append(varint: UInt64(shapes.ordinals[index]))
            }
        }
        columns.encodeIntegers(shapes.rowShapes, into: &output)
        for at in 0..<shapes.columns.count {
            let column = shapes.columns[at]
            let range = column.start..<column.start + column.count
            switch source.byte(at: column.prefix.end - 1) {
            case ValueTag.number:
                try columns.encodeNumbers(source, shapes.values, range, into: &output)
            case ValueTag.boolean:
                integers.removeAll()
                for index in range {
                    integers.append(UInt64(source.byte(at: shapes.values[index].start)))
                }
                columns.encodeIntegers(integers, into: &output)
            case ValueTag.null: output.append(0)
            default: columns.encodeStrings(source, shapes.values, range, into: &output)
            }
        }
    }
}
