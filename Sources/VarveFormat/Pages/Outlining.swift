public import VarveBytes

/// Moves large values out of rows into blobs of their own, and back.
/// Source: Spec 06, Outlined values.
public enum Outlining {
    /// A value of so many bytes (tag and payload) is outlined.
    public static let valueLimit = 16_384
    /// What then remains of the row is at most so long, counting names and values.
    public static let rowLimit = 65_536

    /// One attribute of a value, as offsets into it.
    private struct Attribute {
        var name: Range<Int>
        var value: Range<Int>
        var isOutlined = false
    }

    /// Appends the in-line form of a canonical value.
    /// - Parameters:
    ///   - inline: receives `value` itself if nothing is outlined.
    ///   - store: is given the plain bytes (tag and payload) of each outlined value, in order of
    ///     name, and returns its blob's id.
    /// - Returns: how many values were outlined.
    /// - Throws: `damaged` if the value is malformed, and what `store` throws.
    public static func outline(
        _ value: RawSpan, into inline: inout ByteWriter,
        store: (RawSpan) throws(VarveError) -> Hash256
    ) throws(VarveError) -> Int {
        // Most values are small: then no attribute and not the rest can exceed a limit.
        if value.byteCount < valueLimit {
            inline.append(value)
            return 0
        }
        var attributes = try split(value)
        let outlined = choose(&attributes)
        if outlined == 0 {
            inline.append(value)
            return 0
        }
        inline.append(count: attributes.count)
        for attribute in attributes {
            inline.append(value.part(attribute.name.lowerBound, attribute.name.upperBound))
            let plain = value.part(attribute.value.lowerBound, attribute.value.upperBound)
            if attribute.isOutlined {
                inline.append(ValueTag.outlined)
                inline.append(count: plain.byteCount)
                inline.append(try store(plain))
            } else {
                inline.append(plain)
            }
        }
        return outlined
    }

    /// Appends the canonical value whose in-line form is given: the inverse of `outline`.
    /// - Parameter load: is given an id and the length of its plain bytes, and appends those.
    /// - Throws: `damaged` if the value is malformed or `load` gives another number of bytes; and
    ///   what `load` throws.
    public static func expand(
        _ inline: RawSpan, into value: inout ByteWriter,
        load: (Hash256, Int, inout ByteWriter) throws(VarveError) -> Void
    ) throws(VarveError) {
        var cursor = ByteCursor(inline)
        let count = try cursor.count(ofAtLeast: 2)
        value.append(count: count)
        for _ in 0..<count {
            value.append(counted: try cursor.counted())
            let start = cursor.offset
            let tag = try cursor.u8()
            if tag != ValueTag.outlined {
                try cursor.skipPayload(tag)
                value.append(inline.part(start, cursor.offset))
                continue
            }
            let length = try cursor.varint()
            let hash = try cursor.hash()
            guard length > 0, length <= 1 << 26 else {
                throw cursor.fault("an outlined value has \(length) bytes")
            }
            let before = value.count
            try load(hash, Int(length), &value)
            if value.count - before != Int(length) {
                throw VarveError(.damaged, "an outlined value is not as long as its row says")
            }
        }
        try cursor.end()
    }

    /// Whether an in-line value has an outlined attribute.
    public static func isOutlined(_ inline: RawSpan) throws(VarveError) -> Bool {
        var cursor = ByteCursor(inline)
        for _ in 0..<(try cursor.count(ofAtLeast: 2)) {
            _ = try cursor.counted()
            let tag = try cursor.u8()
            if tag == ValueTag.outlined { return true }
            try cursor.skipPayload(tag)
        }
        return false
    }

    private static func split(_ value: RawSpan) throws(VarveError) -> [Attribute] {
        var cursor = ByteCursor(value)
        let count = try cursor.count(ofAtLeast: 2)
        var attributes: [Attribute] = []
        attributes.reserveCapacity(count)
        for _ in 0..<count {
            let name = cursor.offset
            _ = try cursor.counted()
            let start = cursor.offset
            let tag = try cursor.u8()
            if tag == ValueTag.outlined { throw cursor.fault("a value is outlined already") }
            try cursor.skipPayload(tag)
            attributes.append(Attribute(name: name..<start, value: start..<cursor.offset))
        }
        try cursor.end()
        return attributes
    }

    /// Marks what is outlined; returns how many.
    private static func choose(_ attributes: inout [Attribute]) -> Int {
        var outlined = 0
        var rest = 0
        for at in attributes.indices {
            if attributes[at].value.count >= valueLimit {
                attributes[at].isOutlined = true
                outlined += 1
            } else {
                rest += attributes[at].name.count + attributes[at].value.count
            }
        }
        if rest <= rowLimit { return outlined }
        // Longest first, of equals the first by name, as far as needed.
        let candidates = attributes.indices.filter { !attributes[$0].isOutlined }.sorted {
            let (a, b) = (attributes[$0].value.count, attributes[$1].value.count)
            return a == b ? $0 < $1 : a > b
        }
        for at in candidates {
            if rest <= rowLimit { break }
            attributes[at].isOutlined = true
            outlined += 1
            rest -= attributes[at].name.count + attributes[at].value.count
        }
        return outlined
    }
}
