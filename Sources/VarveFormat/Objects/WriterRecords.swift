public import VarveBytes

/// Says that a writer is at work. Source: Spec 09, Intent; Spec 11, Collection.
public struct IntentRecord: SealedRecord, Hashable {
    public static let objectType = ObjectType.intent

    public var id: [UInt8]
    public var written: Int64
    public var purpose: String
    /// Host and process.
    public var writer: String

    public init(id: [UInt8], written: Int64, purpose: String, writer: String) {
        precondition(id.count == 16)
        self.id = id
        self.written = written
        self.purpose = purpose
        self.writer = writer
    }

    public func encodeBody(into output: inout ByteWriter) {
        output.append(id)
        output.append(i64: written)
        output.append(text: purpose)
        output.append(text: writer)
    }

    public init(body: inout ByteCursor) throws(VarveError) {
        id = try body.take(16).copyBytes()
        written = try body.i64()
        purpose = try body.text()
        writer = try body.text()
    }
}

/// Packs that are to be deleted unless a root turns up. Source: Spec 09, Condemned list.
public struct CondemnedRecord: SealedRecord, Hashable {
    public static let objectType = ObjectType.condemned

    public var written: Int64
    public var packs: [Hash256]
    public var indexes: [Hash256]

    public init(written: Int64, packs: [Hash256], indexes: [Hash256]) {
        self.written = written
        self.packs = packs
        self.indexes = indexes
    }

    public func encodeBody(into output: inout ByteWriter) {
        output.append(i64: written)
        for list in [packs, indexes] {
            output.append(count: list.count)
            for name in list { output.append(name) }
        }
    }

    public init(body: inout ByteCursor) throws(VarveError) {
        written = try body.i64()
        packs = try Self.names(&body)
        indexes = try Self.names(&body)
    }

    private static func names(_ body: inout ByteCursor) throws(VarveError) -> [Hash256] {
        var list: [Hash256] = []
        for _ in 0..<(try body.count(ofAtLeast: 32)) { list.append(try body.hash()) }
        return list
    }
}

/// Keeps a second recorder from starting in vain; no fence. Source: Spec 09, Lease.
public struct LeaseRecord: SealedRecord, Hashable {
    public static let objectType = ObjectType.lease

    public var holder: [UInt8]
    public var written: Int64
    public var seconds: UInt64
    /// Host and process.
    public var writer: String

    public init(holder: [UInt8], written: Int64, seconds: UInt64, writer: String) {
        precondition(holder.count == 16)
        self.holder = holder
        self.written = written
        self.seconds = seconds
        self.writer = writer
    }

    public func encodeBody(into output: inout ByteWriter) {
        output.append(holder)
        output.append(i64: written)
        output.append(varint: seconds)
        output.append(text: writer)
    }

    public init(body: inout ByteCursor) throws(VarveError) {
        holder = try body.take(16).copyBytes()
        written = try body.i64()
        seconds = try body.varint()
        writer = try body.text()
    }
}

/// A wrapped master key. Source: Spec 12.
public struct KeySlotRecord: SealedRecord, Hashable {
    public static let objectType = ObjectType.keySlot

    public var costExponent: UInt64
    public var blockSize: UInt64
    public var parallelism: UInt64
    public var salt: [UInt8]
    public var nonce: [UInt8]
    public var wrapped: [UInt8]
    public var label: String

    public func encodeBody(into output: inout ByteWriter) {
        output.append(1)
        output.append(varint: costExponent)
        output.append(varint: blockSize)
        output.append(varint: parallelism)
        output.append(counted: salt)
        output.append(counted: nonce)
        output.append(counted: wrapped)
        output.append(text: label)
    }

    public init(body: inout ByteCursor) throws(VarveError) {
        if try body.u8() != 1 { throw VarveError(.unsupported, "an unknown key derivation") }
        costExponent = try body.varint()
        blockSize = try body.varint()
        parallelism = try body.varint()
        salt = try body.counted().copyBytes()
        nonce = try body.counted().copyBytes()
        wrapped = try body.counted().copyBytes()
        if salt.count != 32 || nonce.count != 12 || wrapped.count != 48 {
            throw body.fault("a key slot's fields have other lengths")
        }
        label = try body.text()
    }
}
