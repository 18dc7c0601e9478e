import VarveBytes
import VarveModel

/// Opens the columns of a page that may be hostile: every rule of Spec 07 except which encoding is
/// the shortest. What it returns is read later without further checks.
///
/// Time and memory are bounded by the column's bytes, not by how many values it claims.
struct ColumnCheck: ~Copyable, Sendable {
    /// What the strings of a column may be.
    struct StringRule {
        /// Shortest and longest content.
        var shortest = 0
        var longest = 0
        var isText = false
        /// The type of a value whose payload is checked, else 0.
        var payload: UInt8 = 0
    }

    private var table = SliceTable()

    /// Checks that the dictionary's entries from `base` on are distinct.
    mutating func distinct(
        _ page: RawSpan, _ entries: borrowing GrowingBuffer<Slice>, from base: Int
    ) -> Bool {
        table.reset(capacity: entries.count - base)
        let seed = table.seed
        for at in base..<entries.count {
            let ordinal = table.ordinal(
                hash: page.tableHash(entries[at], seed: seed), next: at,
                equal: { page.equal(entries[$0], entries[at]) })
            if ordinal != at { return false }
        }
        return true
    }

    mutating func distinct(
        _ entries: borrowing GrowingBuffer<UInt64>, from base: Int
    ) -> Bool {
        table.reset(capacity: entries.count - base)
        let seed = table.seed
        for at in base..<entries.count {
            let ordinal = table.ordinal(
                hash: tableMix(entries[at] ^ seed, 0xa076_1d64_78bd_642f), next: at,
                equal: { entries[$0] == entries[at] })
            if ordinal != at { return false }
        }
        return true
    }
}

// MARK: - What all types of columns share

extension ByteCursor {
    /// Checks the indexes of `count` values into a dictionary of `entries`: in order of first
    /// appearance, each used, nothing behind them.
    mutating func checkIndexes(_ count: Int, entries: Int) throws(VarveError) {
        var seen: UInt64 = 0
        if entries <= ColumnEncoding.byteIndexes {
            if remaining != count { throw fault("a column has not one index for each value") }
            for _ in 0..<count {
                let index = UInt64(try u8())
                if index >= seen {
                    if index > seen { throw fault("a dictionary is not in order of appearance") }
                    seen += 1
                }
            }
        } else {
            for _ in 0..<count {
                let index = try varint()
                if index >= seen {
                    if index > seen { throw fault("a dictionary is not in order of appearance") }
                    seen += 1
                }
            }
        }
        if seen != UInt64(entries) { throw fault("a dictionary's entries are not all used") }
    }

    /// Checks the lengths of `runs` runs, which make up `count` values.
    mutating func checkRuns(_ runs: Int, count: Int) throws(VarveError) {
        var sum = 0
        for _ in 0..<runs {
            let more = try varint()
            if more >= UInt64(count - sum) { throw fault("runs are longer than their column") }
            sum += Int(more) + 1
        }
        if sum != count { throw fault("runs are shorter than their column") }
    }

    /// Reads how many entries or runs a column of `count` values has.
    mutating func entryCount(of count: Int) throws(VarveError) -> Int {
        let entries = try self.count()
        if entries == 0 || entries > count {
            throw fault("a column of \(count) values has \(entries) distinct ones or runs")
        }
        return entries
    }

    /// Reads a column's length and leaves a cursor at its payload that ends where it ends.
    @_lifetime(copy self)
    mutating func column(_ count: Int) throws(VarveError) -> ByteCursor {
        let size = try varint()
        if size > UInt64(remaining) { throw fault("a column is longer than its page") }
        if (size == 0) != (count == 0) {
            throw fault("a column of \(count) values has \(size) bytes")
        }
        var inner = ByteCursor(bytes.part(0, offset + Int(size)))
        try inner.skip(offset)
        try skip(Int(size))
        return inner
    }
}

// MARK: - Integers

extension ColumnCheck {
    /// Opens a column of `count` integers of at most `greatest`.
    mutating func integers(
        _ cursor: inout ByteCursor, count: Int, greatest: UInt64,
        dictionary: inout GrowingBuffer<UInt64>
    ) throws(VarveError) -> ColumnCursor {
        var inner = try cursor.column(count)
        var column = ColumnCursor()
        if count == 0 { return column }
        column.kind = .integers
        column.encoding = try inner.u8()
        column.heads = inner.offset
        switch column.encoding {
        case ColumnEncoding.plain:
            for _ in 0..<count { try inner.integer(atMost: greatest) }
        case ColumnEncoding.dictionary:
            let entries = try inner.entryCount(of: count)
            column.base = dictionary.count
            for _ in 0..<entries { dictionary.append(try inner.integer(atMost: greatest)) }
            if !distinct(dictionary, from: column.base) {
                throw inner.fault("a dictionary holds a value twice")
            }
            column.heads = inner.offset
            column.byteIndexes = entries <= ColumnEncoding.byteIndexes
            try inner.checkIndexes(count, entries: entries)
        case ColumnEncoding.delta:
            var value = try inner.integer(atMost: greatest)
            for _ in 1..<count {
                value = value &+ UInt64(bitPattern: try inner.svarint())
                if value > greatest { throw inner.fault("an integer is too large") }
            }
        case ColumnEncoding.runLength:
            let runs = try inner.entryCount(of: count)
            column.heads = inner.offset
            var before: UInt64? = nil
            for _ in 0..<runs {
                let value = try inner.integer(atMost: greatest)
                if value == before { throw inner.fault("neighbouring runs are equal") }
                before = value
            }
            column.runs = inner.offset
            try inner.checkRuns(runs, count: count)
        default: throw inner.fault("there is no encoding \(column.encoding) of integers")
        }
        try inner.end()
        return column
    }
}

