import VarveBytes
import VarveModel

/// A state: the rows of an image with net changes applied.
///
/// A block of the image into which no change falls is passed on as it is; into the others the rows
/// between two changes are copied at once. One block of each in memory. Complexity: O(rows) bytes
/// moved, O(changes × log block) comparisons.
public final class MergedState: RowSource {
    private let image: any RowSource
    private let net: any ChangeSource
    private var changes: ChangeBlock?
    private var position = 0
    private var imageEnded = false
    private let sum: StretchSum?
    private static let blockBytes = 1 << 18

    /// - Parameters:
    ///   - image: the rows before, in key order.
    ///   - net: at most one change a key, in key order; behind one from the start of the sum on,
    ///     what the key was before that, if a change tells it.
    ///   - sum: is told what the changes from its start on came to.
    public init(
        image: any RowSource, net: any ChangeSource, adding sum: StretchSum? = nil
    ) throws {
        self.image = image
        self.net = net
        self.sum = sum
        changes = try net.nextBlock()
    }

    public func nextBlock() throws -> RowBlock? {
        while !imageEnded {
            guard let block = try image.nextBlock() else {
                imageEnded = true
                break
            }
            let merged = try merge(block)
            if merged.rows.count > 0 { return merged }
        }
        return try rest()
    }

    /// Applies the changes up to the block's last key.
    private func merge(_ block: RowBlock) throws -> RowBlock {
        let last = block.rows.count - 1
        guard let first = changes,
            block.rows.order(last, first.changes.rows, position) >= 0
        else { return block }
        let result = RowBlock(capacity: block.rows.byteCount + 4096)
        result.hasOutlined = block.hasOutlined
        var from = 0
        while let now = changes,
            block.rows.order(last, now.changes.rows, position) >= 0
        {
            let place = block.rows.lowerBound(now.changes.rows, position, from: from)
            result.rows.append(block.rows, from..<place.index)
            from = place.found ? place.index + 1 : place.index
            let hasOlder = try note(now, block, place.found ? place.index : nil)
            try take(now, into: result)
            if hasOlder { try pass() }
        }
        result.rows.append(block.rows, from..<block.rows.count)
        return result
    }

    /// What the changes add behind the image's last row.
    private func rest() throws -> RowBlock? {
        let result = RowBlock()
        while let now = changes, result.rows.byteCount < Self.blockBytes {
            let hasOlder = try note(now, nil, nil)
            try take(now, into: result)
            if hasOlder { try pass() }
        }
        return result.rows.count > 0 ? result : nil
    }

    private func take(_ block: ChangeBlock, into result: RowBlock) throws {
        if block.changes.stamps[position].kind == .put {
            result.rows.append(block.changes.rows, position..<position + 1)
            if block.hasOutlined { result.hasOutlined = true }
        }
        try pass()
    }

    private func pass() throws {
        position += 1
        if position == changes?.changes.count {
            changes = try net.nextBlock()
            position = 0
        }
    }

    /// Tells the sum of a change, if it is from its start on.
    /// - Parameter row: the key's row in a block of the image.
    /// - Returns: whether what the key was before follows the change.
    private func note(_ now: ChangeBlock, _ image: RowBlock?, _ row: Int?) throws -> Bool {
        guard let sum, now.changes.stamps[position].time >= sum.start else { return false }
        let next = position + 1
        let hasOlder = next < now.changes.count
            && now.changes.rows.order(next, now.changes.rows, position) == 0
        if hasOlder {
            if now.changes.stamps[next].kind == .put {
                try sum.take(now.changes.rows, next, now.hasOutlined)
            }
        } else if let image, let row {
            try sum.take(image.rows, row, image.hasOutlined)
        }
        if now.changes.stamps[position].kind == .put {
            try sum.add(now.changes.rows, position, now.hasOutlined)
        }
        return hasOlder
    }
}
