import VarveBytes

/// Codes of column encodings. Source: Spec 07.
enum ColumnEncoding {
    static let plain: UInt8 = 0
    static let dictionary: UInt8 = 1
    static let delta: UInt8 = 2
    /// Of numbers.
    static let commonExponent: UInt8 = 3
    /// Of strings.
    static let sharedPrefix: UInt8 = 3
    static let runLength: UInt8 = 4

    /// x_i of encodings 2 and 3 of numbers are within plus and minus this.
    static let integerLimit: Int64 = 1 << 62

    /// Indexes into a dictionary of at most so many are single bytes.
    static let byteIndexes = 256
}

/// Writes columns, each with the encoding that takes the fewest bytes. Source: Spec 07.
///
/// Values are slices of some bytes: nothing is copied before it is written. Equal neighbours are
/// joined first, so that all later work is done once for each *stretch* of equal values. Its memory
/// is reused from column to column and page to page.
struct ColumnEncoder: ~Copyable, Sendable {
    /// The stretches of equal neighbours: value, and how many.
    var stretches = GrowingBuffer<Slice>(capacity: 4096)
    var lengths = GrowingBuffer<UInt32>(capacity: 4096)
    /// Of strings: bytes shared with the stretch before. Of numbers: x_i.
    var shared = GrowingBuffer<Int64>(capacity: 4096)
    /// The dictionary, in order of first appearance, and each stretch's index in it.
    var distinct = GrowingBuffer<Slice>(capacity: 4096)
    var indexes = GrowingBuffer<UInt32>(capacity: 4096)
    var table = SliceTable()
    /// Integers take the place of slices here.
    var integers = GrowingBuffer<UInt64>(capacity: 64)
    var distinctIntegers = GrowingBuffer<UInt64>(capacity: 64)

    /// The encoding chosen so far, and the bytes of its payload.
    var code: UInt8 = 0
    var size = 0

    mutating func choose(_ candidate: UInt8, _ bytes: Int) {
        if bytes < size || (bytes == size && candidate < code) {
            code = candidate
            size = bytes
        }
    }

    mutating func begin(plain bytes: Int) {
        code = ColumnEncoding.plain
        size = bytes
    }
}

// MARK: - Dictionaries and stretches, alike for all types

extension ColumnEncoder {
    /// Numbers the distinct values of the stretches.
    /// - Parameters:
    ///   - count: of values.
    ///   - counted: whether entries are written with their length.
    /// - Returns: the payload's bytes, or nil as soon as they exceed the encoding chosen so far.
    mutating func buildDictionary(
        _ source: RawSpan, count: Int, counted: Bool
    ) -> Int? {
        // What the entries may take beside the count and one byte for each index.
        let room = size - count - 1
        guard
            let bytes = Self.numberDistinct(
                source, stretches, &table, &distinct, &indexes, counted: counted, room: room)
        else { return nil }
        let entries = distinct.count
        return bytes + indexBytes(count, entries: entries) + UInt64(entries).varintSize
    }

    /// Gives each stretch the ordinal of its value.
    /// - Returns: the bytes of the distinct values, or nil as soon as they exceed `room`.
    private static func numberDistinct(
        _ source: RawSpan, _ stretches: borrowing GrowingBuffer<Slice>, _ table: inout SliceTable,
        _ distinct: inout GrowingBuffer<Slice>, _ indexes: inout GrowingBuffer<UInt32>,
        counted: Bool, room: Int
    ) -> Int? {
        let total = stretches.count
        distinct.removeAll()
        indexes.removeAll()
        table.reset(capacity: total)
        let seed = table.seed
        var bytes = 0
        for at in 0..<total {
            let value = stretches[at]
            let next = distinct.count
            let ordinal = table.ordinal(
                hash: source.tableHash(value, seed: seed), next: next,
                equal: { source.equal(distinct[$0], value) })
            if ordinal == next {
                distinct.append(value)
                bytes += value.count
                if counted { bytes += UInt64(value.length).varintSize }
                if bytes > room { return nil }
            }
            indexes.append(UInt32(truncatingIfNeeded: ordinal))
        }
        return bytes
    }

    /// Bytes of the indexes of `count` values into a dictionary of `entries`.
    func indexBytes(_ count: Int, entries: Int) -> Int {
        if entries <= ColumnEncoding.byteIndexes { return count }
        var bytes = 0
        for at in 0..<indexes.count {
            bytes += UInt64(indexes[at]).varintSize * Int(lengths[at])
        }
        return bytes
    }

