public import VarveBytes

/// Changes as a source tells them, in the order in which they came: the unit in which a parser
/// hands them to a recorder.
///
/// Arrays run parallel to `changes`. Rows are whole and canonical; a tombstone's value is empty. A
/// stamp's time is the source's own; its sequence is 0, since the recorder gives the order.
public struct ChangeBatch: ~Copyable, Sendable {
    /// What a source says of the item that a change replaced or removed.
    public enum Before: Sendable, Hashable {
        /// Nothing.
        case untold
        /// There was none.
        case absent
        /// The item hash of its old image (Spec 05).
        case item(Hash256)
    }

    public var changes: ChangeBuffer
    public var before: [Before] = []
    /// Item hash of the new image (Spec 05); zero for a tombstone.
    public var itemHashes: [Hash256] = []
    /// DynamoDB's size of the new image (Spec 03), bytes; 0 for a tombstone.
    public var itemSizes: [UInt32] = []
    /// Byte offset in the source, decompressed, just behind each change's record.
    public var ends: [UInt64] = []

    public init(capacity: Int = 1 << 16) { changes = ChangeBuffer(capacity: capacity) }

    public var count: Int { changes.count }

    /// Keeps the memory.
    public mutating func removeAll() {
        changes.removeAll()
        before.removeAll(keepingCapacity: true)
        itemHashes.removeAll(keepingCapacity: true)
        itemSizes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
    }
}
