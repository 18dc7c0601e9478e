import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// Which keys are wanted: all, or those within bounds.
public struct KeyBounds: Sendable, Hashable {
    /// Keys below it are not wanted.
    public var lower: [UInt8]?
    /// Keys from it on are not wanted.
    public var upper: [UInt8]?

    public init(lower: [UInt8]? = nil, upper: [UInt8]? = nil) {
        self.lower = lower
        self.upper = upper
    }

    public static let all = KeyBounds()

    public var isAll: Bool { lower == nil && upper == nil }

    /// Whether the key lies within.
    func contains(_ key: borrowing RawSpan) -> Bool {
        if let lower, key.order(lower.raw) < 0 { return false }
        if let upper, key.order(upper.raw) >= 0 { return false }
        return true
    }
}

extension KeyBounds {
    /// One key alone.
    public init(key: [UInt8]) { self.init(lower: key, upper: key + [0]) }
}

extension IndexEntry {
    /// Whether a subtree of a run may hold changes of a stretch of time.
    /// - Parameter times: microseconds; nil: all times.
    func mayHold(_ times: Range<Int64>?) -> Bool {
        guard let times else { return true }
        return leastTime < times.upperBound && greatestTime >= times.lowerBound
    }
}

/// Visits the leaves of a tree in key order, reading index pages as it goes: one page a level in
/// memory. Complexity: O(leaves within the bounds).
struct IndexWalk {
    private struct Position {
        var children: [IndexEntry]
        var next: Int
    }

    private let kind: TreeKind
    private let blobs: BlobStore
    private let bounds: KeyBounds
    private let times: Range<Int64>?
    private var stack: [Position] = []
    private var single: IndexEntry?
    private let height: Int

    /// - Parameter times: of a run only leaves that may hold changes of this stretch; microseconds.
    init(
        _ tree: TreeReference, kind: TreeKind, blobs: BlobStore, bounds: KeyBounds = .all,
        times: Range<Int64>? = nil
    ) throws {
        self.times = kind == .run ? times : nil
        self.kind = kind
        self.blobs = blobs
        self.bounds = bounds
        height = Int(tree.height)
        if tree.isEmpty { return }
        if tree.height == 0 {
            single = IndexEntry(root: tree)
        } else {
            try descend(tree.root, level: Int(tree.height))
        }
    }

    private mutating func descend(_ id: Hash256, level: Int) throws {
        let children = try blobs.children(of: id, kind: kind, level: level)
        var start = 0
        if let lower = bounds.lower {
            // In runs the changes of one key may end a page: the first whose last key is not below.
            start = children.firstIndex { $0.lastKey.order(lower) >= 0 }
                ?? children.count
        }
        stack.append(Position(children: children, next: start))
    }

    /// The next leaf within the bounds; its entry has no `lastKey` if the tree is a single leaf.
    mutating func next() throws -> IndexEntry? {
        if let entry = single.take() { return entry }
        while let top = stack.last {
            guard top.next < top.children.count else {
                stack.removeLast()
                continue
            }
            if let upper = bounds.upper, top.next > 0,
                top.children[top.next - 1].lastKey.order(upper) >= 0
            {
                stack.removeLast()
                continue
            }
            stack[stack.count - 1].next += 1
            let child = top.children[top.next]
            if !child.mayHold(times) { continue }
            let level = height - stack.count
            if level == 0 { return child }
            try descend(child.id, level: level)
        }
        return nil
    }
}
