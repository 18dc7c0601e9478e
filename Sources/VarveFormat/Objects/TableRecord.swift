public import VarveBytes
public import VarveModel

/// An incarnation of a table: the object `tables/<id>/table`. Source: Spec 09, "Table".
public struct TableRecord: Hashable, Sendable {
    public var name: String
    /// Which incarnation of the name this is, from 0.
    public var ordinal: UInt64
    /// May be empty.
    public var arn: String
    /// The service's own `TableId`; may be empty.
    public var serviceID: String
    /// Microseconds since 1970.
    public var created: Int64
    public var keySchema: KeySchema

    public init(
        name: String, ordinal: UInt64, arn: String, serviceID: String, created: Int64,
        keySchema: KeySchema
    ) {
        self.name = name
        self.ordinal = ordinal
        self.arn = arn
        self.serviceID = serviceID
        self.created = created
        self.keySchema = keySchema
    }

    /// The table's id in a repository. Source: Spec 02.
    public func id(in repository: RepositoryID) -> TableID {
        TableID(repository: repository, name: name, ordinal: ordinal)
    }

    /// What the chain of commits begins from: the "commit before" of sequence 0. Source: Spec 05.
    public var hash: Hash256 {
        var writer = ByteWriter()
        writer.append(utf8: "varve table\0")
        encodeBody(into: &writer)
        return sha256(writer.bytes)
    }
}

extension TableRecord: SealedRecord {
    public static var objectType: ObjectType { .table }

    public func encodeBody(into writer: inout ByteWriter) {
        writer.append(text: name)
        writer.append(varint: ordinal)
        writer.append(text: arn)
        writer.append(text: serviceID)
        writer.append(i64: created)
        writer.append(keySchema.sort == nil ? 1 as UInt8 : 2)
        for attribute in [keySchema.partition, keySchema.sort] {
            guard let attribute else { continue }
            writer.append(text: attribute.name)
            writer.append(attribute.type.rawValue)
        }
    }

    public init(body cursor: inout ByteCursor) throws(VarveError) {
        name = try cursor.text()
        ordinal = try cursor.varint()
        arn = try cursor.text()
        serviceID = try cursor.text()
        created = try cursor.i64()
        let count = try cursor.u8()
        guard count == 1 || count == 2 else {
            throw cursor.fault("a table has 1 or 2 key attributes, not \(count)")
        }
        let partition = try Self.keyAttribute(&cursor)
        let sort = count == 2 ? try Self.keyAttribute(&cursor) : nil
        keySchema = KeySchema(partition: partition, sort: sort)
    }

    private static func keyAttribute(
        _ cursor: inout ByteCursor
    ) throws(VarveError) -> KeyAttribute {
        let name = try cursor.text()
        guard let type = AttributeType(rawValue: try cursor.u8()),
            type == .string || type == .number || type == .binary
        else { throw cursor.fault("a key attribute has a type that is not S, N or B") }
        return KeyAttribute(name: name, type: type)
    }

    public func check() throws(VarveError) {
        try TableName.check(name)
        try RecordRules.checkText(arn, "the table's ARN")
        try RecordRules.checkText(serviceID, "the TableId")
        try RecordRules.checkTime(created, "the time of creation")
        try RecordRules.checkNumber(ordinal, "the table's ordinal")
        for attribute in [keySchema.partition, keySchema.sort] {
            guard let attribute else { continue }
            if attribute.name.isEmpty { throw RecordRules.fault("a key attribute has no name") }
            try RecordRules.checkText(attribute.name, "the name of a key attribute")
        }
        if let sort = keySchema.sort, sort.name.utf8.elementsEqual(keySchema.partition.name.utf8) {
            throw RecordRules.fault("both key attributes have the name \(sort.name)")
        }
    }
}
