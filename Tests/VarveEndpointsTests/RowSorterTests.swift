import Testing
import VarveBytes
import VarveModel

@testable import VarveEndpoints

@Suite struct RowSorterTests {
    let files = SourceFileNames(names: ["first", "second"])

    private func batches(_ keys: [[UInt8]], size: Int) -> [RowBatch] {
        stride(from: 0, to: keys.count, by: size).map { start in
            var rows = RowBuffer()
            var origins: [RowOrigin] = []
            for index in start..<min(start + size, keys.count) {
                let value = Array("value \(index)".utf8)
                let key = keys[index]
                rows.append(key: key.raw, value: value.raw)
                origins.append(
                    RowOrigin(file: Int32(index % 2), line: Int64(index), byte: Int64(index) * 9))
            }
            return RowBatch(rows: rows, origins: .each(origins), files: files)
        }
    }

    private func sort(
        _ keys: [[UInt8]], _ options: SortOptions
    ) throws -> (keys: [[UInt8]], values: [String], lines: [Int64], sorter: RowSorter) {
        let sorter = RowSorter(options, files: files)
        for batch in batches(keys, size: 37) { try sorter.add(batch) }
        let sorted = try sorter.finish()
        var result: [[UInt8]] = []
        var values: [String] = []
        var lines: [Int64] = []
        while let batch = try sorted.nextBatch(size: 1_000) {
            append(batch.rows, &result, &values)
            lines += (0..<batch.count).map { batch.origins[$0].line }
        }
        return (result, values, lines, sorter)
    }

    private func append(
        _ rows: borrowing RowBuffer, _ keys: inout [[UInt8]], _ values: inout [String]
    ) {
        for index in 0..<rows.count {
            keys.append(rows.key(index).copyBytes())
            values.append(String(decoding: rows.value(index).copyBytes(), as: UTF8.self))
        }
    }

    /// Distinct keys of all shapes: with long shared prefixes, zeros, prefixes of each other.
    private func keys(_ count: Int, seed: UInt64) -> [[UInt8]] {
        var generator = Seeded(seed)
        var result: Set<[UInt8]> = []
        while result.count < count {
            let shared = Array("customer#".utf8.prefix(Int.random(in: 0...9, using: &generator)))
            let size = Int.random(in: 0...12, using: &generator)
            let alphabet: [UInt8] = [0, 1, 0x61, 0xff]
            result.insert(
                shared + (0..<size).map { _ in alphabet.randomElement(using: &generator)! })
        }
        return Array(result).sorted { $0.lexicographicallyPrecedes($1) }
            .shuffled(using: &generator)
    }

    @Test(arguments: [1, 2, 7, 8, 9, 1_000, 5_000], [UInt64(11), 12])
    func sortsInMemoryAndOnDiskAlike(count: Int, seed: UInt64) throws {
        let keys = keys(count, seed: seed)
        let expected = keys.sorted { $0.lexicographicallyPrecedes($1) }
        for memory in [1 << 30, 100_000, 5_000, 100] {
            let options = SortOptions(memoryBytes: memory, mergeWidth: 3, blockBytes: 200)
            let result = try sort(keys, options)
            #expect(result.keys == expected, "seed \(seed), memory \(memory)")
            for (index, line) in result.lines.enumerated() {
                #expect(result.values[index] == "value \(line)")
                #expect(keys[Int(line)] == result.keys[index])
            }
            if memory == 100, count == 5_000 {
                #expect(result.sorter.runCount > 136 && result.sorter.passCount >= 5)
            }
        }
    }

    @Test func makesOneRunOfRowsInOrder() throws {
        let keys = keys(5_000, seed: 3).sorted { $0.lexicographicallyPrecedes($1) }
        let result = try sort(keys, SortOptions(memoryBytes: 1_000))
        #expect(result.keys == keys)
        #expect(result.sorter.runCount == 1)
    }

    @Test(arguments: [1 << 30, 1_000])
    func findsADuplicate(memory: Int) throws {
        var keys = keys(2_000, seed: 5)
        keys[1_999] = keys[4]
        let error = #expect(throws: VarveError.self) {
            try sort(keys, SortOptions(memoryBytes: memory, mergeWidth: 2))
        }
        #expect(error?.location == "second: line 1999, byte \(1_999 * 9)")
        #expect(error?.message.contains("first: line 4, byte 36") == true)
    }

    @Test func leavesNothingBehind() throws {
        let workspace = try Workspace()
        let options = SortOptions(memoryBytes: 1_000, directory: workspace.path, mergeWidth: 2)
        #expect(try sort(keys(500, seed: 6), options).keys.count == 500)
        #expect(try FileSystem.names(in: workspace.path).isEmpty)
    }
}
