import VarveBytes
import VarveModel

/// Sorts changes by key. Stable: those of one key stay in the order in which they are given.
enum KeySort {
    /// A change by the eight bytes of its key behind what all keys share.
    private struct Entry: BitwiseCopyable, Sendable {
        var prefix: UInt64
        var index: UInt32
    }

    /// The indices in the order of their rows' keys.
    /// - Complexity: O(n log n); mostly on the prefixes, without reading the rows.
    static func sorted(_ indices: [UInt32], by rows: borrowing RowBuffer) -> [UInt32] {
        guard indices.count > 1 else { return indices }
        let shared = sharedPrefix(indices, rows)
        var entries = GrowingBuffer<Entry>(capacity: indices.count)
        var spare = GrowingBuffer<Entry>(capacity: indices.count)
        for index in indices {
            let entry = Entry(prefix: prefix(rows, Int(index), from: shared), index: index)
            entries.append(entry)
            spare.append(entry)
        }
        sortBlocks(&entries, rows)
        var width = blockSize
        while width < entries.count {
            var start = 0
            while start < entries.count {
                let middle = min(start + width, entries.count)
                let end = min(middle + width, entries.count)
                merge(entries, start, middle, end, into: &spare, rows)
                start = end
            }
            swap(&entries, &spare)
            width *= 2
        }
        var result: [UInt32] = []
        result.reserveCapacity(entries.count)
        for place in 0..<entries.count { result.append(entries[place].index) }
        return result
    }

    /// How many bytes all keys begin with alike.
    private static func sharedPrefix(_ indices: [UInt32], _ rows: borrowing RowBuffer) -> Int {
        let first = rows.key(Int(indices[0]))
        var shared = first.byteCount
        for index in indices {
            if shared == 0 { return 0 }
            shared = min(shared, first.sharedPrefix(rows.key(Int(index))))
        }
        return shared
    }

    /// The next eight bytes as a number; a shorter key is filled up with zeros.
    private static func prefix(
        _ rows: borrowing RowBuffer, _ index: Int, from start: Int
    ) -> UInt64 {
        let key = rows.key(index)
        if start &+ 8 <= key.byteCount { return key.word(at: start).byteSwapped }
        var result: UInt64 = 0
        for offset in start..<start &+ 8 {
            let byte = offset < key.byteCount ? key.byte(at: offset) : 0
            result = result << 8 | UInt64(byte)
        }
        return result
    }

    @inline(__always)
    private static func isAfter(
        _ a: Entry, _ b: Entry, _ rows: borrowing RowBuffer
    ) -> Bool {
        if a.prefix != b.prefix { return a.prefix > b.prefix }
        return rows.order(Int(a.index), rows, Int(b.index)) > 0
    }

    private static let blockSize = 16

    /// Sorts blocks by insertion.
    private static func sortBlocks(
        _ entries: inout GrowingBuffer<Entry>, _ rows: borrowing RowBuffer
    ) {
        var start = 0
        while start < entries.count {
            let end = min(start + blockSize, entries.count)
            for place in start + 1..<max(end, start + 1) {
                let entry = entries[place]
                var hole = place
                while hole > start, isAfter(entries[hole - 1], entry, rows) {
                    entries[hole] = entries[hole - 1]
                    hole -= 1
                }
                entries[hole] = entry
            }
            start = end
        }
    }

    private static func merge(
        _ source: borrowing GrowingBuffer<Entry>, _ start: Int, _ middle: Int, _ end: Int,
        into target: inout GrowingBuffer<Entry>, _ rows: borrowing RowBuffer
    ) {
        var left = start
        var right = middle
        // What is in order already is only copied.
        if middle < end, !isAfter(source[middle - 1], source[middle], rows) { right = end }
        if right == end {
            for place in start..<end { target[place] = source[place] }
            return
        }
        for place in start..<end {
            if left < middle, right == end || !isAfter(source[left], source[right], rows) {
                target[place] = source[left]
                left += 1
            } else {
                target[place] = source[right]
                right += 1
            }
        }
    }
}
