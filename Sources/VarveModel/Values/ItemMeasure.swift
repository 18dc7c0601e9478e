public import VarveBytes

/// What a row measures: known to a parser without a walk over the row.
public struct RowMeasure: Sendable, Hashable {
    /// The item size, key attributes included. Source: Spec 03, Item size.
    public var itemBytes: UInt32
    /// In-line bytes of the attributes, as the cut rule counts them. Source: Spec 06, Weights.
    public var inlineBytes: UInt32

    @inlinable
    public init(itemBytes: UInt32, inlineBytes: UInt32) {
        self.itemBytes = itemBytes
        self.inlineBytes = inlineBytes
    }

    /// Measures a whole row in one walk.
    /// - Throws: `damaged` if it cannot be walked, or holds an outlined value.
    public init(key: RawSpan, value: RawSpan, _ codec: KeyCodec) throws(VarveError) {
        let measure = try ItemMeasure(value: value)
        let keyBytes = try ItemMeasure.keyBytes(of: key, codec)
        itemBytes = UInt32(truncatingIfNeeded: keyBytes + measure.itemBytes)
        inlineBytes = UInt32(truncatingIfNeeded: measure.inlineBytes)
    }
}

/// Sizes of an item: what the cut rule weighs, and what DynamoDB bills.
public struct ItemMeasure: Sendable, Hashable {
    /// Most bytes of an item by the item-size formula. Source: Spec 13.
    public static let itemBytesMax = 409_600
    /// What an outlined value counts in a weight. Source: Spec 06.
    public static let outlinedWeight = 40

    /// In-line bytes of the attributes, as the cut rule counts them. Source: Spec 06, Weights.
    public var inlineBytes = 0
    /// Item size of the attributes that are not key attributes. Source: Spec 03, Item size.
    public var itemBytes = 0

    /// Measures a whole item value in one walk.
    /// - Throws: `damaged` if it cannot be walked, or holds an outlined value.
    /// - Complexity: O(number of elements).
    public init(value: RawSpan) throws(VarveError) {
        var cursor = ByteCursor(value)
        for _ in 0..<(try cursor.count(ofAtLeast: 2)) {
            let name = try cursor.counted().byteCount
            let start = cursor.offset
            let size = Self.shortSize(value, start)
            if size.end > 0 {
                try cursor.skip(size.end &- start)
                itemBytes &+= name &+ size.item
            } else {
                itemBytes &+= name &+ (try Self.itemSize(&cursor, depth: 0))
            }
            inlineBytes &+= 1 &+ name / 8 &+ (cursor.offset &- start)
        }
        try cursor.end()
    }

    /// In-line bytes of an item value, canonical or in-line. Source: Spec 06, Weights.
    @inlinable
    public static func inlineBytes(of value: RawSpan) throws(VarveError) -> Int {
        var walk = try AttributeWalk(value)
        var sum = 0
        while try walk.next() {
            let size = walk.tag == RowBuffer.outlinedTag ? outlinedWeight : walk.valueRange.count
            sum &+= 1 &+ walk.nameRange.count / 8 &+ size
        }
        return sum
    }

    /// Item size of a whole row, as DynamoDB bills it.
    /// - Throws: `damaged` if it cannot be walked, or holds an outlined value.
    public static func itemBytes(
        key: RawSpan, value: RawSpan, _ codec: KeyCodec
    ) throws(VarveError) -> Int {
        try keyBytes(of: key, codec) + itemBytes(of: value)
    }

    /// Item size of the attributes of a whole item value, without the key attributes.
    public static func itemBytes(of value: RawSpan) throws(VarveError) -> Int {
        try ItemMeasure(value: value).itemBytes
    }

    /// Item size of the key attributes, names included.
    /// - Throws: `damaged` if the key cannot be divided.
    public static func keyBytes(
        of key: RawSpan, _ codec: KeyCodec
    ) throws(VarveError) -> Int {
        let schema = codec.schema
        let divide = schema.sort == nil ? key.byteCount : try codec.partitionSize(of: key)
        var sum = schema.partition.name.utf8.count
        let first = key.part(0, divide)
        if schema.partition.type == .number {
            var cursor = ByteCursor(first)
            sum += try DecimalNumber(key: &cursor).itemSize
        } else if schema.sort == nil {
            sum += divide
        } else {
            var zeros = 0
            var start = 0
            while let zero = first.firstOffset(of: 0, from: start) {
                zeros += 1
                start = zero + 1
            }
            // Every 00 within stands as two bytes, and two bytes end the partition key.
            sum += divide - 1 - zeros
        }
        guard let sort = schema.sort else { return sum }
        sum += sort.name.utf8.count
        if sort.type == .number {
            var cursor = ByteCursor(key.part(divide, key.byteCount))
            return sum + (try DecimalNumber(key: &cursor).itemSize)
        }
        return sum + key.byteCount - divide
    }

