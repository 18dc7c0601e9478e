import VarveBytes
import VarveFormat
import VarveModel

extension Repository {
    /// The last change of a key before a time in a run; nil if there is none.
    ///
    /// Goes by the last key and time of each subtree, so that an item with a million versions costs
    /// no more pages than one with two.
    /// - Parameter before: only changes with a time less than this count; microseconds.
    /// - Complexity: at most two leaves, and two index pages a level.
    func lastChange(
        of key: [UInt8], before: Int64, in run: TreeReference, schema: KeySchema
    ) throws -> (block: ChangeBlock, index: Int)? {
        if run.isEmpty { return nil }
        let lookup = PointLookup(key: key, before: before, schema: schema, blobs: blobs)
        return try lookup.find(in: IndexEntry(root: run), level: Int(run.height))
    }
}

/// Looks for one change in a run.
private struct PointLookup {
    typealias Found = (block: ChangeBlock, index: Int)

    private let key: [UInt8]
    private let before: Int64
    private let schema: KeySchema
    private let blobs: BlobStore

    init(key: [UInt8], before: Int64, schema: KeySchema, blobs: BlobStore) {
        self.key = key
        self.before = before
        self.schema = schema
        self.blobs = blobs
    }

    func find(in entry: IndexEntry, level: Int) throws -> Found? {
        if level == 0 { return try findInLeaf(entry) }
        let children = try blobs.children(of: entry.id, kind: .run, level: level)
        var low = 0
        var high = children.count
        while low < high {
            let middle = (low + high) / 2
            if endsBefore(children[middle]) { low = middle + 1 } else { high = middle }
        }
        if low < children.count, children[low].leastTime < before,
            let found = try find(in: children[low], level: level - 1)
        {
            return found
        }
        // The child before ends with the last change that is old enough, if it ends with the key.
        guard low > 0, children[low - 1].lastKey == key else { return nil }
        return try last(of: children[low - 1], level: level - 1)
    }

    /// Whether all of a subtree comes before the change looked for.
    private func endsBefore(_ child: IndexEntry) -> Bool {
        let order = child.lastKey.raw.order(key.raw)
        return order != 0 ? order < 0 : child.lastTime < before
    }

    private func findInLeaf(_ entry: IndexEntry) throws -> Found? {
        let block = try blobs.runLeaf(entry, schema: schema)
        var wanted = RowBuffer(capacity: key.count + 32)
        wanted.append(key: key.raw, value: key.raw.part(0, 0))
        var index = block.changes.rows.lowerBound(wanted, 0, from: 0).index
        var found: Int?
        while index < block.changes.count, block.changes.stamps[index].time < before,
            block.changes.rows.order(index, key: key.raw) == 0
        {
            found = index
            index += 1
        }
        return found.map { (block, $0) }
    }

    /// The last change of a subtree, which is one of the key.
    private func last(of entry: IndexEntry, level: Int) throws -> Found? {
        var entry = entry
        for level in stride(from: level, to: 0, by: -1) {
            let children = try blobs.children(of: entry.id, kind: .run, level: level)
            entry = children[children.count - 1]
        }
        let block = try blobs.runLeaf(entry, schema: schema)
        let index = block.changes.count - 1
        guard index >= 0, block.changes.rows.order(index, key: key.raw) == 0,
            block.changes.stamps[index].time < before
        else {
            throw VarveError(
                .damaged, "a page does not end with the change that its index tells of",
                at: "blob \(entry.id)")
        }
        return (block, index)
    }
}
