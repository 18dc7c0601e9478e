public import VarveBytes
public import VarveModel

// MARK: - Reading what keys came to

extension LeafPageReader {
    /// Appends of each key the newest change before the end of a stretch of time, if it is within,
    /// of a run page of which nothing was read yet. Values of other changes are not built: they
    /// cost little.
    ///
    /// - Parameters:
    ///   - times: microseconds.
    ///   - instant: of a key whose change is not before this, also its newest one before this;
    ///     microseconds.
    /// - Throws: `damaged` if the entries do not ascend or a time is out of range.
    public mutating func readNewest(
        in times: Range<Int64>, since instant: Int64 = .min, into changes: inout ChangeBuffer
    ) throws(VarveError) {
        precondition(kind == .run && position == 0)
        let page = page
        let hasSort = schema.sort != nil
        passed.removeAll()
        for _ in 0..<counts.count { passed.append(0) }
        while position < count {
            key.removeAll()
            stream.appendNextKey(page.raw, start.strings, hasSort: hasSort, into: &key)
            let stamp = stream.nextStamp(page.raw, start.integers)
            if !ChangeStamp.times.contains(stamp.time) {
                throw VarveError(.damaged, "a time is out of range", at: "entry \(position)")
            }
            if position > 0 {
                let order = lastKey.bytes.order(key.bytes)
                if order > 0 || (order == 0 && !lastStamp.precedes(stamp)) { throw unordered() }
                // Only now it is known whether the change before is the newest of its key.
                let isTaken = times.contains(lastStamp.time)
                    && (order != 0 || stamp.time >= times.upperBound
                        || lastStamp.time < instant && stamp.time >= instant)
                try settle(isTaken, page, into: &changes)
            }
            lastStamp = stamp
            swap(&key, &lastKey)
            position &+= 1
        }
        try settle(times.contains(lastStamp.time), page, into: &changes)
    }

    /// Appends the change read last, or passes over its value.
    @inline(__always)
    private mutating func settle(
        _ isTaken: Bool, _ page: [UInt8], into changes: inout ChangeBuffer
    ) throws(VarveError) {
        if lastStamp.kind == .put {
            if !isTaken {
                passOverValue(page)
                return
            }
            try buildValueBehindPassed(page)
        } else {
            if !isTaken { return }
            value.removeAll()
        }
        changes.rows.append(key: lastKey.bytes, value: value.bytes)
        changes.stamps.append(lastStamp)
    }

    /// Counts the next value as passed over; the columns follow when one of theirs is needed.
    private mutating func passOverValue(_ page: [UInt8]) {
        stream.cursors[PageColumns.shapes].nextInteger(page.raw, start.integers)
        let ordinal = Int(truncatingIfNeeded: stream.cursors[PageColumns.shapes].integer)
        let shape = shapes[ordinal]
        for index in shape.start..<shape.start &+ shape.count {
            passed[Int(truncatingIfNeeded: ordinals[index])] &+= 1
        }
    }

    private mutating func buildValueBehindPassed(_ page: [UInt8]) throws(VarveError) {
        // Looks at the shape without taking it.
        var shapes = stream.cursors[PageColumns.shapes]
        shapes.nextInteger(page.raw, start.integers)
        let shape = self.shapes[Int(truncatingIfNeeded: shapes.integer)]
        for index in shape.start..<shape.start &+ shape.count {
            let ordinal = Int(truncatingIfNeeded: ordinals[index])
            if passed[ordinal] == 0 { continue }
            stream.skip(
                passed[ordinal], ofColumn: PageColumns.attributes &+ ordinal, page.raw,
                start.strings, start.integers)
            passed[ordinal] = 0
        }
        try buildValue(page)
    }
}
