public import VarveBytes

/// What an index page says of a child. Source: Spec 07, Index page.
public struct IndexEntry: Sendable, Hashable {
    /// Last key of the child's subtree.
    public var lastKey: [UInt8]
    /// In runs: time and sequence of the last change.
    public var lastTime: Int64 = 0
    public var lastSequence: UInt64 = 0
    public var id = Hash256.zero
    /// Rows or changes in the subtree.
    public var entries: UInt64
    /// Sum of their leaf weights (Spec 06).
    public var weight: UInt64 = 0
    /// Sum of the item hashes, or of the change hashes.
    public var digest = Hash256.zero
    /// In runs: times of the changes in the subtree.
    public var leastTime: Int64 = 0
    public var greatestTime: Int64 = 0

    public init(lastKey: [UInt8] = [], entries: UInt64) {
        self.lastKey = lastKey
        self.entries = entries
    }

    /// The entry of an index page with these children.
    /// - Precondition: there are children.
    public init(over children: [IndexEntry], id: Hash256) {
        self = children[children.count - 1]
        self.id = id
        entries = 0
        weight = 0
        digest = .zero
        for child in children {
            entries += child.entries
            weight += child.weight
            digest = digest &+ child.digest
            leastTime = min(leastTime, child.leastTime)
            greatestTime = max(greatestTime, child.greatestTime)
        }
    }

    /// Whether this entry's last key, or change, comes before the other's.
    func precedes(_ other: IndexEntry) -> Bool {
        let order = lastKey.raw.order(other.lastKey.raw)
        if order != 0 { return order < 0 }
        return (lastTime, lastSequence) < (other.lastTime, other.lastSequence)
    }
}

/// A page of children. Source: Spec 07, Index page.
public struct IndexPage: Sendable, Hashable {
    public var kind: TreeKind
    /// 1 above leaves, 2 above those, and so on.
    public var level: UInt8
    public var children: [IndexEntry]

    public init(kind: TreeKind, level: UInt8, children: [IndexEntry]) {
        self.kind = kind
        self.level = level
        self.children = children
    }

    public func encode(into output: inout ByteWriter) {
        output.append(kind == .image ? 3 : 4)
        output.append(level)
        output.append(count: children.count)
        var last: [UInt8] = []
        for child in children {
            let shared = child.lastKey.raw.sharedPrefix(last.raw)
            output.append(count: shared)
            output.append(counted: child.lastKey.raw.part(shared, child.lastKey.count))
            if kind == .run {
                output.append(i64: child.lastTime)
                output.append(varint: child.lastSequence)
            }
            output.append(child.id)
            output.append(varint: child.entries)
            output.append(varint: child.weight)
            output.append(child.digest)
            if kind == .run {
                output.append(i64: child.leastTime)
                output.append(i64: child.greatestTime)
            }
            last = child.lastKey
        }
    }

    /// - Throws: `damaged` with the offset if the bytes are not an index page of that kind.
    public init(_ bytes: RawSpan, kind: TreeKind) throws(VarveError) {
        var cursor = ByteCursor(bytes)
        self.kind = kind
        if try cursor.u8() != (kind == .image ? 3 : 4) {
            throw cursor.fault("this is not an index page of that kind")
        }
        level = try cursor.u8()
        if level == 0 || level > TreeReference.heightMax { throw cursor.fault("a level of \(level)") }
        children = []
        let count = try cursor.count(ofAtLeast: 68)
        if count == 0 { throw cursor.fault("an index page without children") }
        children.reserveCapacity(count)
        var last: [UInt8] = []
        for _ in 0..<count {
            let child = try Self.child(&cursor, kind, last)
            if let before = children.last, !before.precedes(child) {
                throw cursor.fault("the children are not ascending")
            }
            last = child.lastKey
            children.append(child)
        }
        try cursor.end()
    }

    private static func child(
        _ cursor: inout ByteCursor, _ kind: TreeKind, _ last: [UInt8]
    ) throws(VarveError) -> IndexEntry {
        let shared = try cursor.varint()
        if shared > UInt64(last.count) { throw cursor.fault("a prefix longer than the last key") }
        let rest = try cursor.counted()
        let prefix = Int(shared)
        if prefix < last.count, rest.byteCount > 0, rest.byte(at: 0) == last[prefix] {
            throw cursor.fault("a shared prefix is not as long as possible")
        }
        var child = IndexEntry(lastKey: last[..<prefix] + rest.copyBytes(), entries: 0)
        if kind == .run {
            child.lastTime = try cursor.i64()
            child.lastSequence = try cursor.varint()
        }
        child.id = try cursor.hash()
        child.entries = try cursor.varint()
        if child.entries == 0 { throw cursor.fault("a child without entries") }
        child.weight = try cursor.varint()
        child.digest = try cursor.hash()
        if kind == .run {
            child.leastTime = try cursor.i64()
            child.greatestTime = try cursor.i64()
            if child.leastTime > child.greatestTime { throw cursor.fault("times out of order") }
        }
        return child
    }
}
