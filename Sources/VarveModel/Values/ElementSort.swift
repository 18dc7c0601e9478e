import VarveBytes

/// An element of a map or set within scratch bytes: what it is ordered by, and what is kept of it.
struct SortedElement: BitwiseCopyable, Sendable {
    /// The bytes that order the elements: a name, a string or a number-key.
    var keyStart: Int
    var keyEnd: Int
    /// The bytes that are kept; or anything, where the owner knows what.
    var start: Int
    var end: Int
    /// Offset in the text that was read, for faults.
    var source: Int
}

/// Orders elements by unsigned bytes, in place and without allocation.
enum ElementSort {
    /// Sorts `elements[base...]`.
    /// - Returns: the index of an element equal to the one before, or −1 if all are distinct.
    /// - Complexity: O(n) if they are in order, else O(n log n).
    static func sort(
        _ elements: inout GrowingBuffer<SortedElement>, from base: Int,
        in writer: borrowing ByteWriter
    ) -> Int {
        let bytes = writer.bytes
        if isAscending(elements, from: base, in: writer) { return -1 }
        let count = elements.count - base
        if count <= 12 {
            insertionSort(&elements, from: base, in: bytes)
        } else {
            heapSort(&elements, from: base, in: bytes)
        }
        for index in base + 1..<elements.count
        where order(elements[index - 1], elements[index], in: bytes) == 0 {
            return index
        }
        return -1
    }

    /// Whether the elements ascend strictly.
    static func isAscending(
        _ elements: borrowing GrowingBuffer<SortedElement>, from base: Int,
        in writer: borrowing ByteWriter
    ) -> Bool {
        let bytes = writer.bytes
        var index = base + 1
        while index < elements.count {
            if order(elements[index - 1], elements[index], in: bytes) >= 0 { return false }
            index += 1
        }
        return true
    }

    private static func order(
        _ a: SortedElement, _ b: SortedElement, in bytes: RawSpan
    ) -> Int {
        bytes.part(a.keyStart, a.keyEnd).order(bytes.part(b.keyStart, b.keyEnd))
    }

    private static func insertionSort(
        _ elements: inout GrowingBuffer<SortedElement>, from base: Int, in bytes: RawSpan
    ) {
        for index in base + 1..<elements.count {
            var at = index
            while at > base, order(elements[at - 1], elements[at], in: bytes) > 0 {
                elements.swapAt(at - 1, at)
                at -= 1
            }
        }
    }

    private static func heapSort(
        _ elements: inout GrowingBuffer<SortedElement>, from base: Int, in bytes: RawSpan
    ) {
        let count = elements.count - base
        for root in stride(from: count / 2 - 1, through: 0, by: -1) {
            sift(&elements, from: base, root: root, count: count, in: bytes)
        }
        for last in stride(from: count - 1, to: 0, by: -1) {
            elements.swapAt(base, base + last)
            sift(&elements, from: base, root: 0, count: last, in: bytes)
        }
    }

    private static func sift(
        _ elements: inout GrowingBuffer<SortedElement>, from base: Int, root: Int, count: Int,
        in bytes: RawSpan
    ) {
        var root = root
        while true {
            var child = 2 * root + 1
            if child >= count { return }
            if child + 1 < count,
                order(elements[base + child], elements[base + child + 1], in: bytes) < 0
            {
                child += 1
            }
            if order(elements[base + root], elements[base + child], in: bytes) >= 0 { return }
            elements.swapAt(base + root, base + child)
            root = child
        }
    }
}
