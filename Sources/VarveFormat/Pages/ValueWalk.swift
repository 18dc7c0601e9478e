import VarveBytes

/// Tags of attribute values (Spec 03), and of an outlined one (Spec 07).
enum ValueTag {
    static let string: UInt8 = 0x01
    static let number: UInt8 = 0x02
    static let binary: UInt8 = 0x03
    static let boolean: UInt8 = 0x04
    static let null: UInt8 = 0x05
    static let map: UInt8 = 0x06
    static let list: UInt8 = 0x07
    static let stringSet: UInt8 = 0x08
    static let numberSet: UInt8 = 0x09
    static let binarySet: UInt8 = 0x0a
    static let outlined: UInt8 = 0x0b

    /// Maps and lists nest at most so deep below the attribute. Source: Spec 13.
    static let depthMax = 32
}

/// Finds where values end, without judging them: rows are canonical, or were checked before.
extension ByteCursor {
    /// Skips what follows a tag. Fast for scalars.
    @inline(__always)
    mutating func skipPayload(_ tag: UInt8) throws(VarveError) {
        switch tag {
        case ValueTag.string, ValueTag.binary:
            let size = try varint()
            if size > UInt64(remaining) { throw fault("a length of \(size) exceeds the bytes") }
            try skip(Int(size))
        case ValueTag.number: try skipNumber()
        case ValueTag.boolean: try skip(1)
        case ValueTag.null: break
        default: try skipNested(tag, depth: 1)
        }
    }

    @inline(__always)
    mutating func skipNumber() throws(VarveError) {
        if remaining >= 8 {
            // Bytes that end a varint have a clear top bit: the second such byte ends the number.
            let ends = ~bytes.word(at: offset) & 0x8080_8080_8080_8080
            let second = ends & (ends &- 1)
            if second != 0 {
                try skip(second.trailingZeroBitCount >> 3 &+ 1)
                return
            }
        }
        _ = try svarint()
        _ = try swide()
    }

    @inline(never)
    mutating func skipNested(_ tag: UInt8, depth: Int) throws(VarveError) {
        if depth > ValueTag.depthMax + 1 { throw fault("a value nests too deep") }
        switch tag {
        case ValueTag.string, ValueTag.binary: _ = try counted()
        case ValueTag.number: try skipNumber()
        case ValueTag.boolean: try skip(1)
        case ValueTag.null: break
        case ValueTag.map:
            for _ in 0..<(try count(ofAtLeast: 2)) {
                _ = try counted()
                try skipNested(try u8(), depth: depth + 1)
            }
        case ValueTag.list:
            for _ in 0..<(try count()) { try skipNested(try u8(), depth: depth + 1) }
        case ValueTag.stringSet, ValueTag.binarySet:
            for _ in 0..<(try count()) { _ = try counted() }
        case ValueTag.numberSet:
            for _ in 0..<(try count(ofAtLeast: 2)) { try skipNumber() }
        case ValueTag.outlined where depth == 1:
            _ = try varint()
            try skip(32)
        default: throw fault("there is no value type \(tag)")
        }
    }
}
