public import VarveBytes
import VarveModel

/// What an index page tells of one child. Source: Spec 07, Index page.
public struct IndexEntry: Sendable, Hashable {
    /// The last key of the child's subtree.
    public var lastKey: [UInt8] = []
    /// In runs, time and sequence of the subtree's last change, in the order of keys; else 0.
    public var lastTime: Int64 = 0
    public var lastSequence: UInt64 = 0
    /// The child page's blob.
    public var id = Hash256.zero
    /// Rows or changes in the subtree.
    public var entries: UInt64
    /// Sum of their leaf weights. Source: Spec 06.
    public var weight: UInt64 = 0
    /// Sum of their item hashes (images) or change hashes (runs). Source: Spec 05.
    public var digest = Hash256.zero
    /// In runs, least and greatest time of the subtree's changes; else 0.
    public var leastTime: Int64 = 0
    public var greatestTime: Int64 = 0

    /// An entry of so many rows or changes, whose other fields are to be set.
    public init(entries: UInt64) { self.entries = entries }

    /// The entry of the index page that holds `children`.
    /// - Precondition: not empty.
    public init(over children: [IndexEntry], id: Hash256) {
        self = children[children.count - 1]
        self.id = id
        for child in children.dropLast() {
            entries += child.entries
            weight += child.weight
            digest = digest &+ child.digest
            leastTime = min(leastTime, child.leastTime)
            greatestTime = max(greatestTime, child.greatestTime)
        }
    }
}

/// A page above leaves, or above other index pages. Source: Spec 07, Index page.
public struct IndexPage: Sendable, Equatable {
    /// No encoded key is longer: both parts of the greatest length, every byte 00 escaped.
    static let keyMax = 2 * 2048 + 2 + 1024
    /// No page weighs more: it is cut at 8T. Source: Spec 06.
    static let weightMax = 262_144 + 96 + keyMax
    /// Trees are at most so high. Source: Spec 13.
    public static let levelMax: UInt8 = 16

    public let kind: TreeKind
    /// 1 above leaves, 2 above those, and so on.
    public let level: UInt8
    /// In ascending order of last key (of last key, time and sequence in runs); not empty.
    public let children: [IndexEntry]

    /// - Precondition: 1 … 16 levels; children are not empty.
    public init(kind: TreeKind, level: UInt8, children: [IndexEntry]) {
        precondition(!children.isEmpty && level >= 1 && level <= Self.levelMax)
        self.kind = kind
        self.level = level
        self.children = children
    }

    /// Appends the page's bytes.
    public func encode(into output: inout ByteWriter) {
        output.append(kind.rawValue + 2)
        output.append(level)
        output.append(count: children.count)
        var before: [UInt8] = []
        for child in children {
            let shared = before.raw.sharedPrefix(child.lastKey.raw)
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
            before = child.lastKey
        }
    }

    /// Decodes a page from bytes that may be hostile.
    /// - Throws: `damaged` with the offset if they break a rule of Spec 07.
    public init(_ bytes: RawSpan, kind: TreeKind) throws(VarveError) {
        var cursor = ByteCursor(bytes)
        if try cursor.u8() != kind.rawValue + 2 {
            let name = kind == .run ? "a run" : "an image"
            throw cursor.fault("this is not an index page of \(name)")
        }
        level = try cursor.u8()
        if level == 0 || level > Self.levelMax {
            throw cursor.fault("an index page has level \(level)")
        }
        let count = try cursor.count(ofAtLeast: 68)
        if count == 0 { throw cursor.fault("an index page has no children") }
        var children: [IndexEntry] = []
        var weight = 0
        for _ in 0..<count {
            let child = try Self.readChild(&cursor, kind, after: children.last)
            weight += 96 + child.lastKey.count
            if weight > Self.weightMax { throw cursor.fault("an index page is too large") }
            children.append(child)
        }
        try cursor.end()
        self.kind = kind
        self.children = children
    }

    private static func readChild(
        _ cursor: inout ByteCursor, _ kind: TreeKind, after before: IndexEntry?
    ) throws(VarveError) -> IndexEntry {
        var child = IndexEntry(entries: 0)
        child.lastKey = try readKey(&cursor, after: before?.lastKey ?? [])
        if kind == .run {
            child.lastTime = try cursor.i64()
            child.lastSequence = try cursor.varint()
        }
        if let before {
            let order = before.lastKey.raw.order(child.lastKey.raw)
            let ascends = order < 0 || (order == 0 && kind == .run
                && (before.lastTime, before.lastSequence) < (child.lastTime, child.lastSequence))
            if !ascends { throw cursor.fault("the children of an index page do not ascend") }
        }
        child.id = try cursor.hash()
        child.entries = try cursor.varint()
        child.weight = try cursor.varint()
        if child.entries == 0 || child.weight == 0 { throw cursor.fault("a child is empty") }
        child.digest = try cursor.hash()
        if kind == .run {
            child.leastTime = try cursor.i64()
            child.greatestTime = try cursor.i64()
            let times = child.leastTime...max(child.leastTime, child.greatestTime)
            if child.leastTime > child.greatestTime || !times.contains(child.lastTime)
                || !ChangeStamp.times.contains(child.leastTime)
                || !ChangeStamp.times.contains(child.greatestTime)
            {
                throw cursor.fault("a child's times are out of range or contradict each other")
            }
        }
        return child
    }

    private static func readKey(
        _ cursor: inout ByteCursor, after before: [UInt8]
    ) throws(VarveError) -> [UInt8] {
        let shared = try cursor.varint()
        let rest = try cursor.counted()
        if shared > UInt64(before.count) {
            throw cursor.fault("a key shares more than there is")
        }
        let common = Int(shared)
        if common < before.count, rest.byteCount > 0, rest.byte(at: 0) == before[common] {
            throw cursor.fault("a key shares less than it could")
        }
        let size = common + rest.byteCount
        if size == 0 || size > keyMax { throw cursor.fault("a key has \(size) bytes") }
        var key = Array(before[..<common])
        key.append(contentsOf: rest.copyBytes())
        return key
    }
}
