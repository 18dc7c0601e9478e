import VarveBytes
import VarveModel

/// Rows in memory that are put in key order.
struct SortBuffer: ~Copyable {
    /// A row's place in the order: eight bytes of its key, to compare without reading the key.
    private struct Entry {
        var word: UInt64
        var index: UInt32
    }

    private(set) var rows = RowBuffer()
    private(set) var origins: [RowOrigin] = []
    private var entries: [Entry] = []
    private var scratch: [Entry] = []
    /// What all keys begin with: the words are taken behind it.
    private var shared = 0

    /// Memory beyond its bytes that a row takes while it is sorted.
    private static let rowOverhead =
        MemoryLayout<RowBuffer.Row>.stride + MemoryLayout<RowOrigin>.stride
        + 2 * MemoryLayout<Entry>.stride

    var count: Int { origins.count }

    /// Memory that sorting these rows takes, in bytes.
    var memoryBytes: Int { rows.byteCount + count * Self.rowOverhead }

    mutating func append(_ batch: RowBatch) {
        rows.append(batch.rows, 0..<batch.count)
        for index in 0..<batch.count { origins.append(batch.origins[index]) }
    }

    mutating func removeAll() {
        rows.removeAll()
        origins.removeAll(keepingCapacity: true)
    }

    /// The row that comes `rank`-th; after `sort()`.
    func index(rank: Int) -> Int { Int(entries[rank].index) }

    /// Puts the rows in key order, rows of one key in the order in which they came.
    ///
    /// Complexity: O(n log n) comparisons, whatever the input; O(n) for rows in order.
    mutating func sort() {
        shared = sharedPrefix()
        entries.removeAll(keepingCapacity: true)
        entries.reserveCapacity(count)
        for index in 0..<count {
            entries.append(Entry(word: word(rows.key(index)), index: UInt32(index)))
        }
        if isSorted() { return }
        sortShortRuns()
        scratch.removeAll(keepingCapacity: true)
        scratch.append(contentsOf: entries)
        var width = Self.shortRun
        while width < count {
            mergePairs(width)
            swap(&entries, &scratch)
            width *= 2
        }
    }

    private static let shortRun = 8

    private func sharedPrefix() -> Int {
        guard count > 0 else { return 0 }
        let first = rows.key(0)
        var common = first.byteCount
        for index in 1..<max(count, 1) {
            common = min(common, rows.key(index).sharedPrefix(first))
        }
        return common
    }

    private func word(_ key: RawSpan) -> UInt64 { key.orderWord(from: shared) }

    private func precedes(_ a: Entry, _ b: Entry) -> Bool {
        if a.word != b.word { return a.word < b.word }
        let order = rows.key(Int(a.index)).order(rows.key(Int(b.index)))
        return order != 0 ? order < 0 : a.index < b.index
    }

    private func isSorted() -> Bool {
        for rank in 1..<max(count, 1) where !precedes(entries[rank - 1], entries[rank]) {
            return false
        }
        return true
    }

    private mutating func sortShortRuns() {
        for start in stride(from: 0, to: count, by: Self.shortRun) {
            for rank in start + 1..<max(min(start + Self.shortRun, count), start + 1) {
                let entry = entries[rank]
                var hole = rank
                while hole > start, precedes(entry, entries[hole - 1]) {
                    entries[hole] = entries[hole - 1]
                    hole -= 1
                }
                entries[hole] = entry
            }
        }
    }

    /// Merges neighbouring runs of `width` from `entries` into `scratch`.
    private mutating func mergePairs(_ width: Int) {
        for start in stride(from: 0, to: count, by: 2 * width) {
            let middle = min(start + width, count)
            let end = min(start + 2 * width, count)
            var (left, right) = (start, middle)
            for target in start..<end {
                if right == end || (left < middle && !precedes(entries[right], entries[left])) {
                    scratch[target] = entries[left]
                    left += 1
                } else {
                    scratch[target] = entries[right]
                    right += 1
                }
            }
        }
    }
}

// MARK: - Runs; after `sort()`

extension SortBuffer {
    /// What all keys begin with that also begins `before`, if given. Sorted rows share what their
    /// first and last key share.
    func sharedPrefix(with before: [UInt8]?) -> [UInt8] {
        let first = rows.key(index(rank: 0))
        var common = first.sharedPrefix(rows.key(index(rank: count - 1)))
        if let before { common = min(common, before.raw.sharedPrefix(first)) }
        return first.part(0, common).copyBytes()
    }

    /// Whether the least key comes after `last`.
    func follows(_ last: borrowing ByteWriter) -> Bool {
        last.bytes.precedes(rows.key(index(rank: 0)))
    }

    func copyLastKey(to target: inout ByteWriter) {
        target.removeAll()
        target.append(rows.key(index(rank: count - 1)))
    }
}

extension SpillRunWriter {
    /// Appends the buffer's rows in key order.
    mutating func append(_ buffer: borrowing SortBuffer) throws(VarveError) {
        for rank in 0..<buffer.count {
            let index = buffer.index(rank: rank)
            try append(
                key: buffer.rows.key(index), value: buffer.rows.value(index),
                origin: buffer.origins[index])
        }
    }
}

extension RawSpan {
    /// Eight bytes from `start` on as a big-endian word, zeros behind the end: where two words
    /// differ, they compare as the bytes do.
    func orderWord(from start: Int) -> UInt64 {
        if start <= byteCount - 8 { return word(at: start).byteSwapped }
        var result: UInt64 = 0
        for offset in start..<max(byteCount, start) {
            result |= UInt64(byte(at: offset)) << UInt64(56 - 8 * (offset - start))
        }
        return result
    }
}
