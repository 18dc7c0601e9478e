import VarveArchive
import VarveBytes
import VarveModel

/// Finds which top-level attributes a state has: the columns of a table in CSV.
struct AttributeNames {
    /// Most columns; more are no table that a spreadsheet could show.
    static let countMax = 10_000

    private var names: Set<[UInt8]> = []
    private var name = [UInt8]()

    /// Reads all rows of a state.
    /// - Throws: `refused` if there are more than 10,000 attributes.
    mutating func add(
        _ rows: any RowSource, _ repository: Repository, _ control: OperationControl
    ) throws {
        while let block = try rows.nextBlock() {
            try control.check()
            guard block.hasOutlined else {
                try add(block.rows)
                continue
            }
            var whole = RowBuffer(capacity: block.rows.byteCount)
            try repository.expand(block, 0..<block.rows.count, into: &whole)
            try add(whole)
        }
    }

    private mutating func add(_ rows: borrowing RowBuffer) throws(VarveError) {
        for index in 0..<rows.count {
            var cursor = ByteCursor(rows.value(index))
            for _ in 0..<(try cursor.count(ofAtLeast: 2)) {
                names.insert(try cursor.counted().copyBytes())
                try CanonicalValue.skip(&cursor)
            }
        }
        if names.count > Self.countMax {
            throw VarveError(
                .refused,
                "the items have more than \(Self.countMax) different attributes: too many for "
                    + "columns; restore to dynamodb-json")
        }
    }

    /// The key attributes, then the others by the bytes of their names.
    func columns(_ schema: KeySchema) -> [String] {
        let keys = [schema.partition.name, schema.sort?.name].compactMap { $0 }
        let others = names.sorted { $0.lexicographicallyPrecedes($1) }
            .map { String(decoding: $0, as: UTF8.self) }
        return keys + others
    }
}
