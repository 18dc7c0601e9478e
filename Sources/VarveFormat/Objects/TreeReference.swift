public import VarveBytes

/// How commits and layouts name a tree. Source: Spec 07, Tree reference.
public struct TreeReference: Hashable, Sendable {
    /// Rows or changes in the tree; 0 is the empty tree.
    public var entries: UInt64
    /// Levels above the leaves; 0: the root is a leaf.
    public var height: UInt8
    public var root: Hash256
    /// Sum of the leaf weights (Spec 06).
    public var weight: UInt64
    /// Sum of the item hashes, or of the change hashes in a run.
    public var digest: Hash256
    /// Of its blobs with their headers, as written; information only.
    public var storedBytes: UInt64

    /// Levels above the leaves, at most. Source: Spec 13.
    public static let heightMax: UInt8 = 16

    public init(
        entries: UInt64, height: UInt8, root: Hash256, weight: UInt64, digest: Hash256,
        storedBytes: UInt64
    ) {
        self.entries = entries
        self.height = height
        self.root = root
        self.weight = weight
        self.digest = digest
        self.storedBytes = storedBytes
    }

    /// The tree of no entries.
    public static let empty = TreeReference(
        entries: 0, height: 0, root: .zero, weight: 0, digest: .zero, storedBytes: 0)

    public var isEmpty: Bool { entries == 0 }

    public func encode(into output: inout ByteWriter) {
        output.append(varint: entries)
        if isEmpty { return }
        output.append(height)
        output.append(root)
        output.append(varint: weight)
        output.append(digest)
        output.append(varint: storedBytes)
    }

    /// - Throws: `damaged` if the bytes are not a tree reference.
    public init(from cursor: inout ByteCursor) throws(VarveError) {
        self = .empty
        entries = try cursor.varint()
        if entries == 0 { return }
        height = try cursor.u8()
        if height > Self.heightMax { throw cursor.fault("a tree of height \(height)") }
        root = try cursor.hash()
        weight = try cursor.varint()
        digest = try cursor.hash()
        storedBytes = try cursor.varint()
    }
}
