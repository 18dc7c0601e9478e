import VarveModel

/// What several runs come to: for each key the last change before an instant.
///
/// Runs are given from the oldest to the newest and do not overlap in time, so that of two runs
/// with the same key the newer one decides. Complexity: see `RunHeap`.
public final class NetChanges: ChangeSource {
    private var heap: RunHeap
    private let before: Int64
    /// One row with the key of the last change taken, to pass over older ones of the same key.
    private var last = RowBuffer(capacity: 512)
    private var hasLast = false
    private static let blockBytes = 1 << 18

    /// - Parameters:
    ///   - runs: from the oldest to the newest.
    ///   - before: only changes with a time less than this count; microseconds.
    public init(runs: [any ChangeSource], before: Int64) throws {
        self.before = before
        heap = try RunHeap(runs, newestFirst: true)
    }

    public func nextBlock() throws -> ChangeBlock? {
        let result = ChangeBlock()
        while result.changes.rows.byteCount < Self.blockBytes {
            guard let top = heap.top else { break }
            if try !takeNewest(of: top, into: result) { continue }
        }
        return result.changes.count == 0 ? nil : result
    }

    /// Takes the newest change of the key at the top of the heap, unless a newer run decided
    /// already, and moves that run behind the key.
    private func takeNewest(
        of cursor: RunHeap.Cursor, into result: ChangeBlock
    ) throws -> Bool {
        let decided = hasLast && cursor.isAt(last)
        if !decided {
            last.removeAll()
            last.append(cursor.block.changes.rows, cursor.position..<cursor.position + 1)
            hasLast = true
        }
        var newest: ChangeStamp?
        var more = true
        let mark = result.changes.rows.count
        while more, cursor.isAt(last) {
            let stamp = cursor.stamp
            if !decided, stamp.time < before {
                result.changes.rows.truncate(to: mark)
                result.changes.rows.append(
                    cursor.block.changes.rows, cursor.position..<cursor.position + 1)
                if cursor.block.hasOutlined { result.hasOutlined = true }
                newest = stamp
            }
            more = try cursor.advance()
        }
        heap.settleTop(hasMore: more)
        guard let newest else {
            // Nothing of this key is old enough in this run: an older run may decide.
            if !decided { hasLast = false }
            return false
        }
        result.changes.stamps.append(newest)
        return true
    }
}
