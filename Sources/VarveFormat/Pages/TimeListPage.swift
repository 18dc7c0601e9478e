public import VarveBytes

/// Where a change of a run is found by its time. Source: Spec 07, Time list.
public struct TimeListEntry: Sendable, Hashable {
    /// ⌊time / 10^6⌋.
    public var second: Int64
    /// The change's position in the run, from 0.
    public var ordinal: UInt64

    public init(second: Int64, ordinal: UInt64) {
        self.second = second
        self.ordinal = ordinal
    }

    /// Whether this one comes before `other`.
    public func precedes(_ other: TimeListEntry) -> Bool {
        second != other.second ? second < other.second : ordinal < other.ordinal
    }
}

/// A page of a time list: up to 65,536 changes in order of time. Source: Spec 07, Time list.
public struct TimeListPage: Sendable, Equatable {
    public static let countMax = 65_536

    /// In (second, ordinal) order; not empty.
    public let entries: [TimeListEntry]

    /// - Precondition: 1 … 65,536 entries, ascending.
    public init(entries: [TimeListEntry]) {
        precondition(!entries.isEmpty && entries.count <= Self.countMax)
        precondition(zip(entries, entries.dropFirst()).allSatisfy { $0.precedes($1) })
        self.entries = entries
    }

    public func encode(into output: inout ByteWriter) {
        output.append(8)
        output.append(count: entries.count)
        output.append(svarint: entries[0].second)
        var columns = ColumnEncoder()
        var values = GrowingBuffer<UInt64>(capacity: entries.count)
        var before = entries[0].second
        for entry in entries {
            values.append(UInt64(bitPattern: entry.second &- before))
            before = entry.second
        }
        columns.encodeIntegers(values, into: &output)
        values.removeAll()
        for entry in entries { values.append(entry.ordinal) }
        columns.encodeIntegers(values, into: &output)
    }

    /// Decodes a page from bytes that may be hostile.
    /// - Throws: `damaged` with the offset if they break a rule of Spec 07.
    public init(_ bytes: RawSpan) throws(VarveError) {
        var cursor = ByteCursor(bytes)
        if try cursor.u8() != 8 { throw cursor.fault("this is not a page of a time list") }
        // Run lengths make entries cheap, so that only the limit bounds them.
        let claimed = try cursor.varint()
        if claimed == 0 || claimed > UInt64(Self.countMax) {
            throw cursor.fault("a page of a time list has \(claimed) entries")
        }
        let count = Int(claimed)
        let first = try cursor.svarint()
        var check = ColumnCheck()
        var dictionary = GrowingBuffer<UInt64>()
        var seconds = try check.integers(
            &cursor, count: count, greatest: 1 << 40, dictionary: &dictionary)
        var ordinals = try check.integers(
            &cursor, count: count, greatest: .max, dictionary: &dictionary)
        try cursor.end()
        var entries: [TimeListEntry] = []
        entries.reserveCapacity(count)
        var second = first
        for at in 0..<count {
            seconds.nextInteger(bytes, dictionary)
            ordinals.nextInteger(bytes, dictionary)
            let (sum, overflow) = second.addingReportingOverflow(Int64(seconds.integer))
            if overflow || (at == 0 && seconds.integer != 0) {
                throw cursor.fault("a second of a time list is out of range")
            }
            second = sum
            let entry = TimeListEntry(second: second, ordinal: ordinals.integer)
            if let last = entries.last, !last.precedes(entry) {
                throw cursor.fault("the entries of a time list do not ascend")
            }
            entries.append(entry)
        }
        self.entries = entries
    }
}
