import VarveBytes
import VarveModel

extension ColumnCheck {
    /// Opens a column of `count` strings.
    mutating func strings(
        _ cursor: inout ByteCursor, count: Int, rule: StringRule,
        dictionary: inout GrowingBuffer<Slice>, arena: inout ByteWriter
    ) throws(VarveError) -> ColumnCursor {
        var inner = try cursor.column(count)
        var column = ColumnCursor()
        if count == 0 { return column }
        column.kind = .strings
        column.encoding = try inner.u8()
        column.heads = inner.offset
        switch column.encoding {
        case ColumnEncoding.plain:
            let content = try inner.lengths(count, rule)
            try contents(&inner, &column, count, content, rule)
            try inner.end()
        case ColumnEncoding.dictionary:
            try openDictionary(&inner, &column, count, rule, &dictionary)
        case ColumnEncoding.sharedPrefix:
            try openSharedPrefixes(&inner, &column, count, rule, &arena)
        case ColumnEncoding.runLength:
            let runs = try inner.entryCount(of: count)
            column.heads = inner.offset
            let content = try inner.lengths(runs, rule)
            column.runs = inner.offset
            try inner.checkRuns(runs, count: count)
            try contents(&inner, &column, runs, content, rule)
            try inner.end()
            try checkNeighbours(inner.bytes, column, runs)
        default: throw inner.fault("there is no encoding \(column.encoding) of strings")
        }
        return column
    }

    /// Passes over the contents of strings whose lengths stand at `column.heads`.
    private func contents(
        _ inner: inout ByteCursor, _ column: inout ColumnCursor, _ count: Int, _ size: Int,
        _ rule: StringRule
    ) throws(VarveError) {
        column.bodies = inner.offset
        let all = try inner.take(size)
        column.hasZero = all.firstOffset(of: 0) != nil
        if rule.payload == 0 && (!rule.isText || all.isASCII) { return }
        var heads = column.heads
        var at = column.bodies
        for _ in 0..<count {
            let length = Int(truncatingIfNeeded: checkedVarint(inner.bytes, &heads))
            try check(inner.bytes.part(at, at + length), rule)
            at += length
        }
    }

    private func checkNeighbours(
        _ page: RawSpan, _ column: ColumnCursor, _ runs: Int
    ) throws(VarveError) {
        var heads = column.heads
        var before = Slice(0, 0)
        var at = column.bodies
        for index in 0..<runs {
            let value = Slice(at, Int(truncatingIfNeeded: checkedVarint(page, &heads)))
            if index > 0 && page.equal(before, value) {
                throw VarveError(.damaged, "neighbouring runs are equal", at: "offset \(at)")
            }
            before = value
            at = value.end
        }
    }

    private mutating func openDictionary(
        _ inner: inout ByteCursor, _ column: inout ColumnCursor, _ count: Int,
        _ rule: StringRule, _ dictionary: inout GrowingBuffer<Slice>
    ) throws(VarveError) {
        let entries = try inner.entryCount(of: count)
        column.heads = inner.offset
        let content = try inner.lengths(entries, rule)
        try contents(&inner, &column, entries, content, rule)
        column.base = dictionary.count
        var heads = column.heads
        var at = column.bodies
        for _ in 0..<entries {
            let length = Int(truncatingIfNeeded: checkedVarint(inner.bytes, &heads))
            dictionary.append(Slice(at, length))
            at += length
        }
        if !distinct(inner.bytes, dictionary, from: column.base) {
            throw inner.fault("a dictionary holds a value twice")
        }
        column.heads = inner.offset
        column.byteIndexes = entries <= ColumnEncoding.byteIndexes
        try inner.checkIndexes(count, entries: entries)
        try inner.end()
    }

