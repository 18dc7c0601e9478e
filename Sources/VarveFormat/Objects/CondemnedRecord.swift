public import VarveBytes

/// Packs and indexes that a collector is going to delete: an object under `condemned/`.
/// Source: Spec 09, "Condemned list".
public struct CondemnedRecord: Hashable, Sendable {
    /// Microseconds since 1970.
    public var written: Int64
    /// Names of packs, ascending.
    public var packs: [Hash256]
    /// Names of pack indexes, ascending.
    public var indexes: [Hash256]

    public init(written: Int64, packs: [Hash256], indexes: [Hash256]) {
        self.written = written
        self.packs = packs
        self.indexes = indexes
    }
}

extension CondemnedRecord: SealedRecord {
    public static var objectType: ObjectType { .condemned }

    public func encodeBody(into writer: inout ByteWriter) {
        writer.append(i64: written)
        for names in [packs, indexes] {
            writer.append(count: names.count)
            for name in names { writer.append(name) }
        }
    }

    public init(body cursor: inout ByteCursor) throws(VarveError) {
        written = try cursor.i64()
        packs = try Self.names(&cursor)
        indexes = try Self.names(&cursor)
    }

    private static func names(_ cursor: inout ByteCursor) throws(VarveError) -> [Hash256] {
        let count = try cursor.count(ofAtLeast: 32)
        var names: [Hash256] = []
        names.reserveCapacity(count)
        for _ in 0..<count { names.append(try cursor.hash()) }
        return names
    }

    public func check() throws(VarveError) {
        try RecordRules.checkTime(written, "the time of writing")
        for names in [packs, indexes] {
            for index in names.indices.dropFirst() where names[index - 1] >= names[index] {
                throw RecordRules.fault("the condemned names are not ascending")
            }
        }
    }
}
