import VarveBytes
import VarveModel

/// The columns of one page with their places, and the memory that they share.
struct PageColumns: ~Copyable, Sendable {
    /// The columns that every page has; the attributes' follow.
    static let times = 0
    static let sequences = 1
    static let kinds = 2
    static let partitions = 3
    static let sorts = 4
    static let shapes = 5
    static let attributes = 6

    var cursors = GrowingBuffer<ColumnCursor>()
    /// Entries of the dictionaries, one column's after another's.
    var strings = GrowingBuffer<Slice>(capacity: 4096)
    var integers = GrowingBuffer<UInt64>()
    /// Current strings of the columns that share prefixes, each in a region of its own.
    var arena = ByteWriter(capacity: 1 << 12)

    mutating func removeAll() {
        cursors.removeAll()
        strings.removeAll()
        integers.removeAll()
        arena.removeAll()
    }

    /// Goes to where `other` is, in the same page.
    mutating func copyPlaces(of other: borrowing PageColumns) {
        cursors.removeAll()
        cursors.append(other.cursors)
        if arena.count < other.arena.count {
            arena.append(repeating: 0, count: other.arena.count - arena.count)
        }
    }
}

// MARK: - Keys

extension PageColumns {
    /// Appends the key of the next row.
    @inline(__always)
    mutating func appendNextKey(
        _ page: RawSpan, _ dictionary: borrowing GrowingBuffer<Slice>, hasSort: Bool,
        into key: inout ByteWriter
    ) {
        if cursors[Self.partitions].kind == .numbers {
            appendNextNumberKey(Self.partitions, page, dictionary, into: &key)
        } else {
            cursors[Self.partitions].nextString(page, dictionary, &arena)
            let column = cursors[Self.partitions]
            if hasSort && column.hasZero {
                appendEscaped(column, page, into: &key)
            } else {
                appendString(column, page, into: &key)
            }
            if hasSort {
                key.append(0)
                key.append(1)
            }
        }
        if !hasSort { return }
        if cursors[Self.sorts].kind == .numbers {
            appendNextNumberKey(Self.sorts, page, dictionary, into: &key)
        } else {
            cursors[Self.sorts].nextString(page, dictionary, &arena)
            appendString(cursors[Self.sorts], page, into: &key)
        }
    }

    @inline(__always)
    private func appendString(
        _ column: ColumnCursor, _ page: RawSpan, into output: inout ByteWriter
    ) {
        if column.isInArena {
            output.append(column.slice, of: arena.bytes)
        } else {
            output.append(column.slice, of: page)
        }
    }

    @inline(never)
    private func appendEscaped(
        _ column: ColumnCursor, _ page: RawSpan, into output: inout ByteWriter
    ) {
        let content = column.isInArena
            ? arena.bytes.part(column.slice) : page.part(column.slice)
        for at in 0..<content.byteCount {
            let byte = content.byte(at: at)
            output.append(byte)
            if byte == 0 { output.append(0xff) }
        }
    }

    @inline(__always)
    private mutating func appendNextNumberKey(
        _ index: Int, _ page: RawSpan, _ dictionary: borrowing GrowingBuffer<Slice>,
        into key: inout ByteWriter
    ) {
        cursors[index].nextNumber(page, dictionary)
        let column = cursors[index]
        if column.isAligned && column.exponent == 0 && column.integer < 100 {
            key.append(0x80)
            let value = UInt8(truncatingIfNeeded: column.integer)
            if value == 0 {
                key.append(0)
            } else if value < 10 {
                key.append(0x83)
                key.append(value &* 20)
            } else {
                key.append(0x84)
                key.append(value &* 2)
            }
            return
        }
        if column.isAligned && column.exponent == 0 && column.integer < 10_000 {
            let value = UInt16(truncatingIfNeeded: column.integer)
            // Three digits are paired with a 0 behind; of the last pair the low bit is clear.
            let pairs = value < 1000 ? value &* 10 : value
            let (high, low) = (UInt8(pairs / 100), UInt8(pairs % 100))
            key.append(0x80)
            key.append(value < 1000 ? 0x85 : 0x86)
            key.append(high &* 2 &+ (low == 0 ? 0 : 1))
            if low != 0 { key.append(low &* 2) }
            return
        }
        appendLongNumberKey(column, page, into: &key)
    }

    @inline(never)
    private func appendLongNumberKey(
        _ column: ColumnCursor, _ page: RawSpan, into key: inout ByteWriter
    ) {
        // The column was checked when the page was opened.
        if column.isAligned {
            let x = Int128(Int64(bitPattern: column.integer))
            let power = Int(truncatingIfNeeded: column.exponent)
            try? DecimalNumber(coefficient: x, exponent: power).appendKey(to: &key)
            return
        }
        var cursor = ByteCursor(page.part(column.slice))
        try? DecimalNumber(canonical: &cursor).appendKey(to: &key)
    }
}

// MARK: - Values

extension PageColumns {
    /// Appends the next value of an attribute column, with its name and type before it.
    @inline(__always)
    mutating func appendNextAttribute(
        _ ordinal: Int, _ page: RawSpan, _ dictionary: borrowing GrowingBuffer<Slice>,
        _ integerDictionary: borrowing GrowingBuffer<UInt64>, into output: inout ByteWriter
    ) {
        let index = Self.attributes &+ ordinal
        output.append(cursors[index].prefix, of: page)
        switch cursors[index].kind {
        case .strings:
            cursors[index].nextString(page, dictionary, &arena)
            let column = cursors[index]
            if column.tag == ValueTag.string || column.tag == ValueTag.binary {
                output.append(varint: UInt64(column.slice.length))
            }
            appendString(column, page, into: &output)
        case .numbers:
            cursors[index].nextNumber(page, dictionary)
            let column = cursors[index]
            if column.isAligned {
                let (exponent, coefficient) = normalNumber(
                    Int64(bitPattern: column.integer), column.exponent)
                output.append(svarint: exponent)
                output.append(svarint: coefficient)
            } else {
                output.append(column.slice, of: page)
            }
        case .integers:
            cursors[index].nextInteger(page, integerDictionary)
            output.append(UInt8(truncatingIfNeeded: cursors[index].integer))
        case .empty: break
        }
    }

    /// Passes over `count` values of an attribute column.
    mutating func skip(
        _ count: Int, ofColumn index: Int, _ page: RawSpan,
        _ dictionary: borrowing GrowingBuffer<Slice>,
        _ integerDictionary: borrowing GrowingBuffer<UInt64>
    ) {
        if count == 0 { return }
        let column = cursors[index]
        if column.kind != .empty && column.encoding == ColumnEncoding.dictionary
            && column.byteIndexes
        {
            cursors[index].heads += count
            return
        }
        switch column.kind {
        case .strings:
            for _ in 0..<count { cursors[index].nextString(page, dictionary, &arena) }
        case .numbers: for _ in 0..<count { cursors[index].nextNumber(page, dictionary) }
        case .integers:
            for _ in 0..<count { cursors[index].nextInteger(page, integerDictionary) }
        case .empty: break
        }
    }
}
