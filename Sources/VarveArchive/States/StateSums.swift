import VarveBytes
import VarveFormat
import VarveModel

/// What the rows of a state add up to, modulo 2^256 and 2^64. So a difference of two states is one
/// too. Source: Spec 05.
struct StateSums: Sendable, Equatable {
    var digest = Hash256.zero
    var items: UInt64 = 0
    /// Sum of the item sizes. Source: Spec 03, Item size.
    var bytes: UInt64 = 0

    init() {}

    /// One whole row.
    /// - Throws: `damaged` if its value cannot be walked.
    init(
        row index: Int, of rows: borrowing RowBuffer, _ codec: KeyCodec
    ) throws(VarveError) {
        digest = rows.itemHash(index)
        items = 1
        bytes = UInt64(
            try ItemMeasure.itemBytes(key: rows.key(index), value: rows.value(index), codec))
    }

    /// All rows of a block, large values in their places.
    init(of block: RowBlock, _ codec: KeyCodec, _ repository: Repository) throws {
        if !block.hasOutlined {
            try add(block.rows, codec)
            return
        }
        var whole = RowBuffer(capacity: block.rows.byteCount * 2)
        try repository.expand(block, 0..<block.rows.count, into: &whole)
        try add(whole, codec)
    }

    private mutating func add(_ rows: borrowing RowBuffer, _ codec: KeyCodec) throws {
        for index in 0..<rows.count { add(try StateSums(row: index, of: rows, codec)) }
    }

    mutating func add(_ other: StateSums) {
        digest = digest &+ other.digest
        items &+= other.items
        bytes &+= other.bytes
    }

    mutating func take(_ other: StateSums) {
        digest = digest &- other.digest
        items &-= other.items
        bytes &-= other.bytes
    }

    /// Whether they are what a checkpoint records.
    func agree(with point: RecordedCheckpoint) -> Bool {
        point.digest.agrees(with: digest) && point.items == items && point.bytes == bytes
    }
}
