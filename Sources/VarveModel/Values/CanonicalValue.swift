public import VarveBytes

/// Walks over canonical values without building them. Source: Spec 03.
///
/// Nothing here traps or takes memory, whatever the bytes are.
public enum CanonicalValue {
    /// Deepest nesting of maps and lists. Source: Spec 13.
    public static let depthMax = 32
    /// Longest attribute name in bytes. Source: Spec 13.
    public static let nameBytesMax = 65_535

    /// Skips a value (tag and payload), checking bounds and depth but not its form.
    /// - Complexity: O(number of elements).
    @inlinable
    public static func skip(_ cursor: inout ByteCursor) throws(VarveError) {
        try skipPayload(of: try cursor.u8(), &cursor, depth: 0)
    }

    /// Skips the payload of a value with that tag.
    @inlinable
    public static func skipPayload(
        of tag: UInt8, _ cursor: inout ByteCursor
    ) throws(VarveError) {
        try skipPayload(of: tag, &cursor, depth: 0)
    }

    @inlinable @inline(__always)
    static func skipPayload(
        of tag: UInt8, _ cursor: inout ByteCursor, depth: Int
    ) throws(VarveError) {
        if tag == AttributeType.string.rawValue || tag == AttributeType.binary.rawValue {
            _ = try cursor.counted()
        } else if tag == AttributeType.number.rawValue {
            try DecimalNumber.skip(&cursor)
        } else {
            try skipOther(tag, &cursor, depth: depth)
        }
    }

    @usableFromInline
    static func skipOther(
        _ tag: UInt8, _ cursor: inout ByteCursor, depth: Int
    ) throws(VarveError) {
        guard let type = AttributeType(rawValue: tag) else {
            throw cursor.fault("\(tag) is not the tag of a value")
        }
        switch type {
        case .boolean: try cursor.skip(1)
        case .null: break
        case .map, .list:
            if depth == depthMax { throw cursor.fault("maps and lists nest too deep") }
            for _ in 0..<(try cursor.count()) {
                if type == .map { _ = try cursor.counted() }
                try skipPayload(of: try cursor.u8(), &cursor, depth: depth + 1)
            }
        case .numberSet:
            for _ in 0..<(try cursor.count(ofAtLeast: 2)) { try DecimalNumber.skip(&cursor) }
        case .string, .binary, .number, .stringSet, .binarySet:
            for _ in 0..<(try cursor.count()) { _ = try cursor.counted() }
        }
    }
}

// MARK: - Validation

extension CanonicalValue {
    /// Reads a value (tag and payload) and demands that it is canonical: known tags, minimal
    /// integers, valid UTF-8, ascending and distinct names and elements, numbers in normal form, no
    /// empty set, at most 32 levels.
    public static func validate(_ cursor: inout ByteCursor) throws(VarveError) {
        try validate(&cursor, depth: 0)
    }

    /// Demands that `value` is a canonical item value and nothing else: what a row holds.
    public static func validate(item value: RawSpan) throws(VarveError) {
        var cursor = ByteCursor(value)
        try validateMembers(&cursor, depth: 0, isItem: true)
        try cursor.end()
    }

    private static func validate(
        _ cursor: inout ByteCursor, depth: Int
    ) throws(VarveError) {
        guard let type = AttributeType(rawValue: try cursor.u8()) else {
            throw cursor.fault("an unknown tag of a value")
        }
        try validate(payloadOf: type, &cursor, depth: depth)
    }

    /// Reads the payload of a value of that type and demands that it is canonical.
    public static func validate(
        payloadOf type: AttributeType, _ cursor: inout ByteCursor
    ) throws(VarveError) {
        try validate(payloadOf: type, &cursor, depth: 0)
    }

    private static func validate(
        payloadOf type: AttributeType, _ cursor: inout ByteCursor, depth: Int
    ) throws(VarveError) {
        switch type {
        case .string: try validateText(&cursor)
        case .number: _ = try DecimalNumber(canonical: &cursor)
        case .binary: _ = try cursor.counted()
        case .boolean:
            if try cursor.u8() > 1 { throw cursor.fault("a boolean is neither 0 nor 1") }
        case .null: break
        case .map, .list:
            if depth == depthMax { throw cursor.fault("maps and lists nest too deep") }
            if type == .map {
                try validateMembers(&cursor, depth: depth + 1, isItem: false)
            } else {
                for _ in 0..<(try cursor.count()) { try validate(&cursor, depth: depth + 1) }
            }
        case .stringSet, .binarySet, .numberSet: try validateSet(type, &cursor)
        }
    }

