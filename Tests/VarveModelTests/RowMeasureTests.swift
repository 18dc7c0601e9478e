import Testing
import VarveBytes
import VarveModel

@Suite struct RowMeasureTests {
    /// Each item twice, so that the second one is read along the path that the first one made.
    @Test(arguments: RandomItems.schemas)
    func parserMeasuresAsAWalkDoes(schema: KeySchema) throws {
        let seed: UInt64 = 20_251
        print("seed \(seed)")
        var random = SeededGenerator(seed: seed)
        let codec = KeyCodec(schema)
        var parser = ItemParser(schema: schema)
        var rows = RowBuffer()
        for _ in 0..<400 {
            let item = RandomItems.item(schema, &random)
            let line = try ItemRendererTests.text(item, schema)
            var offsets: [UInt32] = []
            let lines = Array((line + line).utf8)
            try parser.parse(lines: lines.raw, into: &rows, lineOffsets: &offsets)
        }
        let found = rows.measures
        let measures = try #require(found)
        #expect(measures.count == 800)
        for index in 0..<rows.count {
            let walked = try RowMeasure(key: rows.key(index), value: rows.value(index), codec)
            #expect(measures[index] == walked, "row \(index)")
        }
    }

    @Test func aRowThatIsNotMeasuredHidesTheOthers() throws {
        let line = try ItemRendererTests.text(ItemRendererTests.sample, ItemParserTests.orders)
        var parser = ItemParser(schema: ItemParserTests.orders)
        var rows = RowBuffer()
        var offsets: [UInt32] = []
        let bytes = Array(line.utf8)
        try parser.parse(lines: bytes.raw, into: &rows, lineOffsets: &offsets)
        #expect(Self.measureCount(rows) == 1)
        rows.append(key: [1].raw, value: [2].raw)
        #expect(Self.measureCount(rows) == nil)
        try parser.parse(lines: bytes.raw, into: &rows, lineOffsets: &offsets)
        #expect(Self.measureCount(rows) == nil)
        rows.truncate(to: 1)
        #expect(Self.measureCount(rows) == 1)
        rows.removeAll()
        #expect(Self.measureCount(rows) == 0)
    }

    @Test func hashesHoldForTheRowsTheyWereTakenOf() throws {
        var rows = RowBuffer()
        for value: UInt8 in 0..<5 { rows.append(key: [value].raw, value: [value, 7].raw) }
        #expect(Self.hashes(rows) == nil)
        rows.takeHashes()
        #expect(Self.hashes(rows) == (0..<5).map { rows.itemHash($0) })
        rows.append(key: [9].raw, value: [2].raw)
        #expect(Self.hashes(rows) == nil)
        rows.truncate(to: 3)
        #expect(Self.hashes(rows) == (0..<3).map { rows.itemHash($0) })
        rows.append(key: [4].raw, value: [4].raw)
        rows.takeHashes()
        #expect(Self.hashes(rows)?.last == rows.itemHash(3))
        rows.removeAll()
        rows.append(key: [9].raw, value: [2].raw)
        #expect(Self.hashes(rows) == nil)
    }

    private static func hashes(_ rows: borrowing RowBuffer) -> [Hash256]? { rows.hashes }

    private static func measureCount(_ rows: borrowing RowBuffer) -> Int? { rows.measures?.count }
}
