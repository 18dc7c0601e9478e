public import VarveBytes

/// How commits and layouts name a tree of pages. Source: Spec 07, "Tree reference".
public struct TreeReference: Hashable, Sendable {
    /// Greatest height that a reader accepts. Source: Spec 13.
    public static let heightMax: UInt8 = 16

    /// Rows or changes in the tree; 0 of the empty tree, whose other fields are zero.
    public var entries: UInt64
    /// 0 if the root is a leaf.
    public var height: UInt8
    /// Blob id of the root page.
    public var root: Hash256
    /// Sum of the leaf weights (Spec 06).
    public var weight: UInt64
    /// Sum of the item or change hashes (Spec 05).
    public var digest: Hash256
    /// Bytes of its blobs with their headers, as written; information that nothing proves.
    public var storedBytes: UInt64

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

    /// The tree of nothing.
    public static let empty = TreeReference(
        entries: 0, height: 0, root: .zero, weight: 0, digest: .zero, storedBytes: 0)

    public var isEmpty: Bool { entries == 0 }

    public func encode(into writer: inout ByteWriter) {
        writer.append(varint: entries)
        if isEmpty { return }
        writer.append(height)
        writer.append(root)
        writer.append(varint: weight)
        writer.append(digest)
        writer.append(varint: storedBytes)
    }

    /// - Throws: `damaged`.
    public init(from cursor: inout ByteCursor) throws(VarveError) {
        let entries = try cursor.varint()
        if entries == 0 {
            self = .empty
            return
        }
        let height = try cursor.u8()
        if height > TreeReference.heightMax {
            throw cursor.fault("a tree of height \(height) is higher than \(Self.heightMax)")
        }
        self.init(
            entries: entries, height: height, root: try cursor.hash(),
            weight: try cursor.varint(), digest: try cursor.hash(),
            storedBytes: try cursor.varint())
    }
}
