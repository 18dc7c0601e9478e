import Testing
import VarveBytes
import VarveModel

@Suite struct ItemParserTests {
    static let orders = KeySchema(
        partition: KeyAttribute(name: "InvoiceNo", type: .string),
        sort: KeyAttribute(name: "Line", type: .number))
    static let simple = KeySchema(partition: KeyAttribute(name: "id", type: .string))

    /// The rows of a text, as hexadecimal key and value.
    static func rows(
        _ text: String, _ schema: KeySchema, _ form: ItemForm = .dynamoDB
    ) throws(ParseFault) -> [String] {
        var parser = ItemParser(schema: schema, form: form)
        var rows = RowBuffer()
        var offsets: [UInt32] = []
        try parser.parse(lines: Array(text.utf8).raw, into: &rows, lineOffsets: &offsets)
        var result: [String] = []
        for index in 0..<rows.count {
            result.append(rows.key(index).hexadecimal + " " + rows.value(index).hexadecimal)
        }
        return result
    }

    @Test func exactRow() throws {
        let line =
            #"{"Item":{"InvoiceNo":{"S":"536365"},"Line":{"N":"12"},"#
            + #""b":{"L":[{"NULL":true}]},"a":{"BOOL":true}}}"#
        let row = "3533363336350001808418 02016104010162070105"
        #expect(try Self.rows(line, Self.orders) == [row])
        // The second one goes the fast way.
        #expect(try Self.rows(line + "\n" + line + "\n", Self.orders) == [row, row])
    }

    @Test func formsOfLines() throws {
        let expected = ["6b 01016e02000c"]
        let texts = [
            #"{"id":{"S":"k"},"n":{"N":"6"}}"#,
            #"{"Item":{"n":{"N":"6"},"id":{"S":"k"}}}"#,
            "\r\n  \n"
                + #" { "Item" : { "id" : { "S" : "k" } , "n" : { "N" : "6.0" } } } "#
                + "\r\n\n",
            #"{"\u0049tem":{"i\u0064":{"\u0053":"\u006b"},"n":{"N":"0\u0036"}}}"#,
        ]
        for text in texts { #expect(try Self.rows(text, Self.simple) == expected) }
    }

    @Test func itemsWithAnAttributeCalledItem() throws {
        #expect(
            try Self.rows(#"{"Item":{"S":"x"},"id":{"S":"k"}}"#, Self.simple)
                == ["6b 01044974656d010178"])
        let bare = #"{"Item":{"M":{}},"id":{"S":"k"}}"#
        let wrapped = #"{"Item":{"id":{"S":"w"}}}"#
        #expect(
            try Self.rows([bare, wrapped, bare, wrapped].joined(separator: "\n"), Self.simple)
                == ["6b 01044974656d0600", "77 00", "6b 01044974656d0600", "77 00"])
        let itemKey = KeySchema(partition: KeyAttribute(name: "Item", type: .string))
        #expect(try Self.rows(#"{"Item":{"S":"x"}}"#, itemKey) == ["78 00"])
        #expect(try Self.rows(#"{"Item":{"Item":{"S":"x"}}}"#, itemKey) == ["78 00"])
    }

    @Test func lineOffsets() throws {
        let text =
            "\n{\"id\":{\"S\":\"a\"}}\n\n  {\"id\":{\"S\":\"b\"}}\r\n{\"id\":{\"S\":\"c\"}}"
        var parser = ItemParser(schema: Self.simple)
        var rows = RowBuffer()
        var offsets: [UInt32] = []
        try parser.parse(lines: Array(text.utf8).raw, into: &rows, lineOffsets: &offsets)
        #expect(offsets == [1, 19, 39])
        #expect(rows.count == 3)
    }

