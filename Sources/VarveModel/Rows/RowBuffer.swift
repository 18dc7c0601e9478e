public import VarveBytes

/// Rows, one after another in one growing block of memory: the unit in which work is handed on.
///
/// A row stands as the input of its item hash (Spec 05), so that hashing copies nothing:
///
///     start                          key            value            end
///     | 01 | varint length of key    | key bytes    | value bytes    |
///
/// The value is canonical (Spec 03), or *in-line*: as canonical, but with attributes of tag 0b
/// (`varint` length, blob id) where a value is outlined; only the code that makes or reads pages
/// holds in-line rows. A tombstone's value is empty.
///
/// Reused: `removeAll()` keeps the memory. Not for single items; see `Item`.
public struct RowBuffer: ~Copyable, Sendable {
    /// Where a row's parts are, as offsets into the buffer's bytes.
    public struct Row: Sendable {
        public var start: UInt32
        public var key: UInt32
        public var value: UInt32
        public var end: UInt32

        @inlinable
        public init(start: UInt32, key: UInt32, value: UInt32, end: UInt32) {
            self.start = start
            self.key = key
            self.value = value
            self.end = end
        }
    }

    /// Tag of an outlined value within an in-line row. Source: Spec 07.
    public static let outlinedTag: UInt8 = 0x0b

    /// The rows' bytes; at most 2^32 − 1.
    @usableFromInline var storage: ByteWriter
    /// The rows, in the order in which they were appended.
    public private(set) var rows: [Row] {
        @inline(__always) get { _rows }
        @inline(__always) set { _rows = newValue }
    }
    @usableFromInline var _rows: [Row] = []
    /// What the first rows measure, as far as their maker knew: of row i at i.
    @usableFromInline var _measures: [RowMeasure] = []
    /// Item hashes of the first rows, as far as they were taken.
    @usableFromInline var _hashes: [Hash256] = []

    public init(capacity: Int = 1 << 16) { storage = ByteWriter(capacity: capacity) }

    /// How many rows there are.
    @inlinable
    public var count: Int { @inline(__always) get { _rows.count } }

    /// Bytes that the rows take.
    @inlinable
    public var byteCount: Int { storage.count }

    /// What each row measures, if whoever made the rows has told it of all of them.
    public var measures: [RowMeasure]? { _measures.count == _rows.count ? _measures : nil }

    /// Each row's item hash, if `takeHashes` was the last thing done with the rows.
    public var hashes: [Hash256]? { _hashes.count == _rows.count ? _hashes : nil }

    /// Takes the item hashes of all rows, to be kept with them: worth it just after whole rows were
    /// made, while their bytes are still in the processor's cache.
    public mutating func takeHashes() {
        _hashes.removeAll(keepingCapacity: true)
        _hashes.reserveCapacity(count)
        for index in 0..<count { _hashes.append(itemHash(index)) }
    }

    /// Where row `index` lies.
    @inlinable
    public subscript(index: Int) -> Row { @inline(__always) get { _rows[index] } }

    /// All bytes, which a `Row`'s offsets refer to.
    @inlinable
    public var bytes: RawSpan {
        @_lifetime(borrow self) get { storage.bytes }
    }

    /// Appends a row.
    @inlinable
    public mutating func append(key: RawSpan, value: RawSpan) {
        let start = storage.count
        storage.append(1)
        storage.append(varint: UInt64(key.byteCount))
        let keyStart = storage.count
        storage.append(key)
        let valueStart = storage.count
        storage.append(value)
        precondition(storage.count <= Int(UInt32.max))
        _rows.append(
            Row(
                start: UInt32(truncatingIfNeeded: start), key: UInt32(truncatingIfNeeded: keyStart),
                value: UInt32(truncatingIfNeeded: valueStart),
                end: UInt32(truncatingIfNeeded: storage.count)))
    }

    /// Appends rows `range` of another buffer.
    @inlinable
    public mutating func append(_ other: borrowing RowBuffer, _ range: Range<Int>) {
        if range.isEmpty { return }
        let from = other[range.lowerBound].start
        let shift = UInt32(storage.count) &- from
        storage.append(other.storage.bytes.part(Int(from), Int(other[range.upperBound - 1].end)))
        precondition(storage.count <= Int(UInt32.max))
        for index in range {
            let row = other[index]
            _rows.append(
                Row(
                    start: row.start &+ shift, key: row.key &+ shift, value: row.value &+ shift,
                    end: row.end &+ shift))
        }
    }

    /// Makes room for so many rows in all, so that appends up to there move none.
    public mutating func reserve(rows count: Int) { _rows.reserveCapacity(count) }

    /// Makes room for so many bytes more.
    public mutating func reserve(bytes count: Int) { storage.reserve(count) }

    /// Bytes that the rows of a range take.
    public func byteCount(_ range: Range<Int>) -> Int {
        range.isEmpty
            ? 0 : Int(self[range.upperBound - 1].end - self[range.lowerBound].start)
    }

    /// Forgets all rows and keeps the memory.
    @inlinable
    public mutating func removeAll() {
        storage.removeAll()
        _rows.removeAll(keepingCapacity: true)
        _measures.removeAll(keepingCapacity: true)
        _hashes.removeAll(keepingCapacity: true)
    }

    /// Forgets the rows from `newCount` on.
    public mutating func truncate(to newCount: Int) {
        if newCount == count { return }
        storage.truncate(to: Int(_rows[newCount].start))
        _rows.removeSubrange(newCount...)
        if _measures.count > newCount { _measures.removeSubrange(newCount...) }
        if _hashes.count > newCount { _hashes.removeSubrange(newCount...) }
    }
}

// MARK: - Parts of a row

extension RowBuffer {
    @inlinable
    @_lifetime(borrow self)
    public func key(_ index: Int) -> RawSpan {
        let row = _rows[index]
        return storage.bytes.part(Int(row.key), Int(row.value))
    }

    @inlinable
    @_lifetime(borrow self)
    public func value(_ index: Int) -> RawSpan {
        let row = _rows[index]
        return storage.bytes.part(Int(row.value), Int(row.end))
    }

    /// What the item hash is taken of: `01`, length of key, key, value. Source: Spec 05.
    @inlinable
    @_lifetime(borrow self)
    public func hashInput(_ index: Int) -> RawSpan {
        let row = _rows[index]
        return storage.bytes.part(Int(row.start), Int(row.end))
    }

    /// The item hash; of a row that is whole, not in-line.
    public func itemHash(_ index: Int) -> Hash256 { sha256(hashInput(index)) }
}
