import VarveBytes

/// A place in a column of a page that was checked: where its next value comes from.
struct ColumnCursor: BitwiseCopyable, Sendable {
    enum Kind: UInt8, Sendable, BitwiseCopyable { case empty, integers, numbers, strings }

    var kind = Kind.empty
    var encoding: UInt8 = 0
    /// The attribute's type; 0 for the columns before the attributes.
    var tag: UInt8 = 0
    var byteIndexes = false
    /// Whether a string of the column may hold a byte 00.
    var hasZero = false
    /// Offsets of the next length, index or number; of the next content; of the next run's length.
    var heads = 0
    var bodies = 0
    var runs = 0
    /// Values left in the current run.
    var repeats = 0
    /// Where the column's dictionary starts, or its current string in the arena.
    var base = 0
    /// The current string, or a number as it stands in the page.
    var slice = Slice(0, 0)
    /// The current integer, or x_i.
    var integer: UInt64 = 0
    /// The exponent of encodings 2 and 3 of numbers.
    var exponent: Int64 = 0
    /// Whether the first value was read, in encodings that are told from the one before.
    var started = false
    /// What stands before each value: `text` name, type; in the page.
    var prefix = Slice(0, 0)

    /// Whether numbers are given as x_i and exponent.
    @inline(__always)
    var isAligned: Bool {
        kind == .numbers
            && (encoding == ColumnEncoding.delta || encoding == ColumnEncoding.commonExponent)
    }

    /// Whether strings stand in the arena and not in the page.
    @inline(__always)
    var isInArena: Bool { kind == .strings && encoding == ColumnEncoding.sharedPrefix }
}

/// Reads a varint that was checked before.
@inline(__always)
func checkedVarint(_ page: RawSpan, _ at: inout Int) -> UInt64 {
    let first = page.byte(at: at)
    at &+= 1
    if first < 0x80 { return UInt64(first) }
    let second = page.byte(at: at)
    if second < 0x80 {
        at &+= 1
        return UInt64(first & 0x7f) | UInt64(second) << 7
    }
    return longCheckedVarint(page, &at, first)
}

@inline(never)
private func longCheckedVarint(_ page: RawSpan, _ at: inout Int, _ first: UInt8) -> UInt64 {
    var value = UInt64(first & 0x7f)
    var shift: UInt64 = 7
    while true {
        let byte = page.byte(at: at)
        at &+= 1
        value |= UInt64(byte & 0x7f) << shift
        if byte < 0x80 { return value }
        shift &+= 7
    }
}

/// Where a `number` that was checked before ends.
@inline(__always)
private func checkedNumberEnd(_ page: RawSpan, _ start: Int) -> Int {
    var at = start
    while page.byte(at: at) >= 0x80 { at &+= 1 }
    at &+= 1
    while page.byte(at: at) >= 0x80 { at &+= 1 }
    return at &+ 1
}

// MARK: - Reading on

extension ColumnCursor {
    /// The next index of a dictionary.
    @inline(__always)
    mutating func nextIndex(_ page: RawSpan) -> Int {
        if byteIndexes {
            let index = Int(page.byte(at: heads))
            heads &+= 1
            return index
        }
        return Int(truncatingIfNeeded: checkedVarint(page, &heads))
    }

    /// Moves to the next value of a column of integers: `integer`.
    @inline(__always)
    mutating func nextInteger(_ page: RawSpan, _ dictionary: borrowing GrowingBuffer<UInt64>) {
        switch encoding {
        case ColumnEncoding.plain: integer = checkedVarint(page, &heads)
        case ColumnEncoding.dictionary: integer = dictionary[base &+ nextIndex(page)]
        case ColumnEncoding.delta:
            let raw = checkedVarint(page, &heads)
            integer = started ? integer &+ UInt64(bitPattern: Int64(zigzag: raw)) : raw
            started = true
        default:
            if repeats == 0 {
                integer = checkedVarint(page, &heads)
                repeats = Int(truncatingIfNeeded: checkedVarint(page, &runs)) &+ 1
            }
            repeats &-= 1
        }
    }

    /// Moves to the next number: x_i in `integer` if it is aligned, else `slice`.
    @inline(__always)
    mutating func nextNumber(_ page: RawSpan, _ dictionary: borrowing GrowingBuffer<Slice>) {
        switch encoding {
        case ColumnEncoding.plain:
            let end = checkedNumberEnd(page, heads)
            slice = Slice(heads, end &- heads)
            heads = end
        case ColumnEncoding.dictionary: slice = dictionary[base &+ nextIndex(page)]
        case ColumnEncoding.delta:
            let step = Int64(zigzag: checkedVarint(page, &heads))
            integer = integer &+ UInt64(bitPattern: step)
        case ColumnEncoding.commonExponent:
            integer = UInt64(bitPattern: Int64(zigzag: checkedVarint(page, &heads)))
        default:
            if repeats == 0 {
                let end = checkedNumberEnd(page, heads)
                slice = Slice(heads, end &- heads)
                heads = end
                repeats = Int(truncatingIfNeeded: checkedVarint(page, &runs)) &+ 1
            }
            repeats &-= 1
        }
    }

    /// Moves to the next string: `slice`, of the arena if the column shares prefixes, else of the
    /// page.
    @inline(__always)
    mutating func nextString(
        _ page: RawSpan, _ dictionary: borrowing GrowingBuffer<Slice>, _ arena: inout ByteWriter
    ) {
        switch encoding {
        case ColumnEncoding.plain:
            let size = Int(truncatingIfNeeded: checkedVarint(page, &heads))
            slice = Slice(bodies, size)
            bodies &+= size
        case ColumnEncoding.dictionary: slice = dictionary[base &+ nextIndex(page)]
        case ColumnEncoding.sharedPrefix:
            let common = Int(truncatingIfNeeded: checkedVarint(page, &heads))
            let rest = Int(truncatingIfNeeded: checkedVarint(page, &heads))
            arena.overwrite(at: base &+ common, Slice(bodies, rest), of: page)
            bodies &+= rest
            slice = Slice(base, common &+ rest)
        default:
            if repeats == 0 {
                let size = Int(truncatingIfNeeded: checkedVarint(page, &heads))
                slice = Slice(bodies, size)
                bodies &+= size
                repeats = Int(truncatingIfNeeded: checkedVarint(page, &runs)) &+ 1
            }
            repeats &-= 1
        }
    }
}

// MARK: - Numbers brought to a common exponent

/// The normal form of x × 10^exponent.
@inline(__always)
func normalNumber(_ x: Int64, _ exponent: Int64) -> (exponent: Int64, coefficient: Int64) {
    if x == 0 { return (0, 0) }
    var (coefficient, power) = (x, exponent)
    while coefficient % 10 == 0 {
        coefficient /= 10
        power += 1
    }
    return (power, coefficient)
}
