import VarveBytes
import VarveModel

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
}

extension ByteCursor {
    /// Skips what follows the tag of an in-line attribute, without judging it.
    @inline(__always)
    mutating func skipPayload(_ tag: UInt8) throws(VarveError) {
        if tag == ValueTag.outlined {
            _ = try varint()
            try skip(32)
        } else {
            try CanonicalValue.skipPayload(of: tag, &self)
        }
    }
}
