public import VarveBytes
public import VarveModel

// MARK: - Looking up a key

extension LeafPageReader {
    /// Appends the row with this key of an image page, building no other.
    /// - Returns: whether there is one. `next` goes on where it was.
    /// - Throws: `damaged` if keys before it do not ascend.
    /// - Complexity: O(entries of the page), without memory for them.
    public mutating func find(
        key wanted: RawSpan, into rows: inout RowBuffer
    ) throws(VarveError) -> Bool {
        precondition(kind == .image)
        let page = page
        guard let hit = try seek(wanted, page) else { return false }
        try buildValue(at: hit, page)
        rows.append(key: wanted, value: value.bytes)
        return true
    }

    /// Appends all changes of this key of a run page.
    /// - Returns: how many there are. `next` goes on where it was.
    public mutating func find(
        key wanted: RawSpan, into changes: inout ChangeBuffer
    ) throws(VarveError) -> Int {
        precondition(kind == .run)
        let page = page
        guard let first = try seek(wanted, page) else { return 0 }
        let hasSort = schema.sort != nil
        // The key column stands behind its first entry, the stamps at their start.
        var puts = 0
        for _ in 0..<first {
            if probe.nextStamp(page.raw, start.integers).kind == .put { puts += 1 }
        }
        var last: ChangeStamp? = nil
        var found = 0
        while first + found < count {
            if found > 0 {
                key.removeAll()
                probe.appendNextKey(page.raw, start.strings, hasSort: hasSort, into: &key)
                if !key.bytes.equals(wanted) { break }
            }
            let stamp = probe.nextStamp(page.raw, start.integers)
            if let last, !last.precedes(stamp) { throw unordered() }
            last = stamp
            value.removeAll()
            if stamp.kind == .put {
                if puts >= 0 {
                    try buildValue(at: puts, page)
                    puts = -1
                } else {
                    try buildValueAfter(page)
                }
            }
            changes.rows.append(key: wanted, value: value.bytes)
            changes.stamps.append(stamp)
            found += 1
        }
        return found
    }

    /// The first entry with this key, or nil.
    private mutating func seek(_ wanted: RawSpan, _ page: [UInt8]) throws(VarveError) -> Int? {
        probe.copyPlaces(of: start)
        let hasSort = schema.sort != nil
        // `next` needs the key that it built last.
        var before = ByteWriter(capacity: 64)
        for at in 0..<count {
            key.removeAll()
            probe.appendNextKey(page.raw, start.strings, hasSort: hasSort, into: &key)
            let order = key.bytes.order(wanted)
            if order >= 0 { return order == 0 ? at : nil }
            let ascends = kind == .run
                ? before.bytes.order(key.bytes) <= 0 : before.bytes.precedes(key.bytes)
            if at > 0 && !ascends { throw unordered() }
            swap(&key, &before)
        }
        return nil
    }

    /// Builds the value of put `row`, counted over the page, in `value`.
    private mutating func buildValue(at row: Int, _ page: [UInt8]) throws(VarveError) {
        for at in 0..<shapes.count { shapes[at].rows = 0 }
        for _ in 0..<row {
            probe.cursors[PageColumns.shapes].nextInteger(page.raw, start.integers)
            let shape = Int(truncatingIfNeeded: probe.cursors[PageColumns.shapes].integer)
            shapes[shape].rows += 1
        }
        // How many values of each column lie before.
        for at in 0..<counts.count { counts[at] = 0 }
        for at in 0..<shapes.count {
            let shape = shapes[at]
            for index in shape.start..<shape.start + shape.count {
                counts[Int(ordinals[index])] += shape.rows
            }
        }
        for at in 0..<counts.count {
            probe.skip(
                counts[at], ofColumn: PageColumns.attributes + at, page.raw, start.strings,
                start.integers)
        }
        try buildValueAfter(page)
    }

    private mutating func buildValueAfter(_ page: [UInt8]) throws(VarveError) {
        swap(&stream, &probe)
        defer { swap(&stream, &probe) }
        try buildValue(page)
    }
}
