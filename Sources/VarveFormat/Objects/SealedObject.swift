public import VarveBytes

/// What a sealed object holds. Source: Spec 09.
public enum ObjectType: UInt8, Sendable, Hashable {
    case configuration = 1
    case table = 2
    case settings = 3
    case backup = 4
    case commit = 5
    case layout = 6
    case intent = 7
    case condemned = 8
    case lease = 9
    case keySlot = 10
}

/// The frame of every object but packs and pack indexes. Source: Spec 09, Sealed object.
///
///     0      4  5     6       7  8        10    16      48      56     56 + n    88 + n
///     | VRVO | 1 | type | cipher | 0 | key id | zero | salt | length | body | SHA-256 |
public enum SealedObject {
    static let magic: UInt32 = 0x4f56_5256
    static let headerBytes = 56
    /// Most bytes of an object. Source: Spec 13.
    public static let bytesMax = 67_108_864

    /// The object of a body.
    public static func seal(_ type: ObjectType, _ body: RawSpan) -> [UInt8] {
        var output = ByteWriter(capacity: body.byteCount + headerBytes + 32)
        output.append(u32: magic)
        output.append(1)
        output.append(type.rawValue)
        output.append(repeating: 0, count: 42)
        output.append(u64: UInt64(body.byteCount))
        output.append(body)
        output.append(sha256(output.bytes))
        return output.takeBytes()
    }

    /// The body of an object, whose frame and hash are checked.
    /// - Throws: `damaged`, or `unsupported` for a version or a cipher that this program lacks.
    @_lifetime(copy bytes)
    public static func open(_ bytes: RawSpan, as type: ObjectType) throws(VarveError) -> RawSpan {
        var cursor = ByteCursor(bytes)
        if bytes.byteCount > bytesMax { throw cursor.fault("the object is too large") }
        if try cursor.u32() != magic { throw cursor.fault("this is not an object of a repository") }
        let version = try cursor.u8()
        if bytes.byteCount < headerBytes + 32 { throw cursor.fault("the object ends too early") }
        let recorded = Hash256(bytes: bytes.part(bytes.byteCount - 32, bytes.byteCount))
        if sha256(bytes.part(0, bytes.byteCount - 32)) != recorded {
            throw VarveError(.damaged, "the object does not match its hash")
        }
        if version != 1 {
            throw VarveError(.unsupported, "version \(version) of the format is newer than this program")
        }
        if try cursor.u8() != type.rawValue { throw cursor.fault("the object is of another type") }
        if try cursor.u8() != 0 {
            throw VarveError(
                .unsupported, "the repository is encrypted; this program cannot read that yet")
        }
        let reserved = try cursor.take(41)
        for index in 0..<41 where reserved.byte(at: index) != 0 {
            throw cursor.fault("a reserved byte is not zero")
        }
        let size = try cursor.u64()
        if size != UInt64(bytes.byteCount - headerBytes - 32) {
            throw cursor.fault("the length of the body does not fit")
        }
        return bytes.part(headerBytes, bytes.byteCount - 32)
    }
}

/// A body of a sealed object.
public protocol SealedRecord: Sendable {
    static var objectType: ObjectType { get }
    func encodeBody(into output: inout ByteWriter)
    /// - Throws: `damaged` if the body does not follow the grammar.
    init(body: inout ByteCursor) throws(VarveError)
}

extension SealedRecord {
    /// The object's bytes.
    public func sealed() -> [UInt8] {
        var body = ByteWriter()
        encodeBody(into: &body)
        return SealedObject.seal(Self.objectType, body.bytes)
    }

    /// Reads an object.
    /// - Parameter name: the object's, for errors.
    /// - Throws: `damaged` or `unsupported`, with the name.
    public init(sealed bytes: [UInt8], name: String) throws(VarveError) {
        do {
            let body = try SealedObject.open(bytes.raw, as: Self.objectType)
            var cursor = ByteCursor(body)
            self = try Self(body: &cursor)
            try cursor.end()
        } catch {
            throw error.located(in: name)
        }
    }
}
