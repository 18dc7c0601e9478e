public import VarveBytes

/// Makes and reads keys: bytes that sort as the items do. Source: Spec 04.
public struct KeyCodec: Hashable, Sendable {
    /// Most bytes of a partition key's value.
    public static let partitionBytesMax = 2_048
    /// Most bytes of a sort key's value.
    public static let sortBytesMax = 1_024

    public let schema: KeySchema

    public init(_ schema: KeySchema) { self.schema = schema }

    /// The key attributes in the order of the key: partition, then sort.
    public enum Part: Sendable, Hashable {
        case partition
        case sort
    }
}

// MARK: - Making keys

extension KeyCodec {
    /// Appends the key of canonical values, each tag and payload.
    /// - Throws: `invalidInput` if a value has the wrong type, is empty or too long, or if a sort
    ///   key is given or absent against the schema.
    public func append(
        partition: RawSpan, sort: RawSpan? = nil, to output: inout ByteWriter
    ) throws(VarveError) {
        let start = output.count
        do throws(VarveError) {
            try append(.partition, partition, to: &output)
            guard (sort != nil) == (schema.sort != nil) else {
                throw VarveError(.invalidInput, "the sort key is missing, or the table has none")
            }
            if let sort { try append(.sort, sort, to: &output) }
        } catch {
            output.truncate(to: start)
            throw error
        }
    }

    /// Appends one part of a key, from its canonical value (tag and payload).
    public func append(
        _ part: Part, _ value: RawSpan, to output: inout ByteWriter
    ) throws(VarveError) {
        let attribute = try self.attribute(part)
        var cursor = ByteCursor(value)
        guard try cursor.u8() == attribute.type.rawValue else {
            throw VarveError(
                .invalidInput,
                "the key attribute \(attribute.name) is not of type \(attribute.type.name)")
        }
        if attribute.type == .number {
            try DecimalNumber(canonical: &cursor).appendKey(to: &output)
            try cursor.end()
            return
        }
        let content = try cursor.counted()
        try cursor.end()
        let limit = part == .partition ? Self.partitionBytesMax : Self.sortBytesMax
        guard content.byteCount > 0, content.byteCount <= limit else {
            throw VarveError(
                .invalidInput,
                "the key attribute \(attribute.name) has \(content.byteCount) bytes;"
                    + " allowed are 1 to \(limit)")
        }
        append(part, content: content, to: &output)
    }

    /// Appends one part of type S or B from its bytes, unchecked.
    @inlinable
    public func append(_ part: Part, content: RawSpan, to output: inout ByteWriter) {
        if part == .sort || schema.sort == nil {
            output.append(content)
        } else {
            Self.appendEscaped(content, to: &output)
        }
    }

    /// Appends one part of type N.
    public func append(_ number: DecimalNumber, to output: inout ByteWriter) {
        number.appendKey(to: &output)
    }

    /// Appends bytes with every 00 as 00 ff, then 00 01.
    @inlinable
    static func appendEscaped(_ content: RawSpan, to output: inout ByteWriter) {
        var start = 0
        while let zero = content.firstOffset(of: 0, from: start) {
            output.append(content.part(start, zero))
            output.append(0)
            output.append(0xff)
            start = zero &+ 1
        }
        output.append(content.part(start, content.byteCount))
        output.append(0)
        output.append(1)
    }

    private func attribute(_ part: Part) throws(VarveError) -> KeyAttribute {
        if part == .partition { return schema.partition }
        guard let sort = schema.sort else {
            throw VarveError(.invalidInput, "the table has no sort key")
        }
        return sort
    }
}

// MARK: - Reading keys

