import Testing
import VarveBytes
import VarveModel

@Suite struct ItemRendererTests {
    static func text(
        _ item: Item, _ schema: KeySchema, _ form: ItemForm = .dynamoDB, isWrapped: Bool = true,
        isLossy: Bool = false
    ) throws -> String {
        var rows = RowBuffer()
        try item.append(to: &rows, schema: schema)
        var renderer = ItemRenderer(
            schema: schema, form: form, isWrapped: isWrapped, isLossy: isLossy)
        var output = ByteWriter()
        try renderer.appendLines(rows, to: &output)
        return String(validating: output.bytes) ?? "not UTF-8"
    }

    static let sample: Item = [
        "InvoiceNo": .string("536365"), "Line": .number(DecimalNumber(0)), "b": .binary([0, 1]),
        "a": .string("a\"\\\u{1}\u{1f}\n/é\u{7f}"), "n": .number(DecimalNumber(1_200)),
        "t": .boolean(false), "z": .null, "m": .map(["x": .list([.null, .string("")])]),
        "s": .numberSet([.zero]),
    ]

    @Test func exactLine() throws {
        let expected =
            #"{"Item":{"InvoiceNo":{"S":"536365"},"Line":{"N":"0"},"#
            + #""a":{"S":"a\"\\\u0001\u001f\n/é"# + "\u{7f}"
            + #""},"b":{"B":"AAE="},"m":{"M":{"x":{"L":[{"NULL":true},{"S":""}]}}},"#
            + #""n":{"N":"1200"},"s":{"NS":["0"]},"t":{"BOOL":false},"z":{"NULL":true}}}"#
        #expect(try Self.text(Self.sample, ItemParserTests.orders) == expected + "\n")
        let bare = try Self.text(Self.sample, ItemParserTests.orders, isWrapped: false)
        #expect(bare == expected.dropFirst(8).dropLast() + "\n")
    }

    @Test func plainForm() throws {
        var item = Self.sample
        #expect(throws: VarveError(.refused, "")) {
            try Self.text(item, ItemParserTests.orders, .plain)
        }
        #expect(
            try Self.text(item, ItemParserTests.orders, .plain, isWrapped: false, isLossy: true)
                == #"{"InvoiceNo":"536365","Line":0,"a":"a\"\\\u0001\u001f\n/é"# + "\u{7f}"
                + #"","b":"AAE=","m":{"x":[null,""]},"n":1200,"s":[0],"t":false,"z":null}"# + "\n")
        item["b"] = nil
        item["s"] = nil
        let text = try Self.text(item, ItemParserTests.orders, .plain, isWrapped: false)
        var parser = ItemParser(schema: ItemParserTests.orders, form: .plain)
        var rows = RowBuffer()
        var offsets: [UInt32] = []
        try parser.parse(lines: Array(text.utf8).raw, into: &rows, lineOffsets: &offsets)
        #expect(
            try Item(key: rows.key(0), value: rows.value(0), schema: ItemParserTests.orders)
                == item)
    }

    @Test func binaryKeysAreNotPlain() throws {
        let schema = KeySchema(partition: KeyAttribute(name: "id", type: .binary))
        do {
            _ = try Self.text(["id": .binary([1])], schema, .plain)
            Issue.record("a binary key was written as plain JSON")
        } catch let error as VarveError {
            #expect(error.message.contains("attribute id"))
        }
        #expect(
            try Self.text(["id": .binary([1])], schema, .plain, isLossy: true)
                == "{\"Item\":{\"id\":\"AQ==\"}}\n")
    }

    @Test(arguments: [true, false])
    func keysAlone(_ isWrapped: Bool) throws {
        var rows = RowBuffer()
        try Self.sample.append(to: &rows, schema: ItemParserTests.orders)
        var renderer = ItemRenderer(schema: ItemParserTests.orders, isWrapped: isWrapped)
        var output = ByteWriter()
        output.append(UInt8(ascii: " "))
        try renderer.append(key: rows.key(0), to: &output)
        #expect(
            String(validating: output.bytes) == #" {"InvoiceNo":{"S":"536365"},"Line":{"N":"0"}}"#)
    }

    /// Items of every type and schema, written and read back: equal rows.
    @Test(arguments: RandomItems.schemas, [true, false])
    func roundTrip(_ schema: KeySchema, _ isWrapped: Bool) throws {
        let seed: UInt64 = 21
        var random = SeededGenerator(seed: seed)
        var rows = RowBuffer()
        // Some forms come again, as in real tables.
        for _ in 0..<60 {
            let item = RandomItems.item(schema, &random)
            for _ in 0..<1 + random.below(3) { try item.append(to: &rows, schema: schema) }
        }
        var renderer = ItemRenderer(schema: schema, isWrapped: isWrapped)
        var parser = ItemParser(schema: schema)
        var output = ByteWriter()
        try renderer.appendLines(rows, to: &output)
        var again = RowBuffer()
        var offsets: [UInt32] = []
        try parser.parse(lines: output.bytes, into: &again, lineOffsets: &offsets)
        #expect(again.count == rows.count)
        for index in 0..<rows.count {
            #expect(again.hashInput(index).equals(rows.hashInput(index)) == true, "seed \(seed)")
            try CanonicalValue.validate(item: again.value(index))
            let item = try Item(key: rows.key(index), value: rows.value(index), schema: schema)
            var single = RowBuffer()
            try item.append(to: &single, schema: schema)
            #expect(single.hashInput(0).equals(rows.hashInput(index)) == true, "seed \(seed)")
        }
    }
}
