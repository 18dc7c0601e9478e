public import VarveBytes

/// What a sealed object holds. Source: Spec 09.
public enum ObjectType: UInt8, Sendable, CaseIterable {
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
    case retention = 11

    /// What messages call it.
    public var title: String {
        switch self {
        case .configuration: "configuration"
        case .table: "table record"
        case .settings: "settings"
        case .backup: "backup"
        case .commit: "commit"
        case .layout: "layout"
        case .intent: "intent"
        case .condemned: "condemned list"
        case .lease: "lease"
        case .keySlot: "key slot"
        case .retention: "retention"
        }
    }
}

/// The form of all objects but packs and pack indexes. Source: Spec 09.
///
///     0       4        5     6       7  8       10     16    48      56        56 + n
///     | magic | version| type| cipher|0 | key id| 0    | salt| n     | body    | SHA-256 |
public enum SealedObject {
    /// "VRVO".
    static let magic: UInt32 = 0x4f56_5256
    /// Source: Spec 14.
    static let version: UInt8 = 1
    public static let headerSize = 56
    public static let trailerSize = 32
    /// Greatest size of a sealed object. Source: Spec 13.
    public static let sizeMax = 67_108_864

    /// Makes the object's bytes around a body that `writeBody` appends.
    /// - Throws: `invalidInput` if it exceeds `sizeMax`; what `writeBody` throws.
    public static func seal(
        _ type: ObjectType, _ writeBody: (inout ByteWriter) throws(VarveError) -> Void
    ) throws(VarveError) -> [UInt8] {
        var writer = ByteWriter(capacity: 1024)
        writer.append(u32: magic)
        writer.append(version)
        writer.append(type.rawValue)
        writer.append(repeating: 0, count: headerSize - 6)
        try writeBody(&writer)
        writer.overwrite(at: headerSize - 8, u64: UInt64(writer.count - headerSize))
        writer.append(sha256(writer.bytes))
        guard writer.count <= sizeMax else {
            throw VarveError(
                .invalidInput,
                "a \(type.title) of \(writer.count) bytes exceeds the limit of \(sizeMax)")
        }
        return writer.takeBytes()
    }

    /// The body of an object whose every byte is checked against the hash at its end.
    /// - Throws: `damaged`; `unsupported` for another version, or one that is encrypted.
    @_lifetime(copy bytes)
    public static func open(_ bytes: RawSpan, as type: ObjectType) throws(VarveError) -> RawSpan {
        guard bytes.byteCount <= sizeMax else {
            throw VarveError(.damaged, "an object of \(bytes.byteCount) bytes is too large")
        }
        var cursor = ByteCursor(bytes)
        guard try cursor.u32() == magic else {
            throw VarveError(.damaged, "this is no \(type.title): its first bytes are wrong")
        }
        let foundVersion = try cursor.u8()
        let foundType = try cursor.u8()
        let cipher = try cursor.u8()
        let zero = try cursor.u8()
        let keyID = try cursor.u16()
        let (zeroWord, zeroHalf) = (try cursor.u32(), try cursor.u16())
        let salt = try cursor.hash()
        let length = try cursor.u64()
        guard cursor.remaining >= trailerSize, length == UInt64(cursor.remaining - trailerSize)
        else {
            throw VarveError(.damaged, "the length does not fit: a part is missing or added")
        }
        let body = try cursor.take(Int(length))
        let covered = bytes.part(0, headerSize + Int(length))
        guard try cursor.hash() == sha256(covered) else {
            throw VarveError(.damaged, "the bytes do not fit the hash at their end")
        }
        guard foundVersion == version else {
            throw VarveError(
                .unsupported,
                "format version \(foundVersion) is not known to this program; use a newer one")
        }
        guard foundType == type.rawValue else {
            let found = ObjectType(rawValue: foundType)?.title ?? "object of type \(foundType)"
            throw VarveError(.damaged, "a \(type.title) was expected and a \(found) is there")
        }
        guard cipher == 0 else {
            throw VarveError(
                .unsupported, "the object is encrypted; this program does not read that yet")
        }
        guard zero == 0, zeroWord == 0, zeroHalf == 0, keyID == 0, salt == .zero else {
            throw VarveError(.damaged, "a reserved field of the header is not zero")
        }
        return body
    }
}

/// A value that is stored as a sealed object.
public protocol SealedRecord: Sendable, Hashable {
    static var objectType: ObjectType { get }

    /// Appends the body. The value has passed `check()`.
    func encodeBody(into writer: inout ByteWriter)

    /// Reads the body by its grammar.
    /// - Throws: `damaged`, `unsupported`.
    init(body cursor: inout ByteCursor) throws(VarveError)

    /// Checks what the grammar alone does not: order, ranges, limits.
    /// - Throws: `invalidInput`.
    func check() throws(VarveError)
}

extension SealedRecord {
    /// The object's bytes.
    /// - Throws: `invalidInput` if the value breaks a rule of the format.
    public func seal() throws(VarveError) -> [UInt8] {
        try check()
        return try SealedObject.seal(Self.objectType) { encodeBody(into: &$0) }
    }

    /// Reads an object: its hash, its grammar and its rules.
    /// - Throws: `damaged`, `unsupported`.
    public init(sealed bytes: RawSpan) throws(VarveError) {
        var cursor = ByteCursor(try SealedObject.open(bytes, as: Self.objectType))
        do {
            try self.init(body: &cursor)
            try cursor.end()
        } catch {
            throw error.located(in: "body")
        }
        do {
            try check()
        } catch {
            throw VarveError(.damaged, error.message, at: "body")
        }
    }

    /// Reads an object from an array, and names it in errors.
    /// - Throws: `damaged`, `unsupported`.
    public init(sealed bytes: [UInt8], name: String) throws(VarveError) {
        do {
            try self.init(sealed: bytes.raw)
        } catch {
            throw error.located(in: name)
        }
    }
}
