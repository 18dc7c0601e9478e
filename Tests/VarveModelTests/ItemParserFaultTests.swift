import Testing
import VarveBytes
import VarveModel

@Suite struct ItemParserFaultTests {
    static func fault(
        _ text: String, _ schema: KeySchema = ItemParserTests.simple,
        _ form: ItemForm = .dynamoDB
    ) -> ParseFault? {
        do throws(ParseFault) {
            _ = try ItemParserTests.rows(text, schema, form)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [
        (#"{"x":{"S":"k"}}"#, "no key attribute id"),
        (#"{}"#, "no key attribute id"),
        (#"{"Item":{}}"#, "no key attribute id"),
        (#"{"id":{"N":"1"}}"#, "is not of type S"),
        (#"{"id":{"B":"AA=="}}"#, "is not of type S"),
        (#"{"id":{"S":""}}"#, "is empty"),
        (#"{"id":{"S":"a"},"n":{"N":"1E126"}}"#, "magnitude"),
        (#"{"id":{"S":"a"},"n":{"N":"x"}}"#, "not a number"),
        (#"{"id":{"S":"a"},"n":{"N":""}}"#, "not a number"),
        (#"{"id":{"S":"a"},"n":{"N":1}}"#, "expected \""),
        (#"{"id":{"S":"a"},"n":{"N":"1234567890123456789012345678901234567890123"}}"#, "38"),
        (#"{"id":{"S":"a"},"id":{"S":"a"}}"#, "twice"),
        (#"{"id":{"S":"a"},"m":{"M":{"x":{"NULL":true},"x":{"NULL":true}}}}"#, "twice in a map"),
        (#"{"id":{"S":"a"},"s":{"SS":["x","y","x"]}}"#, "element twice"),
        (#"{"id":{"S":"a"},"s":{"NS":["1","1.0"]}}"#, "element twice"),
        (#"{"id":{"S":"a"},"s":{"BS":["AA==","AA=="]}}"#, "element twice"),
        (#"{"id":{"S":"a"},"s":{"SS":[]}}"#, "set is empty"),
        (#"{"id":{"S":"a"},"s":{"NULL":false}}"#, "NULL must be true"),
        (#"{"id":{"S":"a"},"b":{"B":"A"}}"#, "base64"),
        (#"{"id":{"S":"a"},"b":{"B":"AB=="}}"#, "base64"),
        (#"{"id":{"S":"a"},"b":{"B":"AA-_"}}"#, "base64"),
        (#"{"id":{"S":"a"},"b":{"X":"A"}}"#, "unknown type descriptor"),
        (#"{"id":{"S":"a"},"b":{"BOOL":"true"}}"#, "malformed JSON"),
        (#"{"id":{"S":"a"},"b":{}}"#, "malformed JSON"),
        (#"{"id":{"S":"a"},"b":"x"}"#, "typed value"),
        (#"{"id":{"S":"a","N":"1"}}"#, "one member"),
        (#"{"id":{"S":"a"},"":{"NULL":true}}"#, "name is empty"),
        (#"{"id":{"S":"\x"}}"#, "unknown escape"),
        (#"{"id":{"S":"\ud800"}}"#, "surrogate"),
        (#"{"id":{"S":"\ud800\u0041"}}"#, "surrogate"),
        (#"{"id":{"S":"\udc00"}}"#, "surrogate"),
        (#"{"id":{"S":"\u12g4"}}"#, "hexadecimal"),
        ("{\"id\":{\"S\":\"a\u{1}\"}}", "control character"),
        (#"{"id":{"S":"a"}} x"#, "behind the item"),
        (#"{"id":{"S":"a"}}{"id":{"S":"b"}}"#, "behind the item"),
        (#"{"id":{"S":"a"},}"#, "malformed JSON"),
        (#"["id"]"#, "malformed JSON"),
        ("{\"id\":\n{\"S\":\"a\"}}", "must end on the line"),
        ("{\"Item\":\n{\"id\":{\"S\":\"a\"}}}", "must end on the line"),
        (#"{"id":{"S":"a"}"# + "\n" + #"{"id":{"S":"b"}}"#, "must end on the line"),
    ])
    func refuses(_ line: String, _ message: String) throws {
        let good = #"{"id":{"S":"good"}}"# + "\n"
        let fault = try #require(Self.fault(good + good + line + "\n"))
        #expect(fault.message.contains(message), "\(fault)")
        #expect(fault.line == 3)
        #expect(fault.offset >= 2 * good.utf8.count)
        #expect(fault.offset <= 2 * good.utf8.count + line.utf8.count + 1)
        let error = fault.error(in: "data.json", firstLine: 10, firstOffset: 1_000)
        #expect(error.code == .invalidInput)
        #expect(error.location == "data.json, line 12, byte \(fault.offset + 1_000)")
    }

    @Test(arguments: [#"{"id":{"S":"a"}"#, #"{"id":{"S":"a"#, #"{"Item":{"id":{"S":"a"}}"#])
    func textThatEndsTooEarly(_ text: String) throws {
        let fault = try #require(Self.fault(text))
        #expect(fault.isIncomplete && fault.line == 1 && fault.offset == text.utf8.count)
        // With a line behind it, too.
        #expect(Self.fault(text + "\n" + #"{"id":{"S":"b"}}"#)?.line == 1)
    }

    /// A fault in an item that looks like those before it, and what comes after it.
    @Test(arguments: [
        #"{"id":{"S":""},"n":{"N":"1"},"s":{"S":"x"}}"#,
        #"{"id":{"S":"a"},"n":{"N":"1x"},"s":{"S":"x"}}"#,
        #"{"id":{"S":"a"},"n":{"N":"1"},"s":{"S":"\q"}}"#,
        #"{"id":{"S":"a"},"n":{"N":"1"},"s":{"S":"x"}},"#,
    ])
    func faultsOfKnownForms(_ bad: String) throws {
        let good = #"{"id":{"S":"a"},"n":{"N":"1"},"s":{"S":"x"}}"# + "\n"
        var parser = ItemParser(schema: ItemParserTests.simple)
        var rows = RowBuffer()
        var offsets: [UInt32] = []
        let text = Array((good + good + bad + "\n" + good).utf8)
        do throws(ParseFault) {
            try parser.parse(lines: text.raw, into: &rows, lineOffsets: &offsets)
            Issue.record("accepted")
        } catch {
            #expect(error.line == 3)
        }
        #expect(rows.count == 2)
        #expect(offsets.count == 2)
        try parser.parse(lines: Array(good.utf8).raw, into: &rows, lineOffsets: &offsets)
        #expect(rows.count == 3)
        #expect(rows.hashInput(2).equals(rows.hashInput(0)) == true)
    }

    @Test(arguments: [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80]] as [[UInt8]])
    func invalidUTF8(_ bytes: [UInt8]) throws {
        let good = Array(#"{"id":{"S":"a"},"s":{"S":"é"}}"#.utf8) + [10]
        let text = good + Array(#"{"id":{"S":"a"},"s":{"S":""#.utf8) + bytes + Array(#""}}"#.utf8)
        var parser = ItemParser(schema: ItemParserTests.simple)
        var rows = RowBuffer()
        var offsets: [UInt32] = []
        do throws(ParseFault) {
            try parser.parse(lines: text.raw, into: &rows, lineOffsets: &offsets)
            Issue.record("accepted")
        } catch {
            #expect(error.message.contains("UTF-8"))
            #expect(error.line == 2)
        }
    }

    @Test func keysThatAreTooLong() {
        let partition = String(repeating: "k", count: 2_049)
        let sort = String(repeating: "1", count: 1_025)
        let schema = KeySchema(
            partition: KeyAttribute(name: "id", type: .string),
            sort: KeyAttribute(name: "s", type: .string))
        let first = Self.fault("{\"id\":{\"S\":\"\(partition)\"},\"s\":{\"S\":\"a\"}}", schema)
        #expect(first?.message.contains("id is longer than 2048") == true)
        let second = Self.fault("{\"id\":{\"S\":\"a\"},\"s\":{\"S\":\"\(sort)\"}}", schema)
        #expect(second?.message.contains("s is longer than 1024") == true)
    }

    @Test func itemSizes() throws {
        // Names id and v, and one byte of key.
        let room = 409_600 - 4
        for (count, isRight) in [(room, true), (room + 1, false)] {
            let text =
                #"{"id":{"S":"k"},"v":{"S":"\#(String(repeating: "v", count: count))"}}"# + "\n"
            #expect((Self.fault(text) == nil) == isRight)
            let known = #"{"id":{"S":"k"},"v":{"S":"x"}}"# + "\n"
            #expect((Self.fault(known + text) == nil) == isRight)
        }
    }

    @Test func nesting() throws {
        func line(_ depth: Int) -> String {
            #"{"id":{"S":"k"},"d":"# + String(repeating: #"{"L":["#, count: depth)
                + #"{"NULL":true}"# + String(repeating: "]}", count: depth) + "}\n"
        }
        #expect(Self.fault(line(32)) == nil)
        #expect(Self.fault(line(33))?.message.contains("32 deep") == true)
        #expect(Self.fault(line(1) + line(33))?.line == 2)
        #expect(Self.fault(line(100_000)) != nil)
        #expect(Self.fault("{\"Item\":{\"x\":" + String(repeating: "[", count: 100_000)) != nil)
    }
}
