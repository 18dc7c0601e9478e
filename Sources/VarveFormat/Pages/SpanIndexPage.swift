public import VarveBytes

/// What an index of checkpoints or of a time list tells of one child. Source: Spec 07.
public struct SpanEntry: Sendable, Hashable {
    /// The seconds of the child's first and last entry.
    public var first: Int64
    public var last: Int64
    /// Checkpoints, or entries of a time list, in the subtree.
    public var entries: UInt64
    public var id: Hash256

    public init(first: Int64, last: Int64, entries: UInt64, id: Hash256) {
        self.first = first
        self.last = last
        self.entries = entries
        self.id = id
    }
}

/// An index page over checkpoints or over a time list. Source: Spec 07, `checkpoint-index` and
/// `time-list-index`.
public struct SpanIndexPage: Sendable, Equatable {
    public enum Kind: UInt8, Sendable, Hashable {
        case checkpoints = 7
        case timeList = 9
    }

    public static let countMax = 1024

    public let kind: Kind
    /// 1 above leaves, 2 above those, and so on.
    public let level: UInt8
    /// In order of time; not empty.
    public let children: [SpanEntry]

    /// - Precondition: 1 … 1,024 children.
    public init(kind: Kind, level: UInt8, children: [SpanEntry]) {
        precondition(!children.isEmpty && children.count <= Self.countMax)
        precondition(level >= 1 && level <= IndexPage.levelMax)
        self.kind = kind
        self.level = level
        self.children = children
    }

    public func encode(into output: inout ByteWriter) {
        output.append(kind.rawValue)
        output.append(level)
        output.append(count: children.count)
        for child in children {
            output.append(svarint: child.first)
            output.append(svarint: child.last)
            output.append(varint: child.entries)
            output.append(child.id)
        }
    }

    /// Decodes a page from bytes that may be hostile.
    /// - Throws: `damaged` with the offset if they break a rule of Spec 07.
    public init(_ bytes: RawSpan, kind: Kind) throws(VarveError) {
        var cursor = ByteCursor(bytes)
        if try cursor.u8() != kind.rawValue {
            throw cursor.fault(
                "this is not an index of \(kind == .timeList ? "a time list" : "checkpoints")")
        }
        level = try cursor.u8()
        if level == 0 || level > IndexPage.levelMax {
            throw cursor.fault("an index page has level \(level)")
        }
        let count = try cursor.count(ofAtLeast: 35)
        if count == 0 || count > Self.countMax {
            throw cursor.fault("an index page has \(count) children")
        }
        var children: [SpanEntry] = []
        children.reserveCapacity(count)
        for _ in 0..<count {
            let child = SpanEntry(
                first: try cursor.svarint(), last: try cursor.svarint(),
                entries: try cursor.varint(), id: try cursor.hash())
            // Two children of a time list may share a second, two of checkpoints may not.
            if let before = children.last {
                let follows = kind == .timeList
                    ? before.last <= child.first : before.last < child.first
                if !follows { throw cursor.fault("the children are not in order of time") }
            }
            if child.first > child.last || child.entries == 0 {
                throw cursor.fault("a child is empty or ends before it starts")
            }
            children.append(child)
        }
        try cursor.end()
        self.kind = kind
        self.children = children
    }
}
