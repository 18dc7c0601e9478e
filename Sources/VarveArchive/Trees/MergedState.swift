import VarveBytes
import VarveModel

/// A state: the rows of an image with net changes applied.
///
/// A block of the image into which no change falls is passed on as it is; into the others the rows
/// between two changes are copied at once. One block of each source in memory. Complexity: O(rows)
/// bytes moved, O(changes × log block) comparisons.
final class MergedState: RowSource {
    private var merge: StateMerge

    /// - Parameters:
    ///   - image: the rows before, in key order.
    ///   - net: the last change of each key, and what was before the start of the sum.
    ///   - sum: is told what the changes from its start on came to.
    init(
        image: any RowSource, net: consuming NetChanges, adding sum: StretchSum? = nil
    ) throws {
        merge = try StateMerge(image, net, sum)
    }

    func nextBlock() throws -> RowBlock? { try merge.nextBlock() }
}

/// Where a merged state is. A struct, so that its parts are checked for exclusive access once a
/// block and not once a row.
private struct StateMerge: ~Copyable {
    private let image: any RowSource
    private var net: NetChanges
    private let sum: StretchSum?
    /// The next change; nil at the end.
    private var change: ChangePlace?
    /// The block of the image at hand, and its first row that is not passed yet.
    private var block: RowBlock?
    private var position = 0
    /// How many bytes at their start all keys of the block share.
    private var shared = 0

    private var rows = RowBuffer(capacity: 32)
    private var hasOutlined = false
    private static let blockBytes = 1 << 18

    init(_ image: any RowSource, _ net: consuming NetChanges, _ sum: StretchSum?) throws {
        self.image = image
        self.net = net
        self.sum = sum
        change = try self.net.next()
        try nextOfImage()
    }

    private mutating func nextOfImage() throws {
        block = try image.nextBlock()
        position = 0
        guard let block else { return }
        shared = block.rows.sharedPrefix(0, block.rows, block.rows.count - 1)
    }

    mutating func nextBlock() throws -> RowBlock? {
        while let block {
            if position == 0, !isWithin(block) {
                try nextOfImage()
                return block
            }
            rows = RowBuffer(capacity: block.rows.byteCount + block.rows.byteCount / 4 + 4096)
            rows.reserve(rows: block.rows.count + block.rows.count / 4)
            hasOutlined = block.hasOutlined
            try merge(block)
            if rows.count > 0 { return takeRows() }
        }
        return try rest()
    }

    /// Whether the next change falls into the block, or before it.
    private func isWithin(_ block: RowBlock) -> Bool {
        guard let change else { return false }
        return block.rows.order(
            block.rows.count - 1, change.block.changes.rows, change.index) >= 0
    }

    /// Applies the changes up to the block's last key, or as many as make a block.
    private mutating func merge(_ block: RowBlock) throws {
        let last = block.rows.count - 1
        var next = change.take()
        while let now = next, block.rows.order(last, now.block.changes.rows, now.index) >= 0 {
            if rows.byteCount >= Self.blockBytes + block.rows.byteCount {
                change = next
                return
            }
            let place = find(now, in: block)
            rows.append(block.rows, position..<place.index)
            position = place.found ? place.index + 1 : place.index
            if let sum, now.stamp.time >= sum.start {
                try note(now, place.found ? ImagePlace(block: block, index: place.index) : nil, sum)
            }
            take(now)
            next = try net.next()
        }
        change = next
        rows.append(block.rows, position..<block.rows.count)
        try nextOfImage()
    }

    /// The first row of the block that is not below the change's key.
    private func find(_ now: ChangePlace, in block: RowBlock) -> (index: Int, found: Bool) {
        // A key between the block's first and last starts as both do.
        if position == 0 {
            let order = block.rows.order(0, now.block.changes.rows, now.index)
            if order >= 0 { return (0, order == 0) }
        }
        return block.rows.lowerBound(
            now.block.changes.rows, now.index, from: position, sharing: shared)
    }

    /// What the changes add behind the image's last row.
    private mutating func rest() throws -> RowBlock? {
        rows = RowBuffer(capacity: Self.blockBytes + 4096)
        hasOutlined = false
        while let now = change, rows.byteCount < Self.blockBytes {
            if let sum, now.stamp.time >= sum.start { try note(now, nil, sum) }
            take(now)
            change = try net.next()
        }
        return rows.count > 0 ? takeRows() : nil
    }

    private mutating func takeRows() -> RowBlock {
        RowBlock(exchange(&rows, with: RowBuffer(capacity: 32)), hasOutlined: hasOutlined)
    }

    @inline(__always)
    private mutating func take(_ now: ChangePlace) {
        guard now.stamp.kind == .put else { return }
        rows.append(now.block.changes.rows, now.index..<now.index + 1)
        if now.block.hasOutlined { hasOutlined = true }
    }

    /// A row of the image.
    private struct ImagePlace {
        let block: RowBlock
        let index: Int
    }

    /// Tells the sum of a change from its start on.
    /// - Parameter row: the key's row in the image.
    private func note(_ now: ChangePlace, _ row: ImagePlace?, _ sum: StretchSum) throws {
        if let older = net.older {
            if older.stamp.kind == .put {
                try sum.take(older.block.changes.rows, older.index, older.block.hasOutlined)
            }
        } else if let row {
            try sum.take(row.block.rows, row.index, row.block.hasOutlined)
        }
        if now.stamp.kind == .put {
            try sum.add(now.block.changes.rows, now.index, now.block.hasOutlined)
        }
    }
}
