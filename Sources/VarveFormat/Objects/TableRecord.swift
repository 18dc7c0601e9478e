public import VarveBytes
public import VarveModel

/// What a table is: one incarnation of a name. Source: Spec 09, Table.
public struct TableRecord: SealedRecord, Hashable {
    public static let objectType = ObjectType.table

    public var name: String
    /// Which incarnation of the name, from 0.
    public var ordinal: UInt64
    /// The table's ARN, or empty.
    public var arn: String
    /// The service's id of the incarnation, or empty.
    public var tableID: String
    /// Microseconds since 1970.
    public var created: Int64
    public var schema: KeySchema

    public init(
        name: String, ordinal: UInt64, arn: String, tableID: String, created: Int64,
        schema: KeySchema
    ) {
        self.name = name
        self.ordinal = ordinal
        self.arn = arn
        self.tableID = tableID
        self.created = created
        self.schema = schema
    }

    public func encodeBody(into output: inout ByteWriter) {
        output.append(text: name)
        output.append(varint: ordinal)
        output.append(text: arn)
        output.append(text: tableID)
        output.append(i64: created)
        output.append(schema.sort == nil ? 1 : 2)
        for attribute in [schema.partition, schema.sort] {
            guard let attribute else { continue }
            output.append(text: attribute.name)
            output.append(attribute.type.rawValue)
        }
    }

    public init(body: inout ByteCursor) throws(VarveError) {
        name = try body.text()
        ordinal = try body.varint()
        arn = try body.text()
        tableID = try body.text()
        created = try body.i64()
        let count = try body.u8()
        if count != 1 && count != 2 { throw body.fault("a table has one or two key attributes") }
        let partition = try Self.attribute(&body)
        let sort = count == 2 ? try Self.attribute(&body) : nil
        if sort?.name == partition.name { throw body.fault("both key attributes have one name") }
        schema = KeySchema(partition: partition, sort: sort)
    }

    private static func attribute(_ body: inout ByteCursor) throws(VarveError) -> KeyAttribute {
        let name = try body.text()
        let tag = try body.u8()
        guard let type = AttributeType(rawValue: tag), tag <= 3 else {
            throw body.fault("a key attribute of type \(tag)")
        }
        return KeyAttribute(name: name, type: type)
    }

    /// What stands for "the commit before" at sequence 0. Source: Spec 05, Table hash.
    public var hash: Hash256 {
        var input = ByteWriter()
        input.append(utf8: "varve table\0")
        encodeBody(into: &input)
        return sha256(input.bytes)
    }
}
