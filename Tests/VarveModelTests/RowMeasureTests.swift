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

    private static func measureCount(_ rows: borrowing RowBuffer) -> Int? { rows.measures?.count }
}
