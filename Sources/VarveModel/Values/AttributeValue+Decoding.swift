public import VarveBytes

// Building values and items from canonical bytes.

extension AttributeValue {
    /// Reads a value, tag and payload, and demands that it is canonical.
    public init(canonical cursor: inout ByteCursor) throws(VarveError) {
        let start = cursor.offset
        var copy = ByteCursor(cursor.bytes)
        try copy.skip(start)
        try CanonicalValue.validate(&copy)
        try self.init(validated: &cursor)
    }

    fileprivate init(validated cursor: inout ByteCursor) throws(VarveError) {
        guard let type = AttributeType(rawValue: try cursor.u8()) else {
            throw cursor.fault("an unknown tag of a value")
        }
        switch type {
        case .string: self = .string(try Self.string(&cursor))
        case .number: self = .number(try DecimalNumber(canonical: &cursor))
        case .binary: self = .binary(try cursor.counted().copyBytes())
        case .boolean: self = .boolean(try cursor.u8() == 1)
        case .null: self = .null
        case .map: self = .map(try Item(validated: &cursor))
        case .list:
            var elements: [AttributeValue] = []
            for _ in 0..<(try cursor.count()) {
                elements.append(try AttributeValue(validated: &cursor))
            }
            self = .list(elements)
        case .stringSet:
            var elements: [String] = []
            for _ in 0..<(try cursor.count()) { elements.append(try Self.string(&cursor)) }
            self = .stringSet(elements)
        case .numberSet:
            var elements: [DecimalNumber] = []
            for _ in 0..<(try cursor.count()) {
                elements.append(try DecimalNumber(canonical: &cursor))
            }
            self = .numberSet(elements)
        case .binarySet:
            var elements: [[UInt8]] = []
            for _ in 0..<(try cursor.count()) {
                elements.append(try cursor.counted().copyBytes())
            }
            self = .binarySet(elements)
        }
    }

    fileprivate static func string(_ cursor: inout ByteCursor) throws(VarveError) -> String {
        try cursor.text(limit: Int.max)
    }
}

extension Item {
    /// Reads an item value and demands that it is canonical.
    public init(canonical value: RawSpan) throws(VarveError) {
        try CanonicalValue.validate(item: value)
        var cursor = ByteCursor(value)
        try self.init(validated: &cursor)
    }

    fileprivate init(validated cursor: inout ByteCursor) throws(VarveError) {
        self.init()
        for _ in 0..<(try cursor.count(ofAtLeast: 2)) {
            let name = try AttributeValue.string(&cursor)
            self[name] = try AttributeValue(validated: &cursor)
        }
    }

    /// Reads a row: the key attributes from the key, the others from the value.
    public init(
        key: RawSpan, value: RawSpan, schema: KeySchema
    ) throws(VarveError) {
        try self.init(canonical: value)
        let codec = KeyCodec(schema)
        var parts = ByteWriter()
        try codec.appendValues(of: key, to: &parts)
        var cursor = ByteCursor(parts.bytes)
        for attribute in [schema.partition, schema.sort].compactMap({ $0 }) {
            if self[attribute.name] != nil {
                throw VarveError(.damaged, "a key attribute stands in the value as well")
            }
            self[attribute.name] = try AttributeValue(validated: &cursor)
        }
    }

    /// Appends the item's row.
    /// - Throws: `invalidInput` if a key attribute is missing or cannot be one.
    public func append(
        to rows: inout RowBuffer, schema: KeySchema
    ) throws(VarveError) {
        let codec = KeyCodec(schema)
        var rest = self
        var key = ByteWriter()
        for (part, attribute) in [
            (KeyCodec.Part.partition, schema.partition as KeyAttribute?), (.sort, schema.sort),
        ] {
            guard let attribute else { continue }
            guard let value = self[attribute.name] else {
                throw VarveError(
                    .invalidInput, "the item has no key attribute \(attribute.name)")
            }
            try codec.append(part, value.canonicalBytes.raw, to: &key)
            rest[attribute.name] = nil
        }
        rows.append(key: key.bytes, value: rest.canonicalBytes.raw)
    }
}