    func writeIndexes(entries: Int, _ output: inout ByteWriter) {
        if entries <= ColumnEncoding.byteIndexes {
            for at in 0..<indexes.count {
                let index = UInt8(truncatingIfNeeded: indexes[at])
                let times = Int(lengths[at])
                if times == 1 {
                    output.append(index)
                } else {
                    output.append(repeating: index, count: times)
                }
            }
            return
        }
        for at in 0..<indexes.count {
            for _ in 0..<lengths[at] { output.append(varint: UInt64(indexes[at])) }
        }
    }

    func writeLengths(_ output: inout ByteWriter) {
        for at in 0..<lengths.count { output.append(varint: UInt64(lengths[at] - 1)) }
    }

    /// Joins equal neighbours of `values` into stretches.
    mutating func joinStretches(
        _ source: RawSpan, _ values: borrowing GrowingBuffer<Slice>, _ range: Range<Int>
    ) {
        stretches.removeAll()
        lengths.removeAll()
        var last = values[range.lowerBound]
        var length: UInt32 = 1
        for at in range.lowerBound + 1..<range.upperBound {
            let value = values[at]
            if source.equal(last, value) {
                length &+= 1
                continue
            }
            stretches.append(last)
            lengths.append(length)
            last = value
            length = 1
        }
        stretches.append(last)
        lengths.append(length)
    }
}

// MARK: - Strings

extension ColumnEncoder {
    /// Appends a column of strings: the slices `range` of `values`.
    mutating func encodeStrings(
        _ source: RawSpan, _ values: borrowing GrowingBuffer<Slice>, _ range: Range<Int>,
        into output: inout ByteWriter
    ) {
        if range.isEmpty {
            output.append(0)
            return
        }
        joinStretches(source, values, range)
        measureStrings(source)
        if let bytes = buildDictionary(source, count: range.count, counted: true) {
            choose(ColumnEncoding.dictionary, bytes)
        }
        output.append(count: size + 1)
        output.append(code)
        output.reserve(size + 32)
        switch code {
        case ColumnEncoding.plain: writePlainStrings(source, &output)
        case ColumnEncoding.dictionary:
            output.append(count: distinct.count)
            for at in 0..<distinct.count { output.append(count: distinct[at].count) }
            for at in 0..<distinct.count { output.append(distinct[at], of: source) }
            writeIndexes(entries: distinct.count, &output)
        case ColumnEncoding.sharedPrefix: writeSharedPrefixes(source, &output)
        default:
            output.append(count: stretches.count)
            for at in 0..<stretches.count { output.append(count: stretches[at].count) }
            writeLengths(&output)
            for at in 0..<stretches.count { output.append(stretches[at], of: source) }
        }
    }

    /// Chooses among plain, shared prefix and run length.
    private mutating func measureStrings(_ source: RawSpan) {
        var plain = 0
        var prefixed = 0
        var joined = UInt64(stretches.count).varintSize
        var before = Slice(0, 0)
        shared.removeAll()
        for at in 0..<stretches.count {
            let value = stretches[at]
            let repeats = Int(lengths[at]) - 1
            let once = UInt64(value.length).varintSize
            plain += (once + value.count) * (repeats + 1)
            joined += once + value.count + UInt64(repeats).varintSize
            let common = at == 0 ? 0 : source.part(value).sharedPrefix(source.part(before))
            shared.append(Int64(common))
            let rest = value.count - common
            prefixed += UInt64(common).varintSize + UInt64(rest).varintSize + rest
            prefixed += repeats * (once + 1)
            before = value
        }
        begin(plain: plain)
        choose(ColumnEncoding.sharedPrefix, prefixed)
        choose(ColumnEncoding.runLength, joined)
    }

    private func writePlainStrings(_ source: RawSpan, _ output: inout ByteWriter) {
        for at in 0..<stretches.count {
            for _ in 0..<lengths[at] { output.append(count: stretches[at].count) }
        }
        for at in 0..<stretches.count {
            for _ in 0..<lengths[at] { output.append(stretches[at], of: source) }
        }
    }

    private func writeSharedPrefixes(_ source: RawSpan, _ output: inout ByteWriter) {
        for at in 0..<stretches.count {
            let size = stretches[at].count
            let common = Int(shared[at])
            output.append(count: common)
            output.append(count: size - common)
            for _ in 1..<max(lengths[at], 1) {
                output.append(count: size)
                output.append(0)
            }
        }
        for at in 0..<stretches.count {
            let common = Int(shared[at])
            let value = stretches[at]
            output.append(Slice(value.start + common, value.count - common), of: source)
        }
    }
}
