/// When and what: a change's place in the order of time, and its kind.
public struct ChangeStamp: Sendable, Hashable {
    /// A put carries the whole item; a tombstone nothing.
    public enum Kind: UInt8, Sendable { case tombstone = 0, put = 1 }

    /// Microseconds since 1970-01-01T00:00:00Z.
    public var time: Int64
    /// Order among changes of one microsecond.
    public var sequence: UInt64
    public var kind: Kind

    @inlinable
    public init(time: Int64, sequence: UInt64, kind: Kind) {
        self.time = time
        self.sequence = sequence
        self.kind = kind
    }
}

/// Changes in (key, time, sequence) order: rows, and a stamp for each.
public struct ChangeBuffer: ~Copyable, Sendable {
    public var rows: RowBuffer
    public var stamps: [ChangeStamp] = []

    public init(capacity: Int = 1 << 16) { rows = RowBuffer(capacity: capacity) }

    public var count: Int { stamps.count }

    /// Appends a change of another buffer.
    @inlinable
    public mutating func append(_ other: borrowing ChangeBuffer, _ index: Int) {
        rows.append(other.rows, index..<index + 1)
        stamps.append(other.stamps[index])
    }

    /// Makes room for so many changes in all, so that appends up to there move none.
    public mutating func reserve(changes count: Int) {
        rows.reserve(rows: count)
        stamps.reserveCapacity(count)
    }

    public mutating func removeAll() {
        rows.removeAll()
        stamps.removeAll(keepingCapacity: true)
    }
}