    /// Item size of one value (tag and payload), which the cursor moves past.
    public static func itemSize(of cursor: inout ByteCursor) throws(VarveError) -> Int {
        try itemSize(&cursor, depth: 0)
    }

    private static func itemSize(
        _ cursor: inout ByteCursor, depth: Int
    ) throws(VarveError) -> Int {
        let tag = try cursor.u8()
        guard let type = AttributeType(rawValue: tag) else {
            throw cursor.fault("\(tag) is not the tag of a value that can be measured")
        }
        switch type {
        case .string, .binary: return try cursor.counted().byteCount
        case .number: return try numberSize(&cursor)
        case .boolean:
            try cursor.skip(1)
            return 1
        case .null: return 1
        case .map, .list:
            if depth == CanonicalValue.depthMax {
                throw cursor.fault("maps and lists nest too deep")
            }
            var sum = 3
            for _ in 0..<(try cursor.count()) {
                if type == .map { sum &+= try cursor.counted().byteCount }
                sum &+= 1 &+ (try itemSize(&cursor, depth: depth + 1))
            }
            return sum
        case .stringSet, .binarySet:
            var sum = 0
            for _ in 0..<(try cursor.count()) { sum &+= try cursor.counted().byteCount }
            return sum
        case .numberSet:
            var sum = 0
            for _ in 0..<(try cursor.count(ofAtLeast: 2)) { sum &+= try numberSize(&cursor) }
            return sum
        }
    }

    /// Item size of a string of fewer than 128 bytes, or of a number whose exponent and coefficient
    /// are of one and at most four bytes: what most values are.
    /// - Returns: the size, and the offset behind the value; 0 for any other value.
    @inline(__always)
    private static func shortSize(_ value: RawSpan, _ start: Int) -> (item: Int, end: Int) {
        if start &+ 8 > value.byteCount { return (0, 0) }
        let word = value.word(at: start)
        let tag = UInt8(truncatingIfNeeded: word)
        let second = Int(word >> 8 & 0xff)
        if second >= 0x80 { return (0, 0) }
        if tag == AttributeType.string.rawValue { return (second, start &+ 2 &+ second) }
        if tag != AttributeType.number.rawValue { return (0, 0) }
        // The coefficient's bytes, up to the first below 80.
        let rest = word >> 16
        let ends = ~rest & 0x8080_8080
        if ends == 0 { return (0, 0) }
        let bits = ends.trailingZeroBitCount &+ 1
        let used = rest & (1 << UInt64(bits) &- 1)
        let zigzag =
            used & 0x7f | used >> 1 & 0x3f80 | used >> 2 & 0x1f_c000 | used >> 3 & 0xfe0_0000
        let end = start &+ 2 &+ bits >> 3
        if zigzag == 0 { return (1, end) }
        let magnitude = zigzag >> 1 &+ (zigzag & 1)
        let isOdd = (second >> 1 ^ second) & 1
        let digits = magnitude.decimalDigitCount &+ isOdd
        return ((digits &+ 1) / 2 &+ 1 &+ Int(zigzag & 1), end)
    }

    /// Item size of a number in canonical bytes.
    static func numberBytes(of bytes: RawSpan) throws(VarveError) -> Int {
        var cursor = ByteCursor(bytes)
        return try numberSize(&cursor)
    }

    /// Item size of a number; without wide arithmetic where the coefficient has 64 bits.
    private static func numberSize(_ cursor: inout ByteCursor) throws(VarveError) -> Int {
        let exponent = try cursor.svarint()
        let zigzag = try cursor.wide()
        if zigzag == 0 { return 1 }
        let coefficient = Int128(zigzag: zigzag)
        let digits = coefficient.magnitude.decimalDigitCount + Int(exponent & 1)
        return (digits + 1) / 2 + 1 + (coefficient < 0 ? 1 : 0)
    }
}