    private static func validateText(_ cursor: inout ByteCursor) throws(VarveError) {
        let text = try cursor.counted()
        if !text.isUTF8 { throw cursor.fault("a text is not UTF-8") }
    }

    private static func validateMembers(
        _ cursor: inout ByteCursor, depth: Int, isItem: Bool
    ) throws(VarveError) {
        let count = try cursor.count(ofAtLeast: 2)
        var last = cursor.bytes.part(0, 0)
        for index in 0..<count {
            let name = try cursor.counted()
            guard name.isUTF8 else { throw cursor.fault("an attribute's name is not UTF-8") }
            if name.byteCount > nameBytesMax || isItem && name.byteCount == 0 {
                throw cursor.fault("an attribute's name is empty or too long")
            }
            if index > 0, last.order(name) >= 0 {
                throw cursor.fault("attributes are not in ascending order of distinct names")
            }
            last = name
            try validate(&cursor, depth: depth)
        }
    }

    private static func validateSet(
        _ type: AttributeType, _ cursor: inout ByteCursor
    ) throws(VarveError) {
        let count = try cursor.count()
        if count == 0 { throw cursor.fault("a set is empty") }
        if type == .numberSet {
            var last = DecimalNumber.zero
            for index in 0..<count {
                let number = try DecimalNumber(canonical: &cursor)
                if index > 0, number <= last {
                    throw cursor.fault("a set's elements are not ascending and distinct")
                }
                last = number
            }
            return
        }
        var last = cursor.bytes.part(0, 0)
        for index in 0..<count {
            let element = try cursor.counted()
            if type == .stringSet, !element.isUTF8 { throw cursor.fault("a text is not UTF-8") }
            if index > 0, last.order(element) >= 0 {
                throw cursor.fault("a set's elements are not ascending and distinct")
            }
            last = element
        }
    }
}

// MARK: - Attributes of an item value

/// Goes through the attributes of an item value, canonical or in-line, without checking order.
///
///     var walk = try AttributeWalk(value)
///     while try walk.next() { … walk.name, walk.tag, walk.value … }
public struct AttributeWalk: ~Escapable {
    @usableFromInline var cursor: ByteCursor
    /// Attributes not reached yet.
    public private(set) var remaining: Int {
        @inline(__always) get { _remaining }
        @inline(__always) set { _remaining = newValue }
    }
    @usableFromInline var _remaining: Int
    @usableFromInline var nameStart = 0
    @usableFromInline var nameEnd = 0

    /// Begins before the first attribute of `value`, which has nothing behind it.
    @inlinable
    @_lifetime(copy value)
    public init(_ value: RawSpan) throws(VarveError) {
        var cursor = ByteCursor(value)
        _remaining = try cursor.count(ofAtLeast: 2)
        self.cursor = cursor
    }

    /// Goes to the next attribute; false if there is none, and then demands the end of the bytes.
    @inlinable
    public mutating func next() throws(VarveError) -> Bool {
        if _remaining == 0 {
            try cursor.end()
            return false
        }
        _remaining &-= 1
        let name = try cursor.counted()
        nameEnd = cursor.offset
        nameStart = nameEnd &- name.byteCount
        let tag = try cursor.u8()
        if tag == RowBuffer.outlinedTag {
            _ = try cursor.varint()
            try cursor.skip(32)
        } else {
            try CanonicalValue.skipPayload(of: tag, &cursor)
        }
        return true
    }

    /// Where the attribute's name lies in the value's bytes; `next()` returned true.
    @inlinable
    public var nameRange: Range<Int> { nameStart..<nameEnd }

    /// Where the attribute's tag and payload lie in the value's bytes.
    @inlinable
    public var valueRange: Range<Int> { nameEnd..<cursor.offset }

    /// The attribute's name.
    @inlinable
    public var name: RawSpan {
        @_lifetime(copy self) get { cursor.bytes.part(nameStart, nameEnd) }
    }

    /// The attribute's tag; 0b if it is outlined.
    @inlinable
    public var tag: UInt8 { cursor.bytes.byte(at: nameEnd) }

    /// The attribute's tag and payload.
    @inlinable
    public var value: RawSpan {
        @_lifetime(copy self) get { cursor.bytes.part(nameEnd, cursor.offset) }
    }
}