    private func openSharedPrefixes(
        _ inner: inout ByteCursor, _ column: inout ColumnCursor, _ count: Int,
        _ rule: StringRule, _ arena: inout ByteWriter
    ) throws(VarveError) {
        var before = 0
        var longest = 0
        var sum = 0
        for _ in 0..<count {
            let common = try inner.varint()
            let rest = try inner.varint()
            if common > UInt64(before) || rest > UInt64(rule.longest) {
                throw inner.fault("a string shares more than there is, or is too long")
            }
            before = Int(common + rest)
            if before < rule.shortest || before > rule.longest {
                throw inner.fault("a string of \(before) bytes is too short or too long")
            }
            longest = max(longest, before)
            sum += Int(rest)
        }
        column.bodies = inner.offset
        let rests = try inner.take(sum)
        column.hasZero = rests.firstOffset(of: 0) != nil
        var rule = rule
        if rests.isASCII { rule.isText = false }
        try inner.end()
        column.base = arena.count
        arena.append(repeating: 0, count: longest)
        try checkShared(inner.bytes, column, count, rule, &arena)
    }

    /// Checks that strings share as much as they can, and their contents.
    private func checkShared(
        _ page: RawSpan, _ column: ColumnCursor, _ count: Int, _ rule: StringRule,
        _ arena: inout ByteWriter
    ) throws(VarveError) {
        let base = column.base
        var heads = column.heads
        var at = column.bodies
        var before = 0
        for _ in 0..<count {
            let common = Int(truncatingIfNeeded: checkedVarint(page, &heads))
            let rest = Slice(at, Int(truncatingIfNeeded: checkedVarint(page, &heads)))
            if common < before && rest.length > 0
                && arena.bytes.byte(at: base + common) == page.byte(at: at)
            {
                throw VarveError(
                    .damaged, "a string shares less than it could", at: "offset \(at)")
            }
            arena.overwrite(at: base + common, rest, of: page)
            at = rest.end
            before = common + rest.count
            if rule.isText {
                // All characters but the last of what is shared are whole still.
                let start = lastCharacter(arena.bytes, base, common)
                try check(arena.bytes.part(base + start, base + before), rule)
            } else if rule.payload != 0 {
                try check(arena.bytes.part(base, base + before), rule)
            }
        }
    }

    /// Where the last character of the `size` bytes at `base` starts.
    private func lastCharacter(_ bytes: RawSpan, _ base: Int, _ size: Int) -> Int {
        var start = size
        while start > 0 {
            start -= 1
            if bytes.byte(at: base + start) & 0xc0 != 0x80 { break }
        }
        return start
    }

    /// Checks one string's content.
    private func check(_ content: RawSpan, _ rule: StringRule) throws(VarveError) {
        if rule.isText {
            if !content.isUTF8 { throw VarveError(.damaged, "a string is not UTF-8") }
        } else if rule.payload == ValueTag.outlined {
            var cursor = ByteCursor(content)
            let length = try cursor.varint()
            if length == 0 || length > 1 << 26 || cursor.remaining != 32 {
                throw cursor.fault("an outlined value is malformed")
            }
        } else if let type = AttributeType(rawValue: rule.payload) {
            var cursor = ByteCursor(content)
            try CanonicalValue.validate(payloadOf: type, &cursor)
            try cursor.end()
        }
    }
}

extension ByteCursor {
    /// Reads `count` lengths of strings and returns their sum, which the remaining bytes can hold.
    mutating func lengths(
        _ count: Int, _ rule: ColumnCheck.StringRule
    ) throws(VarveError) -> Int {
        if count > remaining { throw fault("a column has fewer bytes than values") }
        let (shortest, longest) = (UInt64(rule.shortest), UInt64(rule.longest))
        var sum = 0
        for _ in 0..<count {
            let length = try varint()
            if length < shortest || length > longest {
                throw fault("a string of \(length) bytes is too short or too long")
            }
            sum += Int(length)
        }
        if sum > remaining { throw fault("strings are longer than their column") }
        return sum
    }
}
