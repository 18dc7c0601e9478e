import Testing
import VarveBytes
import VarveModel

/// The order of keys by words, against the order of whole keys.
struct RowOrderTests {
    /// Ascending, some equal: with zeros at the end, with prefixes of one another, at the buffer's
    /// end.
    private static let keys: [[UInt8]] = [
        [5], [5, 0], [5, 0, 0], [5, 0, 0, 0, 0, 0, 0, 0], [5, 0, 0, 0, 0, 0, 0, 0, 0],
        [5, 0, 0, 0, 0, 0, 0, 0, 1], [5, 0, 1], [5, 1], [5, 1], [5, 1],
        [5, 1, 2, 3, 4, 5, 6, 7, 8, 9], [5, 1, 2, 3, 4, 5, 6, 7, 8, 10], [5, 255], [5, 255, 255],
    ]

    private static func buffer(_ keys: [[UInt8]]) -> RowBuffer {
        var rows = RowBuffer(capacity: 32)
        for key in keys { rows.append(key: key.raw, value: [UInt8]().raw) }
        return rows
    }

    @Test(arguments: [0, 1])
    func wordsOrderAsKeysDo(shared: Int) {
        let rows = Self.buffer(Self.keys)
        for (i, a) in Self.keys.enumerated() {
            for (j, b) in Self.keys.enumerated() where a.lexicographicallyPrecedes(b) {
                #expect(
                    rows.keyWord(i, from: shared) <= rows.keyWord(j, from: shared), "\(a), \(b)")
            }
        }
        #expect(rows.keyWord(7, from: 1) == 1 << 56)
        #expect(rows.keyWord(0, from: 1) == 0)
        #expect(rows.keyWord(0, from: 9) == 0)
    }

    @Test(arguments: [0, 1])
    func lowerBoundIsTheFirstNotBelow(shared: Int) {
        for size in 0...Self.keys.count {
            let held = Array(Self.keys.prefix(size))
            let rows = Self.buffer(held)
            let wanted = Self.buffer(Self.keys)
            for (index, key) in Self.keys.enumerated() {
                for start in 0...size {
                    let found = rows.lowerBound(wanted, index, from: start, sharing: shared)
                    let expected = held[start...].firstIndex { !$0.lexicographicallyPrecedes(key) }
                    #expect(found.index == expected ?? size, "\(key) from \(start)")
                    #expect(found.found == (expected.map { held[$0] == key } ?? false))
                }
            }
        }
    }
}
