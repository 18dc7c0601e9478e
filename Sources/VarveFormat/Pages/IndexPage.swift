public import VarveBytes

/// What an index page tells of one child. Source: Spec 07, Index page.
public struct IndexEntry: Sendable, Equatable {
    /// What runs tell beyond images.
    public struct RunBounds: Sendable, Hashable {
        /// Time and sequence of the subtree's last change, in the order of keys.
        public var lastTime: Int64
        public var lastSequence: UInt64
        /// Least and greatest time of the subtree's changes.
        public var leastTime: Int64
        public var greatestTime: Int64

        public init(
            lastTime: Int64, lastSequence: UInt64, leastTime: Int64, greatestTime: Int64
        ) {
            self.lastTime = lastTime
            self.lastSequence = lastSequence
            self.leastTime = leastTime
            self.greatestTime = greatestTime
        }
    }

    /// The last key of the child's subtree.
    public var lastKey: [UInt8]
    /// In runs; nil in images.
    public var run: RunBounds?
    /// The child page's blob.
    public var id: Hash256
    /// Rows or changes in the subtree.
    public var entries: UInt64
    /// Sum of their leaf weights. Source: Spec 06.
    public var weight: UInt64
    /// Sum of their item hashes (images) or change hashes (runs). Source: Spec 05.
    public var digest: Hash256

    public init(
        lastKey: [UInt8], run: RunBounds? = nil, id: Hash256, entries: UInt64, weight: UInt64,
        digest: Hash256
    ) {
        self.lastKey = lastKey
        self.run = run
        self.id = id
        self.entries = entries
        self.weight = weight
        self.digest = digest
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

    /// - Precondition: children are not empty, and have run bounds if and only if this is a run's.
    public init(kind: TreeKind, level: UInt8, children: [IndexEntry]) {
        precondition(!children.isEmpty && level >= 1 && level <= Self.levelMax)
        precondition(children.allSatisfy { ($0.run != nil) == (kind == .run) })
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
            if let run = child.run {
                output.append(i64: run.lastTime)
                output.append(varint: run.lastSequence)
            }
            output.append(child.id)
            output.append(varint: child.entries)
            output.append(varint: child.weight)
            output.append(child.digest)
            if let run = child.run {
                output.append(i64: run.leastTime)
                output.append(i64: run.greatestTime)
            }
            before = child.lastKey
        }
    }

    /// Decodes a page from bytes that may be hostile.
    /// - Throws: `damaged` with the offset if they break a rule of Spec 07.
    public init(decoding bytes: RawSpan, kind: TreeKind) throws(VarveError) {
        var cursor = ByteCursor(bytes)
        if try cursor.u8() != kind.rawValue + 2 {
            throw cursor.fault("this is not an index page of \(kind == .run ? "a run" : "an image")")
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
        let key = try readKey(&cursor, after: before?.lastKey ?? [])
        var last: (time: Int64, sequence: UInt64)? = nil
        if kind == .run { last = (try cursor.i64(), try cursor.varint()) }
        if let before {
            let order = before.lastKey.raw.order(key.raw)
            var ascends = order < 0
            if order == 0, let last, let run = before.run {
                ascends = (run.lastTime, run.lastSequence) < (last.time, last.sequence)
            }
            if !ascends { throw cursor.fault("the children of an index page do not ascend") }
        }
        let id = try cursor.hash()
        let entries = try cursor.varint()
        let weight = try cursor.varint()
        if entries == 0 || weight == 0 { throw cursor.fault("a child is empty") }
        let digest = try cursor.hash()
        var run: IndexEntry.RunBounds? = nil
        if let last {
            let least = try cursor.i64()
            let greatest = try cursor.i64()
            if least > last.time || last.time > greatest {
                throw cursor.fault("a child's times contradict each other")
            }
            run = IndexEntry.RunBounds(
                lastTime: last.time, lastSequence: last.sequence, leastTime: least,
                greatestTime: greatest)
        }
        return IndexEntry(
            lastKey: key, run: run, id: id, entries: entries, weight: weight, digest: digest)
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