extension ByteCursor {
    @discardableResult
    mutating func integer(atMost greatest: UInt64) throws(VarveError) -> UInt64 {
        let value = try varint()
        if value > greatest { throw fault("an integer is too large") }
        return value
    }
}

// MARK: - Numbers

extension ColumnCheck {
    /// Opens a column of `count` numbers.
    mutating func numbers(
        _ cursor: inout ByteCursor, count: Int, dictionary: inout GrowingBuffer<Slice>
    ) throws(VarveError) -> ColumnCursor {
        var inner = try cursor.column(count)
        var column = ColumnCursor()
        if count == 0 { return column }
        column.kind = .numbers
        column.encoding = try inner.u8()
        column.heads = inner.offset
        switch column.encoding {
        case ColumnEncoding.plain:
            for _ in 0..<count { _ = try inner.number() }
        case ColumnEncoding.dictionary:
            let entries = try inner.entryCount(of: count)
            column.base = dictionary.count
            for _ in 0..<entries { dictionary.append(try inner.number()) }
            if !distinct(inner.bytes, dictionary, from: column.base) {
                throw inner.fault("a dictionary holds a value twice")
            }
            column.heads = inner.offset
            column.byteIndexes = entries <= ColumnEncoding.byteIndexes
            try inner.checkIndexes(count, entries: entries)
        case ColumnEncoding.delta, ColumnEncoding.commonExponent:
            column.exponent = try inner.svarint()
            column.heads = inner.offset
            try inner.checkAligned(
                count, column.exponent, isDelta: column.encoding == ColumnEncoding.delta)
        case ColumnEncoding.runLength:
            let runs = try inner.entryCount(of: count)
            column.heads = inner.offset
            var before = Slice(0, 0)
            for _ in 0..<runs {
                let number = try inner.number()
                if inner.bytes.equal(number, before) {
                    throw inner.fault("neighbouring runs are equal")
                }
                before = number
            }
            column.runs = inner.offset
            try inner.checkRuns(runs, count: count)
        default: throw inner.fault("there is no encoding \(column.encoding) of numbers")
        }
        try inner.end()
        return column
    }
}

extension ByteCursor {
    /// Reads a `number` and says where it stands.
    mutating func number() throws(VarveError) -> Slice {
        let start = offset
        if remaining >= 3 {
            // Most numbers take two or three bytes.
            let first = bytes.byte(at: start)
            let second = bytes.byte(at: start + 1)
            let third = bytes.byte(at: start + 2)
            if first < 0x80 && (second < 0x80 || (third > 0 && third < 0x80)) {
                let isShort = second < 0x80
                let raw = UInt64(second & 0x7f) | (isShort ? 0 : UInt64(third) << 7)
                let coefficient = Int64(zigzag: raw)
                let valid = coefficient == 0 ? first == 0 : coefficient % 10 != 0
                if !valid { throw fault("a number is not in normal form") }
                try skip(isShort ? 2 : 3)
                return Slice(start, isShort ? 2 : 3)
            }
        }
        _ = try DecimalNumber(canonical: &self)
        return Slice(start, offset - start)
    }

    /// Checks the x_i of encodings 2 and 3.
    mutating func checkAligned(
        _ count: Int, _ exponent: Int64, isDelta: Bool
    ) throws(VarveError) {
        let limit = ColumnEncoding.integerLimit
        // Exponents within these give valid numbers whatever the x_i.
        let isSafe = exponent >= -130 && exponent <= 106
        var before: Int64 = 0
        var isLeast = false
        var isZero = true
        for _ in 0..<count {
            var value = try svarint()
            if isDelta {
                value = before &+ value
                before = value
            }
            if value > limit || value < -limit { throw fault("an integer is too large") }
            if value == 0 { continue }
            isZero = false
            if !isLeast && value % 10 != 0 { isLeast = true }
            if !isSafe {
                let power = Int(exactly: exponent) ?? .max
                if (try? DecimalNumber(coefficient: Int128(value), exponent: power)) == nil {
                    throw fault("a number is out of range")
                }
            }
        }
        if isZero ? exponent != 0 : !isLeast { throw fault("an exponent is not the least") }
    }
}
