import VarveBytes
import VarveModel

// MARK: - Values that stand in a writer

extension ColumnEncoder {
    mutating func encodeStrings(
        _ source: borrowing ByteWriter, _ values: borrowing GrowingBuffer<Slice>,
        _ range: Range<Int>, into output: inout ByteWriter
    ) {
        encodeStrings(source.bytes, values, range, into: &output)
    }

    mutating func encodeNumbers(
        _ source: borrowing ByteWriter, _ values: borrowing GrowingBuffer<Slice>,
        _ range: Range<Int>, into output: inout ByteWriter
    ) throws(VarveError) {
        try encodeNumbers(source.bytes, values, range, into: &output)
    }
}

// MARK: - Numbers

extension ColumnEncoder {
    /// Appends a column of numbers: the slices `range` of `values`, each a normal `number`.
    mutating func encodeNumbers(
        _ source: RawSpan, _ values: borrowing GrowingBuffer<Slice>, _ range: Range<Int>,
        into output: inout ByteWriter
    ) throws(VarveError) {
        if range.isEmpty {
            output.append(0)
            return
        }
        joinStretches(source, values, range)
        var plain = 0
        var joined = UInt64(stretches.count).varintSize
        for at in 0..<stretches.count {
            let value = stretches[at]
            plain += value.count * Int(lengths[at])
            joined += value.count + UInt64(lengths[at] - 1).varintSize
        }
        begin(plain: plain)
        choose(ColumnEncoding.runLength, joined)
        let exponent = try alignNumbers(source)
        if let exponent { measureIntegers(exponent) }
        if let bytes = buildDictionary(source, count: range.count, counted: false) {
            choose(ColumnEncoding.dictionary, bytes)
        }
        output.append(count: size + 1)
        output.append(code)
        output.reserve(size + 32)
        switch code {
        case ColumnEncoding.plain:
            for at in 0..<stretches.count {
                for _ in 0..<lengths[at] { output.append(stretches[at], of: source) }
            }
        case ColumnEncoding.dictionary:
            output.append(count: distinct.count)
            for at in 0..<distinct.count { output.append(distinct[at], of: source) }
            writeIndexes(entries: distinct.count, &output)
        case ColumnEncoding.runLength:
            output.append(count: stretches.count)
            for at in 0..<stretches.count { output.append(stretches[at], of: source) }
            writeLengths(&output)
        default:
            output.append(svarint: exponent ?? 0)
            writeIntegers(&output)
        }
    }

    /// Brings the numbers to their least exponent, as x_i in `shared`.
    /// - Returns: that exponent, or nil if an x_i exceeds the limit.
    private mutating func alignNumbers(_ source: RawSpan) throws(VarveError) -> Int64? {
        shared.removeAll()
        integers.removeAll()
        var least = Int64.max
        var greatest = Int64.min
        for at in 0..<stretches.count {
            let value = stretches[at]
            let exponent: Int64
            let coefficient: Int64
            if let parts = smallNumber(source, value) {
                (exponent, coefficient) = parts
            } else {
                var cursor = ByteCursor(source.part(value))
                let parts = try DecimalNumber(canonical: &cursor)
                guard let small = Int64(exactly: parts.coefficient) else { return nil }
                (exponent, coefficient) = (Int64(parts.exponent), small)
            }
            shared.append(coefficient)
            integers.append(UInt64(bitPattern: exponent))
            if coefficient != 0 {
                least = min(least, exponent)
                greatest = max(greatest, exponent)
            }
        }
        if least == Int64.max { return 0 }
        if greatest - least > 18 { return nil }
        let limit = ColumnEncoding.integerLimit
        for at in 0..<shared.count {
            var value = shared[at]
            if value != 0, least != greatest {
                for _ in least..<Int64(bitPattern: integers[at]) {
                    let (product, overflow) = value.multipliedReportingOverflow(by: 10)
                    if overflow { return nil }
                    value = product
                }
                shared[at] = value
            }
            if value > limit || value < -limit { return nil }
        }
        return least
    }

    /// The parts of a number of two bytes or little more; nil for others.
    @inline(__always)
    private func smallNumber(_ source: RawSpan, _ value: Slice) -> (Int64, Int64)? {
        let first = source.byte(at: value.start)
        if first >= 0x80 { return nil }
        let exponent = Int64(zigzag: UInt64(first))
        switch value.count {
        case 2:
            return (exponent, Int64(zigzag: UInt64(source.byte(at: value.start + 1))))
        case 3:
            let low = UInt64(source.byte(at: value.start + 1) & 0x7f)
            let high = UInt64(source.byte(at: value.start + 2)) << 7
            return (exponent, Int64(zigzag: low | high))
        default: return nil
        }
    }

