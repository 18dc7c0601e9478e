import VarveModel

/// What several runs come to: for each key the last change before an instant.
///
/// If it is asked for, then behind each change from a second, earlier instant on comes what the key
/// was before that: its last change before it, if the runs have one.
///
/// Runs are given from the oldest to the newest and do not overlap in time, so that of two runs
/// with the same key the newer one decides. Complexity: see `RunHeap`.
public final class NetChanges: ChangeSource {
    private var heap: RunHeap
    private let before: Int64
    private let start: Int64
    /// One row with the key of the last change taken, to pass over older ones of the same key.
    private var last = RowBuffer(capacity: 512)
    private var hasLast = false
    /// Whether what the key of `last` was before `start` is looked for in older runs.
    private var lacksOlder = false
    /// What a key was before `start`, or nothing.
    private var older = RowBuffer(capacity: 512)
    private static let blockBytes = 1 << 18

    /// - Parameters:
    ///   - runs: from the oldest to the newest.
    ///   - before: only changes with a time less than this count; microseconds.
    ///   - start: of changes from this time on, what was before; microseconds.
    public init(runs: [any ChangeSource], before: Int64, since start: Int64 = .min) throws {
        self.before = before
        self.start = start
        heap = try RunHeap(runs, newestFirst: true)
    }

    public func nextBlock() throws -> ChangeBlock? {
        let result = ChangeBlock()
        while let top = heap.top {
            // What belongs together is in one block.
            let isFull = result.changes.rows.byteCount >= Self.blockBytes
            if isFull, !(lacksOlder && top.isAt(last)) { break }
            try takeKey(of: top, into: result)
        }
        return result.changes.count == 0 ? nil : result
    }

    /// Takes what the run at the top of the heap tells of its next key, and moves it behind it.
    private func takeKey(of cursor: RunHeap.Cursor, into result: ChangeBlock) throws {
        if hasLast, cursor.isAt(last) {
            try takeOlder(of: cursor, into: result)
            return
        }
        last.removeAll()
        last.append(cursor.block.changes.rows, cursor.position..<cursor.position + 1)
        var newest: ChangeStamp?
        var olderStamp: ChangeStamp?
        var more = true
        let mark = result.changes.rows.count
        while more, cursor.isAt(last) {
            let stamp = cursor.stamp
            if stamp.time < before {
                if let newest, newest.time < start, stamp.time >= start {
                    older.removeAll()
                    older.append(result.changes.rows, mark..<mark + 1)
                    olderStamp = newest
                }
                result.changes.rows.truncate(to: mark)
                append(cursor, to: result)
                newest = stamp
            }
            more = try cursor.advance()
        }
        heap.settleTop(hasMore: more)
        // If nothing of this key is old enough in this run, an older run may decide.
        hasLast = newest != nil
        guard let newest else { return }
        result.changes.stamps.append(newest)
        if let olderStamp {
            result.changes.rows.append(older, 0..<1)
            result.changes.stamps.append(olderStamp)
        }
        lacksOlder = start > .min && newest.time >= start && olderStamp == nil
    }

    /// Passes over the changes of a key that a newer run has decided, but for the one that tells
    /// what it was before `start`.
    private func takeOlder(of cursor: RunHeap.Cursor, into result: ChangeBlock) throws {
        var found: ChangeStamp?
        var more = true
        let mark = result.changes.rows.count
        while more, cursor.isAt(last) {
            let stamp = cursor.stamp
            if lacksOlder, stamp.time < start {
                result.changes.rows.truncate(to: mark)
                append(cursor, to: result)
                found = stamp
            }
            more = try cursor.advance()
        }
        heap.settleTop(hasMore: more)
        guard let found else { return }
        result.changes.stamps.append(found)
        lacksOlder = false
    }

    private func append(_ cursor: RunHeap.Cursor, to result: ChangeBlock) {
        result.changes.rows.append(
            cursor.block.changes.rows, cursor.position..<cursor.position + 1)
        if cursor.block.hasOutlined { result.hasOutlined = true }
    }
}