    @Test func everyType() throws {
        let text =
            #"{"id":{"S":"k"},"b":{"B":"AAE="},"s":{"SS":["b","a"]},"n":{"NS":["10","-1","0"]},"#
            + #""x":{"BS":["AQ==",""]},"m":{"M":{"z":{"N":"1E+3"},"#
            + #""a":{"S":"\u00e9\ud83d\ude00\n"}}}}"#
        let item: Item = [
            "b": .binary([0, 1]), "s": .stringSet(["a", "b"]),
            "n": .numberSet([.zero, DecimalNumber(10), DecimalNumber(-1)]),
            "x": .binarySet([[], [1]]),
            "m": .map(["a": .string("é😀\n"), "z": .number(DecimalNumber(1_000))]),
        ]
        let row = "6b " + item.canonicalBytes.raw.hexadecimal
        #expect(try Self.rows(text + "\n" + text, Self.simple) == [row, row])
    }

    @Test func plainForm() throws {
        let text = #"{"id":"k","n":-1.50,"t":true,"z":null,"m":{"b":[],"a":["x",1]}}"#
        let item: Item = [
            "n": .number(try DecimalNumberTests.parse("-1.5")), "t": .boolean(true), "z": .null,
            "m": .map(["b": .list([]), "a": .list([.string("x"), .number(DecimalNumber(1))])]),
        ]
        let row = "6b " + item.canonicalBytes.raw.hexadecimal
        #expect(try Self.rows(text + "\n" + text, Self.simple, .plain) == [row, row])
        let numbers = KeySchema(partition: KeyAttribute(name: "id", type: .number))
        #expect(
            try Self.rows("{\"id\":12}\n{\"id\":6}\n", numbers, .plain)
                == ["808418 00", "808378 00"])
    }

    /// Numbers by the fast way give the bytes that numbers by the exact way give.
    @Test func numbersByBothWays() throws {
        var random = SeededGenerator(seed: 61)
        let schema = KeySchema(partition: KeyAttribute(name: "k", type: .number))
        var text = "{\"k\":{\"N\":\"1\"},\"n\":{\"N\":\"1\"}}\n"
        var expected = ["808314 01016e020002"]
        for _ in 0..<3_000 {
            let whole =
                String(repeating: "0", count: random.below(3))
                + String(random.below(random.below(2) == 0 ? 200 : 1 << 60))
            let fraction = random.below(2) == 0 ? "" : "." + String(random.below(5_000))
            let digits = (random.below(3) == 0 ? "-" : "") + whole + fraction
            let number = try DecimalNumberTests.parse(digits)
            text += "{\"k\":{\"N\":\"\(digits)\"},\"n\":{\"N\":\"\(digits)\"}}\n"
            expected.append(
                DecimalNumberTests.key(number).raw.hexadecimal + " 01016e02"
                    + DecimalNumberTests.canonical(number).raw.hexadecimal)
        }
        #expect(try Self.rows(text, schema) == expected)
    }

    @Test func manyForms() throws {
        // More forms than the parser remembers, and then one of them again and again.
        var text = ""
        var expected: [String] = []
        for index in 0..<6_000 {
            let name = "n\(index % 5_000)"
            text += "{\"id\":{\"S\":\"k\"},\"\(name)\":{\"N\":\"1\"},\"z\":{\"S\":\"x\"}}\n"
            let item: Item = [name: .number(DecimalNumber(1)), "z": .string("x")]
            expected.append("6b " + item.canonicalBytes.raw.hexadecimal)
        }
        for _ in 0..<10_000 {
            text += "{\"z\":{\"S\":\"x\"},\"id\":{\"S\":\"k\"}}\n"
            expected.append("6b 01017a010178")
        }
        #expect(try Self.rows(text, Self.simple) == expected)
    }

    @Test func typesThatChange() throws {
        let lines: [(String, AttributeValue)] = [
            (#"{"NULL":true}"#, .null), (#"{"S":"a"}"#, .string("a")),
            (#"{"N":"1"}"#, .number(DecimalNumber(1))), (#"{"M":{}}"#, .map([:])),
        ]
        var random = SeededGenerator(seed: 3)
        var text = ""
        var expected: [String] = []
        for _ in 0..<300 {
            let (json, value) = lines[random.below(lines.count)]
            text += "{\"id\":{\"S\":\"k\"},\"v\":\(json)}\n"
            expected.append("6b " + (["v": value] as Item).canonicalBytes.raw.hexadecimal)
        }
        #expect(try Self.rows(text, Self.simple) == expected)
    }

    @Test func keyLengths() throws {
        func line(_ count: Int) -> String {
            "{\"id\":{\"S\":\"\(String(repeating: "k", count: count))\"}}\n"
        }
        for count in [1, 127, 128, 129, 2_048] {
            var parser = ItemParser(schema: Self.simple)
            var rows = RowBuffer()
            var offsets: [UInt32] = []
            let text = Array((line(1) + line(count)).utf8)
            try parser.parse(lines: text.raw, into: &rows, lineOffsets: &offsets)
            var expected = RowBuffer()
            expected.append(
                key: [UInt8](repeating: UInt8(ascii: "k"), count: count).raw, value: [0].raw)
            #expect(rows.hashInput(1).equals(expected.hashInput(0)) == true)
            #expect(rows.key(1).byteCount == count)
        }
    }
}

@Suite struct SingleItemTests {
    @Test func itemsInLargerTexts() throws {
        let text = Array(
            "{\"Count\":2, \"Items\": [ {\"id\":{\"S\":\"a\"}} ,\n {\"id\":\n{\"S\":\"b\"}}]}".utf8)
        var parser = ItemParser(schema: ItemParserTests.simple)
        var rows = RowBuffer()
        var scanner = JSONScanner(text.raw)
        try scanner.expect(UInt8(ascii: "{"))
        #expect(try !scanner.accept(string: "Items"))
        #expect(try scanner.accept(string: "Count"))
        try scanner.expect(UInt8(ascii: ":"))
        try scanner.skipValue()
        #expect(try scanner.continues(until: UInt8(ascii: "}")))
        #expect(try scanner.accept(string: "Items"))
        try scanner.expect(UInt8(ascii: ":"))
        try scanner.expect(UInt8(ascii: "["))
        repeat {
            try parser.parseItem(&scanner, into: &rows)
        } while try scanner.continues(until: UInt8(ascii: "]"))
        #expect(try !scanner.continues(until: UInt8(ascii: "}")))
        try scanner.end()
        #expect(rows.count == 2)
        #expect(rows.key(1).copyBytes() == [0x62])
    }

    /// Whatever part of an item there is, the fault says that more may follow.
    @Test func incompleteItems() throws {
        let text = Array(
            (#"{"id":{"S":"aé\n\ud83d\ude00"},"n":{"N":"1"},"#
                + #""l":{"L":[{"BOOL":true},{"B":"AA=="}]}}"#).utf8)
        var parser = ItemParser(schema: ItemParserTests.simple)
        var rows = RowBuffer()
        var whole = JSONScanner(text.raw)
        try parser.parseItem(&whole, into: &rows)
        for size in 0..<text.count {
            var scanner = JSONScanner(text.raw.part(0, size))
            do throws(ParseFault) {
                try parser.parseItem(&scanner, into: &rows)
                Issue.record("\(size) bytes are an item")
            } catch {
                #expect(error.isIncomplete, "\(size) bytes: \(error)")
            }
            #expect(rows.count == 1)
        }
    }

    @Test(arguments: [
        "0", "-1", "1.5", "1e5", "-0.1E-7", "true", "false", "null", "[]", "{}",
        "[1,[2]]", #"{"a":{"b":[]}}"#, #""\u0041""#, " 1 ",
    ])
    func skipsValues(_ text: String) throws {
        let bytes = Array(text.utf8)
        var scanner = JSONScanner(bytes.raw)
        try scanner.skipValue()
        try scanner.end()
    }

    @Test(arguments: [
        "", "01", "-", "1.", ".5", "1e", "+1", "tru", "True", "nul", "[1,]", "[", "{", "{a:1}",
        #"{"a"}"#, #"{"a":1,}"#, "]", "'a'", #""a"#, "[1 2]", "\u{feff}1",
    ])
    func refusesValues(_ text: String) {
        let bytes = Array(text.utf8)
        #expect(throws: ParseFault.self) {
            var scanner = JSONScanner(bytes.raw)
            try scanner.skipValue()
            try scanner.end()
        }
    }
}