extension KeyCodec {
    /// Bytes of the key that the partition key takes; the rest is the sort key.
    /// - Throws: `damaged` if the key cannot be divided.
    public func partitionSize(of key: RawSpan) throws(VarveError) -> Int {
        if schema.partition.type == .number {
            var cursor = ByteCursor(key)
            _ = try DecimalNumber(key: &cursor)
            return cursor.offset
        }
        if schema.sort == nil { return key.byteCount }
        var start = 0
        while let zero = key.firstOffset(of: 0, from: start), zero + 1 < key.byteCount {
            switch key.byte(at: zero + 1) {
            case 1: return zero + 2
            case 0xff: start = zero + 2
            default: throw VarveError(.damaged, "a key holds 00 and neither ff nor 01 behind it")
            }
        }
        throw VarveError(.damaged, "a key ends within its partition key")
    }

    /// Appends what a page's column holds of a key: the bytes of S and B, the canonical number
    /// (without tag) of N.
    /// - Parameter encoded: that part of the key alone, as `partitionSize(of:)` divides it.
    /// - Throws: `damaged` if it does not decode, or would be encoded otherwise.
    public func appendContent(
        of part: Part, _ encoded: RawSpan, to output: inout ByteWriter
    ) throws(VarveError) {
        let attribute = try self.attribute(part)
        if attribute.type == .number {
            var cursor = ByteCursor(encoded)
            let number = try DecimalNumber(key: &cursor)
            try cursor.end()
            number.append(to: &output)
            return
        }
        let start = output.count
        if part == .partition, schema.sort != nil {
            try Self.appendUnescaped(encoded, to: &output)
        } else {
            output.append(encoded)
        }
        let size = output.count - start
        let limit = part == .partition ? Self.partitionBytesMax : Self.sortBytesMax
        guard size > 0, size <= limit else {
            output.truncate(to: start)
            throw VarveError(.damaged, "a key attribute is empty or longer than \(limit) bytes")
        }
        if attribute.type == .string, !output.bytes.part(start, output.count).isUTF8 {
            output.truncate(to: start)
            throw VarveError(.damaged, "a key attribute is not UTF-8")
        }
    }

    /// Appends the canonical value, tag and payload, of one part of a key.
    public func appendValue(
        of part: Part, _ encoded: RawSpan, to output: inout ByteWriter
    ) throws(VarveError) {
        let attribute = try self.attribute(part)
        output.append(attribute.type.rawValue)
        let start = output.count
        try appendContent(of: part, encoded, to: &output)
        if attribute.type != .number {
            output.insert(varint: UInt64(output.count - start), at: start)
        }
    }

    /// Appends the canonical value of the partition key, then that of the sort key, if any.
    /// - Returns: how many bytes the former took.
    /// - Throws: `damaged` if the key does not decode, or encodes again to other bytes.
    @discardableResult
    public func appendValues(
        of key: RawSpan, to output: inout ByteWriter
    ) throws(VarveError) -> Int {
        let start = output.count
        let divide = try partitionSize(of: key)
        try appendValue(of: .partition, key.part(0, divide), to: &output)
        let size = output.count - start
        if schema.sort == nil {
            guard divide == key.byteCount else {
                throw VarveError(.damaged, "a key has bytes behind its end")
            }
        } else {
            try appendValue(of: .sort, key.part(divide, key.byteCount), to: &output)
        }
        return size
    }

    /// Demands that the key decodes and encodes again to the same bytes.
    public func validate(_ key: RawSpan) throws(VarveError) {
        // Decoding is strict: no two encodings decode to one value.
        var scratch = ByteWriter(capacity: key.byteCount + 32)
        try appendValues(of: key, to: &scratch)
    }

    /// Appends what `appendEscaped` was given.
    static func appendUnescaped(
        _ encoded: RawSpan, to output: inout ByteWriter
    ) throws(VarveError) {
        var start = 0
        while let zero = encoded.firstOffset(of: 0, from: start), zero + 1 < encoded.byteCount {
            output.append(encoded.part(start, zero))
            start = zero + 2
            switch encoded.byte(at: zero + 1) {
            case 0xff: output.append(0)
            case 1 where start == encoded.byteCount: return
            default: throw VarveError(.damaged, "a key attribute is malformed")
            }
        }
        throw VarveError(.damaged, "a key attribute has no end")
    }
}
