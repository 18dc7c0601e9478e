import VarveBytes
import VarveModel

/// Several runs that are read side by side, ordered by the keys of their next changes.
///
/// A binary heap: O(log runs) comparisons a change, one block a run in memory. Nearly all of them
/// compare one word: of each run's next key the eight bytes behind those with which all keys of the
/// blocks at hand start. Keys ascend, so that what the first and the last key of a block share, all
/// between them do.
struct RunHeap: ~Copyable {
    /// A run's reading position.
    private struct Cursor {
        let source: any ChangeSource
        var block: ChangeBlock
        var position = 0
        var count: Int
    }

    /// A run's place in the heap.
    struct Entry: BitwiseCopyable {
        /// Of the key of its next change the bytes from `shared` on.
        var word: UInt64
        /// The run; of equal keys that of the lower one comes first.
        var run: Int
    }

    private var cursors: [Cursor] = []
    private var heap = GrowingBuffer<Entry>()
    /// How many bytes at their start all keys of the blocks at hand from their positions on share.
    private var shared = 0
    /// Blocks until `shared` is measured anew; it only shrinks in between.
    private var blocksLeft = 0

    /// - Parameters:
    ///   - runs: from the oldest to the newest.
    ///   - newestFirst: of runs at the same key the newest is on top, not the oldest.
    init(_ runs: [any ChangeSource], newestFirst: Bool) throws {
        for index in runs.indices {
            let run = runs[newestFirst ? runs.count - 1 - index : index]
            guard let first = try run.nextBlock() else { continue }
            heap.append(Entry(word: 0, run: cursors.count))
            cursors.append(Cursor(source: run, block: first, count: first.changes.count))
        }
        measure()
        for index in stride(from: heap.count / 2 - 1, through: 0, by: -1) { siftDown(index) }
    }
}

// MARK: - What is on top

extension RunHeap {
    /// Whether all runs are at their ends.
    var isEmpty: Bool { heap.count == 0 }

    /// The run whose change comes first.
    /// - Precondition: not empty; so for what follows.
    var topRun: Int { @inline(__always) get { heap[0].run } }

    /// The change that comes first.
    var top: ChangePlace {
        @inline(__always) get {
            let run = heap[0].run
            return ChangePlace(block: cursors[run].block, index: cursors[run].position)
        }
    }

    /// Whether the change that comes first has the key of `other`.
    @inline(__always)
    func isTop(at other: ChangePlace) -> Bool {
        if heap.count == 0 { return false }
        // Sound even if the other key does not share the bytes before the word.
        let top = heap[0]
        if top.word != other.block.changes.rows.keyWord(other.index, from: shared) { return false }
        return hasKey(top.run, other)
    }

    @inline(never)
    private func hasKey(_ run: Int, _ other: ChangePlace) -> Bool {
        cursors[run].block.changes.rows.order(
            cursors[run].position, other.block.changes.rows, other.index) == 0
    }

    /// Moves the run on top to its next change.
    mutating func advance() throws {
        let run = heap[0].run
        let position = cursors[run].position &+ 1
        if position == cursors[run].count {
            try load(run)
        } else {
            cursors[run].position = position
            let word = cursors[run].block.changes.rows.keyWord(position, from: shared)
            heap[0].word = word
            // Often the run stays on top.
            let isLeast = (heap.count < 2 || word < heap[1].word)
                && (heap.count < 3 || word < heap[2].word)
            if isLeast { return }
        }
        siftDown(0)
    }
}

// MARK: - Order

extension RunHeap {
    /// Goes to the next block of the run on top; at its end it goes.
    private mutating func load(_ run: Int) throws {
        guard let next = try cursors[run].source.nextBlock() else {
            cursors[run].block = ChangeBlock()
            let last = heap[heap.count - 1]
            heap.truncate(to: heap.count - 1)
            if heap.count > 0 { heap[0] = last }
            return
        }
        cursors[run].block = next
        cursors[run].count = next.changes.count
        cursors[run].position = 0
        blocksLeft -= 1
        let own = blocksLeft < 0 ? 0 : sharedPrefix(run, with: heap[heap.count - 1].run)
        if blocksLeft < 0 || own < shared {
            measure()
        } else {
            heap[0].word = next.changes.rows.keyWord(0, from: shared)
        }
    }

    /// Measures what all keys at hand share, and all words.
    private mutating func measure() {
        // Once in as many blocks as there are runs: a step for each block.
        blocksLeft = heap.count
        guard heap.count > 0 else { return }
        var least = Int.max
        for at in 0..<heap.count {
            least = min(least, sharedPrefix(heap[at].run, with: heap[0].run))
        }
        shared = least
        for at in 0..<heap.count {
            let run = heap[at].run
            heap[at].word = cursors[run].block.changes.rows.keyWord(
                cursors[run].position, from: shared)
        }
    }

    /// How many bytes the keys that a run has at hand share with the next key of another.
    private func sharedPrefix(_ run: Int, with other: Int) -> Int {
        let block = cursors[run].block
        let place = cursors[other].position
        let rows = cursors[other].block
        return min(
            block.changes.rows.sharedPrefix(cursors[run].position, rows.changes.rows, place),
            block.changes.rows.sharedPrefix(cursors[run].count - 1, rows.changes.rows, place))
    }

    @inline(__always)
    private func precedes(_ first: Entry, _ second: Entry) -> Bool {
        first.word != second.word ? first.word < second.word : precedesOfEqual(first, second)
    }

    @inline(never)
    private func precedesOfEqual(_ first: Entry, _ second: Entry) -> Bool {
        let order = cursors[first.run].block.changes.rows.order(
            cursors[first.run].position, cursors[second.run].block.changes.rows,
            cursors[second.run].position)
        return order != 0 ? order < 0 : first.run < second.run
    }

    private mutating func siftDown(_ start: Int) {
        var index = start
        while true {
            var least = index
            let left = 2 * index + 1
            if left < heap.count, precedes(heap[left], heap[least]) { least = left }
            if left + 1 < heap.count, precedes(heap[left + 1], heap[least]) { least = left + 1 }
            if least == index { return }
            heap.swapAt(index, least)
            index = least
        }
    }
}
