import VarveBytes
import VarveFormat
import VarveModel

/// Walks two trees of one kind in key order and finds the leaves that stand in only one of them;
/// subtrees with equal ids are passed over unread.
///
/// Equal stretches of rows are cut alike (Spec 06), so that two states that differ in a few rows
/// share all but a few pages. Memory: one index page a level and tree, and at most `queueLimit`
/// entries of leaves. Complexity: O(index pages not shared + leaves not shared).
final class TreeComparison {
    /// One of the trees.
    enum Side: Int, Sendable {
        case old = 0
        case new = 1

        var other: Side { self == .old ? .new : .old }
    }

    /// Leaves of one side that wait while the other side is behind; beyond, the other side's leaf
    /// is given out unshared, which costs a page but never a wrong answer.
    static let queueLimit = 1024

    private var cursors: [TreeCursor]
    private var queues: [[IndexEntry]] = [[], []]
    private var firsts = [0, 0]

    init(_ old: TreeReference, _ new: TreeReference, kind: TreeKind, blobs: BlobStore) throws {
        if old.isEmpty == new.isEmpty, old.root == new.root {
            cursors = [TreeCursor(kind: kind, blobs: blobs), TreeCursor(kind: kind, blobs: blobs)]
            return
        }
        cursors = [
            TreeCursor(old, kind: kind, blobs: blobs), TreeCursor(new, kind: kind, blobs: blobs),
        ]
    }

    /// The next leaf of one side that the other side has not; nil after the last.
    func next(_ side: Side) throws -> IndexEntry? {
        while firsts[side.rawValue] == queues[side.rawValue].count {
            if waiting(side.other) >= Self.queueLimit {
                // Whether this side's leaf is shared will show only later: do not wait for it.
                return try cursors[side.rawValue].takeLeaf()
            }
            if try !step() { return nil }
        }
        let entry = queues[side.rawValue][firsts[side.rawValue]]
        firsts[side.rawValue] += 1
        if firsts[side.rawValue] == queues[side.rawValue].count {
            queues[side.rawValue].removeAll(keepingCapacity: true)
            firsts[side.rawValue] = 0
        }
        return entry
    }

    private func waiting(_ side: Side) -> Int {
        queues[side.rawValue].count - firsts[side.rawValue]
    }

    /// Moves one or both cursors on; false at the end of both.
    private func step() throws -> Bool {
        guard let old = cursors[0].current else {
            guard let new = try cursors[1].takeLeaf() else { return false }
            queues[1].append(new)
            return true
        }
        guard let new = cursors[1].current else {
            if let old = try cursors[0].takeLeaf() { queues[0].append(old) }
            return true
        }
        let (oldLevel, newLevel) = (cursors[0].level, cursors[1].level)
        if old.id == new.id, oldLevel == newLevel {
            cursors[0].advance()
            cursors[1].advance()
        } else if oldLevel > newLevel {
            try cursors[0].descend()
        } else if newLevel > oldLevel {
            try cursors[1].descend()
        } else if oldLevel > 0 {
            try cursors[0].descend()
            try cursors[1].descend()
        } else {
            try takeFirst(old, new)
        }
        return true
    }

    /// Of two leaves takes the one that ends first, or both.
    private func takeFirst(_ old: IndexEntry, _ new: IndexEntry) throws {
        let order = try cursors[0].lastKey().order(try cursors[1].lastKey())
        if order <= 0 {
            queues[0].append(old)
            cursors[0].advance()
        }
        if order >= 0 {
            queues[1].append(new)
            cursors[1].advance()
        }
    }
}

/// A place in a tree: an entry of an index page at any level.
private struct TreeCursor {
    private struct Position {
        var children: [IndexEntry]
        var next: Int
        /// Level of the children.
        var level: Int
    }

    private let kind: TreeKind
    private let blobs: BlobStore
    private var stack: [Position] = []

    /// A cursor at the end.
    init(kind: TreeKind, blobs: BlobStore) {
        self.kind = kind
        self.blobs = blobs
    }

    /// A cursor at the root.
    init(_ tree: TreeReference, kind: TreeKind, blobs: BlobStore) {
        self.init(kind: kind, blobs: blobs)
        if tree.isEmpty { return }
        let entry = IndexEntry(root: tree)
        stack.append(Position(children: [entry], next: 0, level: Int(tree.height)))
    }

    /// The entry; nil at the end.
    var current: IndexEntry? { stack.last.map { $0.children[$0.next] } }

    /// Level of the entry's page.
    /// - Precondition: not at the end.
    var level: Int { stack[stack.count - 1].level }

    /// Passes over the entry and all below it.
    mutating func advance() {
        while let top = stack.last {
            if top.next + 1 < top.children.count {
                stack[stack.count - 1].next += 1
                return
            }
            stack.removeLast()
        }
    }

    /// Goes to the first child.
    /// - Precondition: the level is not 0.
    mutating func descend() throws {
        let top = stack[stack.count - 1]
        let entry = top.children[top.next]
        let children = try blobs.children(of: entry.id, kind: kind, level: top.level)
        stack.append(Position(children: children, next: 0, level: top.level - 1))
    }

    /// Takes the next leaf.
    mutating func takeLeaf() throws -> IndexEntry? {
        while let entry = current {
            if level == 0 {
                advance()
                return entry
            }
            try descend()
        }
        return nil
    }

    /// The entry's last key. A tree that is a single leaf ends behind every key that matters: the
    /// other tree's leaves then come first, and there are few of them.
    func lastKey() throws -> TreeEnd {
        guard let key = current?.lastKey, !key.isEmpty else { return .last }
        return .key(key)
    }
}

/// Where a subtree ends.
private enum TreeEnd {
    case key([UInt8])
    /// Behind every key: of a tree without index pages.
    case last

    func order(_ other: TreeEnd) -> Int {
        switch (self, other) {
        case (.last, .last): 0
        case (.last, .key): 1
        case (.key, .last): -1
        case (.key(let a), .key(let b)): a.raw.order(b.raw)
        }
    }
}
