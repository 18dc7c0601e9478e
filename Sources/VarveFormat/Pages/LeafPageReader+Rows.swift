public import VarveBytes
public import VarveModel

// MARK: - Reading rows

extension LeafPageReader {
    /// Appends the next rows of an image page, until none is left or this call has appended
    /// `byteLimit` bytes or more.
    /// - Returns: how many rows were appended; 0 at the end of the page.
    /// - Throws: `damaged` if keys do not ascend or a value is too long.
    public mutating func next(
        into rows: inout RowBuffer, byteLimit: Int = .max
    ) throws(VarveError) -> Int {
        precondition(kind == .image)
        let first = position
        let before = rows.byteCount
        let page = page
        let hasSort = schema.sort != nil
        while position < count && rows.byteCount &- before < byteLimit {
            key.removeAll()
            stream.appendNextKey(page.raw, start.strings, hasSort: hasSort, into: &key)
            if position > 0 && !lastKey.bytes.precedes(key.bytes) { throw unordered() }
            try buildValue(page)
            rows.append(key: key.bytes, value: value.bytes)
            swap(&key, &lastKey)
            position &+= 1
        }
        return position - first
    }

    /// Appends the next changes of a run page; as above.
    public mutating func next(
        into changes: inout ChangeBuffer, byteLimit: Int = .max
    ) throws(VarveError) -> Int {
        precondition(kind == .run)
        let first = position
        let before = changes.rows.byteCount
        let page = page
        let hasSort = schema.sort != nil
        while position < count && changes.rows.byteCount &- before < byteLimit {
            key.removeAll()
            stream.appendNextKey(page.raw, start.strings, hasSort: hasSort, into: &key)
            let stamp = nextStamp(page)
            if !ChangeStamp.times.contains(stamp.time) {
                throw VarveError(.damaged, "a time is out of range", at: "entry \(position)")
            }
            if position > 0 {
                let order = lastKey.bytes.order(key.bytes)
                if order > 0 || (order == 0 && !lastStamp.precedes(stamp)) { throw unordered() }
            }
            value.removeAll()
            if stamp.kind == .put { try buildValue(page) }
            changes.rows.append(key: key.bytes, value: value.bytes)
            changes.stamps.append(stamp)
            lastStamp = stamp
            swap(&key, &lastKey)
            position &+= 1
        }
        return position - first
    }

    @inline(never)
    func unordered() -> VarveError {
        VarveError(.damaged, "the entries of a page do not ascend", at: "entry \(position)")
    }

    @inline(__always)
    private mutating func nextStamp(_ page: [UInt8]) -> ChangeStamp {
        stream.nextStamp(page.raw, start.integers)
    }

    /// Builds the next value in `value`.
    @inline(__always)
    mutating func buildValue(_ page: [UInt8]) throws(VarveError) {
        stream.cursors[PageColumns.shapes].nextInteger(page.raw, start.integers)
        let ordinal = Int(truncatingIfNeeded: stream.cursors[PageColumns.shapes].integer)
        let shape = shapes[ordinal]
        value.removeAll()
        value.append(varint: UInt64(truncatingIfNeeded: shape.count))
        for index in shape.start..<shape.start &+ shape.count {
            stream.appendNextAttribute(
                Int(truncatingIfNeeded: ordinals[index]), page.raw, start.strings,
                start.integers, into: &value)
        }
        if value.count > Self.valueMax {
            throw VarveError(.damaged, "a row is too long", at: "entry \(position)")
        }
    }
}

extension PageColumns {
    /// The next change's stamp.
    @inline(__always)
    mutating func nextStamp(
        _ page: RawSpan, _ dictionary: borrowing GrowingBuffer<UInt64>
    ) -> ChangeStamp {
        cursors[Self.times].nextInteger(page, dictionary)
        cursors[Self.sequences].nextInteger(page, dictionary)
        cursors[Self.kinds].nextInteger(page, dictionary)
        return ChangeStamp(
            time: Int64(bitPattern: cursors[Self.times].integer),
            sequence: cursors[Self.sequences].integer,
            kind: cursors[Self.kinds].integer == 1 ? .put : .tombstone)
    }
}

extension ChangeStamp {
    /// From the year 1 to the end of 9999. Source: Spec 13.
    static let times: Range<Int64> = -62_135_596_800_000_000..<253_402_300_800_000_000

    /// Whether this one is earlier: by time, then by sequence.
    func precedes(_ other: ChangeStamp) -> Bool {
        time != other.time ? time < other.time : sequence < other.sequence
    }
}
