public import VarveBytes
public import VarveModel

/// Collects the names of all top-level attributes: the columns of a CSV file, which must be known
/// before its first line.
public struct ColumnCollector: Sendable {
    private let keyNames: [String]
    private var names: Set<[UInt8]> = []
    /// Names beyond which a table has no sensible CSV.
    private static let countMax = 16_384

    public init(schema: KeySchema) {
        keyNames = [schema.partition.name] + (schema.sort.map { [$0.name] } ?? [])
    }

    /// Takes note of the attributes of some rows.
    /// - Throws: `refused` if there are more names than columns make sense for; `damaged` if a row
    ///   is malformed.
    public mutating func add(_ rows: borrowing RowBuffer) throws(VarveError) {
        for index in 0..<rows.count { try add(value: rows.value(index)) }
    }

    private mutating func add(value: RawSpan) throws(VarveError) {
        var cursor = ByteCursor(value)
        for _ in 0..<(try cursor.count(ofAtLeast: 2)) {
            let name = try cursor.counted().copyBytes()
            if names.insert(name).inserted, names.count > Self.countMax {
                throw VarveError(
                    .refused,
                    "the items have more than \(Self.countMax) attributes; CSV cannot hold them, "
                        + "JSON lines can")
            }
            try CanonicalValue.skip(&cursor)
        }
    }

    /// Key attributes first, then the others in the order of their bytes.
    public var columns: [String] {
        keyNames
            + names.sorted { $0.lexicographicallyPrecedes($1) }
            .map { String(decoding: $0, as: UTF8.self) }
    }
}
