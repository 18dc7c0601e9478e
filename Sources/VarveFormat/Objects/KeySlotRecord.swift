public import VarveBytes

/// A wrapped master key: an object under `keys/`. Reserved: nothing reads or writes encrypted
/// repositories yet. Source: Spec 12.
public struct KeySlotRecord: Hashable, Sendable {
    /// Parameters of scrypt.
    public var logarithmN: UInt64
    public var blockSize: UInt64
    public var parallelism: UInt64
    /// 32 bytes.
    public var salt: [UInt8]
    /// 12 bytes.
    public var nonce: [UInt8]
    /// The key, encrypted, and its tag: 48 bytes.
    public var wrapped: [UInt8]
    /// For people.
    public var label: String

    public init(
        logarithmN: UInt64, blockSize: UInt64, parallelism: UInt64, salt: [UInt8],
        nonce: [UInt8], wrapped: [UInt8], label: String
    ) {
        self.logarithmN = logarithmN
        self.blockSize = blockSize
        self.parallelism = parallelism
        self.salt = salt
        self.nonce = nonce
        self.wrapped = wrapped
        self.label = label
    }
}

extension KeySlotRecord: SealedRecord {
    public static var objectType: ObjectType { .keySlot }

    public func encodeBody(into writer: inout ByteWriter) {
        writer.append(1 as UInt8)  // scrypt
        writer.append(varint: logarithmN)
        writer.append(varint: blockSize)
        writer.append(varint: parallelism)
        writer.append(counted: salt)
        writer.append(counted: nonce)
        writer.append(counted: wrapped)
        writer.append(text: label)
    }

    public init(body cursor: inout ByteCursor) throws(VarveError) {
        guard try cursor.u8() == 1 else {
            throw VarveError(
                .unsupported, "the key is wrapped in a way that this program does not know")
        }
        logarithmN = try cursor.varint()
        blockSize = try cursor.varint()
        parallelism = try cursor.varint()
        salt = try cursor.counted(exactly: 32).copyBytes()
        nonce = try cursor.counted(exactly: 12).copyBytes()
        wrapped = try cursor.counted(exactly: 48).copyBytes()
        label = try cursor.text()
    }

    public func check() throws(VarveError) {
        if salt.count != 32 || nonce.count != 12 || wrapped.count != 48 {
            throw RecordRules.fault("a key slot's salt, nonce or key has another length")
        }
        try RecordRules.checkText(label, "the label")
    }
}
