import VarveBytes
import VarveFormat
import VarveModel

/// Looks up ascending keys in a tree, reading only the leaves that may hold them. One index page a
/// level and one leaf in memory.
struct SeekingWalk {
    private struct Position {
        var children: [IndexEntry]
        var next: Int
        /// Level of the children.
        var level: Int
    }

    private let kind: TreeKind
    private let blobs: BlobStore
    private var stack: [Position] = []

    init(_ tree: TreeReference, kind: TreeKind, blobs: BlobStore) {
        self.kind = kind
        self.blobs = blobs
        if tree.isEmpty { return }
        stack.append(Position(children: [IndexEntry(root: tree)], next: 0, level: Int(tree.height)))
    }

    /// The first leaf that does not end before the key of row `index`; nil if there is none.
    /// - Precondition: keys ascend from call to call.
    mutating func leaf(
        for rows: borrowing RowBuffer, _ index: Int
    ) throws(VarveError) -> IndexEntry? {
        while !stack.isEmpty {
            let top = stack.count - 1
            Self.seek(&stack[top], rows, index)
            if stack[top].next == stack[top].children.count {
                stack.removeLast()
                // The page is used up: its own entry on the level above ends before the key too.
                if top > 0 { stack[top - 1].next += 1 }
                continue
            }
            let entry = stack[top].children[stack[top].next]
            let level = stack[top].level
            if level == 0 { return entry }
            let children = try blobs.children(of: entry.id, kind: kind, level: level)
            stack.append(Position(children: children, next: 0, level: level - 1))
        }
        return nil
    }

    /// Moves to the first child that does not end before the key.
    private static func seek(
        _ position: inout Position, _ rows: borrowing RowBuffer, _ index: Int
    ) {
        // The only entry above a root has no last key: it may hold every key.
        if position.children[0].lastKey.isEmpty { return }
        var low = position.next
        var high = position.children.count
        while low < high {
            let middle = (low + high) / 2
            let key = position.children[middle].lastKey
            if rows.order(index, key: key.raw) > 0 {
                low = middle + 1
            } else {
                high = middle
            }
        }
        position.next = low
    }

    /// Goes to the leaf behind the one found last.
    mutating func skipLeaf() {
        if !stack.isEmpty { stack[stack.count - 1].next += 1 }
        while let top = stack.last, top.next == top.children.count {
            stack.removeLast()
            if !stack.isEmpty { stack[stack.count - 1].next += 1 }
        }
    }
}

/// Rows of an image by ascending keys.
final class ImageLookup {
    private var walk: SeekingWalk
    private let blobs: BlobStore
    private let schema: KeySchema
    private var leaf: Hash256?
    private var position = 0
    private(set) var block = RowBlock()

    init(_ tree: TreeReference, schema: KeySchema, blobs: BlobStore) {
        walk = SeekingWalk(tree, kind: .image, blobs: blobs)
        self.blobs = blobs
        self.schema = schema
    }

    /// The row of `block` with the key of row `index` of `rows`; nil if there is none.
    func find(_ rows: borrowing RowBuffer, _ index: Int) throws -> Int? {
        guard let entry = try walk.leaf(for: rows, index) else { return nil }
        if entry.id != leaf {
            block = try blobs.imageLeaf(entry, schema: schema)
            leaf = entry.id
            position = 0
        }
        let place = block.rows.lowerBound(rows, index, from: position)
        position = place.index
        return place.found ? place.index : nil
    }
}

/// The last changes of a run before an instant, by ascending keys.
final class RunLookup {
    private var walk: SeekingWalk
    private let blobs: BlobStore
    private let schema: KeySchema
    private var leaf: Hash256?
    private var position = 0
    private(set) var block = ChangeBlock()

    private let before: Int64

    /// - Parameter before: only changes with a time less than this count; microseconds.
    init(_ tree: TreeReference, before: Int64, schema: KeySchema, blobs: BlobStore) {
        self.before = before
        walk = SeekingWalk(tree, kind: .run, blobs: blobs)
        self.blobs = blobs
        self.schema = schema
    }

    /// The last change with the key of row `index` of `rows`; nil if there is none.
    func find(
        _ rows: borrowing RowBuffer, _ index: Int
    ) throws -> (block: ChangeBlock, index: Int)? {
        var found: (block: ChangeBlock, index: Int)?
        while let entry = try walk.leaf(for: rows, index) {
            if entry.id != leaf {
                block = try blobs.runLeaf(
                    entry, schema: schema, newestIn: .min..<before)
                leaf = entry.id
                position = 0
            }
            let place = block.changes.rows.lowerBound(rows, index, from: position)
            position = place.index
            if !place.found { return found }
            found = (block, position)
            // The key's changes may go on in the next leaf.
            guard position + 1 == block.changes.count else { return found }
            walk.skipLeaf()
        }
        return found
    }
}

extension BlobStore {
    /// Room made for the rows of a page at once; more only as they come, whatever a page claims.
    private static let reservedMax = 1 << 13

    /// Bytes that a page's rows may take: a guess from its weight. Too little room is made more.
    private static func room(for entry: IndexEntry) -> Int {
        max(1 << 16, Int(min(entry.weight, 1 << 20)))
    }

    /// A leaf page of an image, decoded.
    func imageLeaf(_ entry: IndexEntry, schema: KeySchema) throws(VarveError) -> RowBlock {
        let plain = try plain(entry.id, as: .imageLeaf)
        do throws(VarveError) {
            var rows = RowBuffer(capacity: Self.room(for: entry))
            var page = LeafPageReader(schema: schema)
            try page.open(plain, kind: .image)
            rows.reserve(rows: min(page.count, Self.reservedMax))
            _ = try page.next(into: &rows)
            if UInt64(rows.count) != entry.entries {
                throw VarveError(.damaged, "the page's rows are not as many as recorded")
            }
            if !entry.lastKey.isEmpty, rows.order(rows.count - 1, key: entry.lastKey.raw) != 0 {
                throw VarveError(.damaged, "the page does not end with the key recorded")
            }
            return RowBlock(rows, hasOutlined: page.hasOutlined)
        } catch {
            throw error.located(in: "blob \(entry.id)")
        }
    }

    /// A leaf page of a run, decoded.
    /// - Parameter times: if given, then of each key only its newest change before the end of this
    ///   stretch, if it is within; microseconds. See `readNewest` for `start`.
    func runLeaf(
        _ entry: IndexEntry, schema: KeySchema, newestIn times: Range<Int64>? = nil,
        since start: Int64 = .min
    ) throws(VarveError) -> ChangeBlock {
        let plain = try plain(entry.id, as: .runLeaf)
        do throws(VarveError) {
            var page = LeafPageReader(schema: schema)
            if try !page.open(plain, kind: .run, ifWithin: times) { return ChangeBlock() }
            var changes = ChangeBuffer(capacity: Self.room(for: entry) / (times == nil ? 1 : 2))
            if UInt64(page.count) != entry.entries {
                throw VarveError(.damaged, "the page's changes are not as many as recorded")
            }
            changes.reserve(changes: min(page.count, Self.reservedMax))
            if let times {
                try page.readNewest(in: times, since: start, into: &changes)
            } else {
                _ = try page.next(into: &changes)
            }
            return ChangeBlock(changes, hasOutlined: page.hasOutlined)
        } catch {
            throw error.located(in: "blob \(entry.id)")
        }
    }
}
