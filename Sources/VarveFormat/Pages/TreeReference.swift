public import VarveBytes

/// How commits and layouts name a tree. Source: Spec 07, Tree reference.
public struct TreeReference: Sendable, Hashable {
    /// Rows or changes; 0 is the empty tree, of which nothing else is written.
    public var entries: UInt64
    /// 0: the root is a leaf.
    public var height: UInt8
    public var root: Hash256
    /// Sum of the leaf weights. Source: Spec 06.
    public var weight: UInt64
    /// Sum of the item hashes or change hashes over the whole tree.
    public var digest: Hash256
    /// Bytes of its blobs as written, with their headers: information, not proven.
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

    /// The tree of no entries.
    public static let empty = TreeReference(
        entries: 0, height: 0, root: .zero, weight: 0, digest: .zero, storedBytes: 0)

    public var isEmpty: Bool { entries == 0 }

    public func encode(into output: inout ByteWriter) {
        output.append(varint: entries)
        if entries == 0 { return }
        output.append(height)
        output.append(root)
        output.append(varint: weight)
        output.append(digest)
        output.append(varint: storedBytes)
    }

    /// Reads a reference within a larger structure.
    /// - Throws: `damaged` if it breaks a rule of Spec 07.
    public init(reading cursor: inout ByteCursor) throws(VarveError) {
        let entries = try cursor.varint()
        if entries == 0 {
            self = .empty
            return
        }
        self.entries = entries
        height = try cursor.u8()
        if height > IndexPage.levelMax { throw cursor.fault("a tree has height \(height)") }
        root = try cursor.hash()
        weight = try cursor.varint()
        if weight == 0 { throw cursor.fault("a tree with entries weighs nothing") }
        digest = try cursor.hash()
        storedBytes = try cursor.varint()
    }
}