    /// Considers delta and common exponent.
    private mutating func measureIntegers(_ exponent: Int64) {
        let head = exponent.zigzag.varintSize
        var common = head
        var delta = head
        var before: Int64 = 0
        for at in 0..<shared.count {
            let value = shared[at]
            let times = Int(lengths[at])
            common += value.zigzag.varintSize * times
            delta += (value &- before).zigzag.varintSize + times - 1
            before = value
        }
        choose(ColumnEncoding.delta, delta)
        choose(ColumnEncoding.commonExponent, common)
    }

    private func writeIntegers(_ output: inout ByteWriter) {
        var before: Int64 = 0
        for at in 0..<shared.count {
            let value = shared[at]
            if code == ColumnEncoding.delta {
                output.append(svarint: value &- before)
                output.append(repeating: 0, count: Int(lengths[at]) - 1)
                before = value
            } else {
                for _ in 0..<lengths[at] { output.append(svarint: value) }
            }
        }
    }
}

// MARK: - Integers

extension ColumnEncoder {
    /// Appends a column of integers.
    mutating func encodeIntegers(
        _ values: borrowing GrowingBuffer<UInt64>, into output: inout ByteWriter
    ) {
        if values.count == 0 {
            output.append(0)
            return
        }
        integers.removeAll()
        lengths.removeAll()
        for at in 0..<values.count {
            let value = values[at]
            if at > 0 && value == integers[integers.count - 1] {
                lengths[lengths.count - 1] += 1
            } else {
                integers.append(value)
                lengths.append(1)
            }
        }
        measureIntegers()
        if let bytes = buildIntegerDictionary(count: values.count) {
            choose(ColumnEncoding.dictionary, bytes)
        }
        output.append(count: size + 1)
        output.append(code)
        output.reserve(size + 32)
        switch code {
        case ColumnEncoding.plain:
            for at in 0..<integers.count {
                for _ in 0..<lengths[at] { output.append(varint: integers[at]) }
            }
        case ColumnEncoding.dictionary:
            let entries = distinctIntegers.count
            output.append(count: entries)
            for at in 0..<entries { output.append(varint: distinctIntegers[at]) }
            writeIndexes(entries: entries, &output)
        case ColumnEncoding.delta:
            output.append(varint: integers[0])
            for at in 0..<integers.count {
                if at > 0 {
                    let step = integers[at] &- integers[at - 1]
                    output.append(svarint: Int64(bitPattern: step))
                }
                output.append(repeating: 0, count: Int(lengths[at]) - 1)
            }
        default:
            output.append(count: integers.count)
            for at in 0..<integers.count { output.append(varint: integers[at]) }
            writeLengths(&output)
        }
    }

    private mutating func measureIntegers() {
        var plain = 0
        var delta = 0
        var joined = UInt64(integers.count).varintSize
        for at in 0..<integers.count {
            let value = integers[at]
            let times = Int(lengths[at])
            plain += value.varintSize * times
            joined += value.varintSize + UInt64(times - 1).varintSize
            delta += times - 1
            delta += at == 0
                ? value.varintSize
                : Int64(bitPattern: value &- integers[at - 1]).zigzag.varintSize
        }
        begin(plain: plain)
        choose(ColumnEncoding.delta, delta)
        choose(ColumnEncoding.runLength, joined)
    }

    private mutating func buildIntegerDictionary(count: Int) -> Int? {
        let room = size - count - 1
        guard
            let bytes = Self.numberDistinct(
                integers, &table, &distinctIntegers, &indexes, room: room)
        else { return nil }
        let entries = distinctIntegers.count
        return bytes + indexBytes(count, entries: entries) + UInt64(entries).varintSize
    }

    private static func numberDistinct(
        _ integers: borrowing GrowingBuffer<UInt64>, _ table: inout SliceTable,
        _ distinct: inout GrowingBuffer<UInt64>, _ indexes: inout GrowingBuffer<UInt32>, room: Int
    ) -> Int? {
        distinct.removeAll()
        indexes.removeAll()
        table.reset(capacity: integers.count)
        let seed = table.seed
        var bytes = 0
        for at in 0..<integers.count {
            let value = integers[at]
            let next = distinct.count
            let ordinal = table.ordinal(
                hash: tableMix(value ^ seed, 0xa076_1d64_78bd_642f), next: next,
                equal: { distinct[$0] == value })
            if ordinal == next {
                distinct.append(value)
                bytes += value.varintSize
                if bytes > room { return nil }
            }
            indexes.append(UInt32(truncatingIfNeeded: ordinal))
        }
        return bytes
    }
}
