import VarveBytes
import VarveFormat
import VarveModel

/// What the last changes before a state add to its digest and to its count of items, summed up
/// while the state is read: so a checkpoint of which 16 bits are recorded is held to the last whole
/// digest before it without reading anything twice. Source: Spec 05.
public final class StretchSum {
    /// Changes from this time on are summed; microseconds.
    let start: Int64
    private(set) var digest = Hash256.zero
    /// Modulo 2^64.
    private(set) var items: UInt64 = 0
    private let blobs: BlobStore
    private var whole = RowBuffer(capacity: 1 << 10)

    init(since start: Int64, blobs: BlobStore) {
        self.start = start
        self.blobs = blobs
    }

    /// Adds the row that a key came to.
    func add(_ rows: borrowing RowBuffer, _ index: Int, _ hasOutlined: Bool) throws {
        digest = digest &+ (try hash(rows, index, hasOutlined))
        items = items &+ 1
    }

    /// Takes away the row that the key had at the start.
    func take(_ rows: borrowing RowBuffer, _ index: Int, _ hasOutlined: Bool) throws {
        digest = digest &- (try hash(rows, index, hasOutlined))
        items = items &- 1
    }

    private func hash(
        _ rows: borrowing RowBuffer, _ index: Int, _ hasOutlined: Bool
    ) throws -> Hash256 {
        whole.removeAll()
        try blobs.expand(rows, index, hasOutlined, into: &whole)
        return whole.itemHash(0)
    }
}
