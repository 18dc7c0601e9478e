import Foundation
import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// What the golden repositories hold. A change here changes what `Fixtures/golden` must be.
enum GoldenContents {
    static func item(_ attributes: String...) -> String {
        #"{"Item":{"# + attributes.joined(separator: ",") + "}}"
    }

    static func schema(
        _ partition: (String, AttributeType), _ sort: (String, AttributeType)? = nil
    ) -> KeySchema {
        KeySchema(
            partition: KeyAttribute(name: partition.0, type: partition.1),
            sort: sort.map { KeyAttribute(name: $0.0, type: $0.1) })
    }

    // MARK: Small

    /// A few objects of few bytes, so that every byte can be damaged in turn.
    static func small() throws -> GoldenBuilder {
        var builder = try GoldenBuilder(seed: 1)
        try builder.makeTable("tiny", schema(("id", .string)))
        let first = [item(#""id":{"S":"a"},"n":{"N":"1"}"#), item(#""id":{"S":"b"}"#)]
        try builder.backUp("tiny", first, name: "one", second: 0)
        try builder.backUp(
            "tiny", [first[1], item(#""id":{"S":"c"},"n":{"N":"-2.5"}"#)], name: "two", second: 9)
        return builder
    }

    // MARK: Values

    /// Every type, number, nesting, key type and way of outlining.
    static func values() throws -> GoldenBuilder {
        var builder = try GoldenBuilder(seed: 2)
        try builder.makeTable(
            "kinds", schema(("id", .string)),
            arn: "arn:aws:dynamodb:eu-west-1:123456789012:table/kinds",
            serviceID: "12345678-1234-1234-1234-123456789012")
        try builder.backUp("kinds", kinds, name: "all", second: 0)
        for (name, schema, lines) in keyed {
            try builder.makeTable(name, schema)
            try builder.backUp(name, lines, name: "all", second: 1)
        }
        try builder.makeTable("empty", schema(("id", .string)))
        try builder.backUp("empty", [], name: "nothing", second: 2)
        try builder.makeTable("outlined", schema(("id", .string), ("at", .number)))
        let large = outlined
        try builder.backUp("outlined", large, name: "first", second: 3)
        try builder.backUp(
            "outlined", Array(large.dropFirst()) + [wide("z", 5, 16_381)], name: "second",
            second: 4)
        return builder
    }

    /// 38 digits, the least and the greatest, of either sign, and other ways to write a number.
    static let numbers = [
        "0", "-0", "1", "-1", "0.1", "-0.1", "127", "128", "-64", "-65", "1E+2", "100", "1e2",
        "99999999999999999999999999999999999999", "-99999999999999999999999999999999999999",
        "9.9999999999999999999999999999999999999E+125",
        "-9.9999999999999999999999999999999999999E+125", "1E-130", "-1E-130",
        "1.2345678901234567890123456789012345678E-93", "9223372036854775807",
        "-9223372036854775808", "18446744073709551616", "4611686018427387904",
        "-4611686018427387905", "0.00000000000000000000000000000000000001", "1E125",
        "1234567890123456789012345678901234567800000",
    ]

    static var kinds: [String] {
        var lines = [
            item(#""id":{"S":"empty"}"#),
            item(
                #""id":{"S":"each"}"#, #""s":{"S":"text \u00e4\ud83d\ude00 \"\\\n\u0000"}"#,
                #""n":{"N":"-12.50"}"#, #""b":{"B":"AP+A"}"#, #""t":{"BOOL":true}"#,
                #""f":{"BOOL":false}"#, #""null":{"NULL":true}"#,
                #""m":{"M":{"":{"S":"no name"},"x":{"N":"1"}}}"#,
                #""l":{"L":[{"S":"a"},{"N":"2"},{"L":[]},{"M":{}}]}"#,
                #""ss":{"SS":["b","a","ab"]}"#, #""ns":{"NS":["10","9","-1","0.5"]}"#,
                #""bs":{"BS":["/w==","AA==","AAA="]}"#),
            item(
                #""id":{"S":"void"}"#, #""s":{"S":""}"#, #""b":{"B":""}"#, #""l":{"L":[]}"#,
                #""m":{"M":{}}"#),
            item(
                #""id":{"S":"names"}"#, "\"" + String(repeating: "n", count: 300) + #"":{"N":"1"}"#,
                #""漢字 name.with-#:all":{"BOOL":true}"#),
            item(
                #""id":{"S":"deep list"}"#,
                #""v":"# + String(repeating: #"{"L":["#, count: 31) + #"{"NULL":true}"#
                    + String(repeating: "]}", count: 31)),
            item(
                #""id":{"S":"deep map"}"#,
                #""v":"# + String(repeating: #"{"M":{"k":"#, count: 31) + #"{"S":"end"}"#
                    + String(repeating: "}}", count: 31)),
        ]
        for (index, number) in numbers.enumerated() {
            lines.append(item(#""id":{"S":"number \#(index)"},"n":{"N":"\#(number)"}"#))
        }
        // One attribute of several types, so that a page has several columns of one name.
        for (index, value) in [#"{"S":"1"}"#, #"{"N":"1"}"#, #"{"B":"MQ=="}"#].enumerated() {
            lines.append(item(#""id":{"S":"type \#(index)"},"v":\#(value)"#))
        }
        return lines
    }

    static var keyed: [(String, KeySchema, [String])] {
        let texts = [#""S":"a""#, #""S":"a\u0000""#, #""S":"aa""#, #""S":"\ud83d\ude00""#]
        let binaries = [#""B":"AA==""#, #""B":"AAA=""#, #""B":"AP8=""#, #""B":"/w==""#]
        let keyNumbers = [
            "0", "1", "-1", "10", "9.5", "-9.5", "1E-130", "-1E-130",
            "9.9999999999999999999999999999999999999E+125",
            "-9.9999999999999999999999999999999999999E+125",
        ].map { #""N":"\#($0)""# }
        let values: [AttributeType: [String]] = [
            .string: texts, .number: keyNumbers, .binary: binaries,
        ]
        var result: [(String, KeySchema, [String])] = []
        for type in [AttributeType.string, .number, .binary] {
            let lines = (values[type] ?? []).map { item(#""p":{\#($0)},"v":{"N":"1"}"#) }
            result.append(("key-\(type.name)", schema(("p", type)), lines))
            for sort in [AttributeType.string, .number, .binary] {
                var pairs: [String] = []
                for partition in values[type] ?? [] {
                    for other in values[sort] ?? [] {
                        pairs.append(item(#""p":{\#(partition)},"q":{\#(other)}"#))
                    }
                }
                let name = "key-\(type.name)\(sort.name)"
                result.append((name, schema(("p", type), ("q", sort)), pairs))
            }
        }
        return result
    }

    /// An item with one string whose encoding is three bytes longer than `count`, or two below
    /// 2^14.
    static func wide(_ id: String, _ at: Int, _ count: Int) -> String {
        item(
            #""id":{"S":"\#(id)"},"at":{"N":"\#(at)"}"#,
            #""v":{"S":"\#(String(repeating: "w", count: count))"}"#)
    }

    static var outlined: [String] {
        // 16,383 and 16,384 bytes of encoding: in line and outlined.
        var lines = [wide("edge", 0, 16_380), wide("edge", 1, 16_381), wide("long", 2, 40_000)]
        // Together too long, each alone not: the longest go, of equals the first by name.
        let text = String(repeating: "p", count: 9_000)
        let parts = (0..<9).map { #""part\#($0)":{"S":"\#(text)"}"# }
        lines.append(item(#""id":{"S":"many"},"at":{"N":"3"}"#, parts.joined(separator: ",")))
        let elements = (0..<900).map { #"{"S":"element \#($0)"}"# }.joined(separator: ",")
        lines.append(
            item(#""id":{"S":"list"},"at":{"N":"4"}"#, #""v":{"L":[\#(elements),\#(elements)]}"#))
        // The same value twice: one blob.
        lines.append(wide("same", 6, 40_000))
        return lines
    }

    // MARK: History

    /// An image and runs upon it, an older copy, two incarnations, settings.
    static func history() throws -> GoldenBuilder {
        var builder = try GoldenBuilder(seed: 3)
        let orders = schema(("id", .string), ("at", .number))
        try builder.makeTable("orders", orders)
        let only = item(#""id":{"S":"x"},"at":{"N":"1"}"#)
        try builder.backUp("orders", [only], name: "gone", second: 0)
        try builder.makeTable("orders", orders, serviceID: "second")
        func order(_ index: Int, _ quantity: Int) -> String {
            item(
                #""id":{"S":"order \#(index / 3)"},"at":{"N":"\#(index % 3)"}"#,
                #""quantity":{"N":"\#(quantity)"},"note":{"S":"number \#(index)"}"#)
        }
        let first = (0..<60).map { order($0, $0 * 7 % 11) }
        try builder.backUp("orders", first, name: "image", second: 100)
        var second = first
        for index in [3, 4, 30] { second[index] = order(index, 1000 + index) }
        second += (60..<66).map { order($0, 5) }
        try builder.backUp("orders", second, name: "puts", second: 200, keepUntil: nil)
        let third = second.enumerated().filter { $0.offset % 5 != 1 }.map(\.element)
        try builder.backUp("orders", third, name: "tombstones", second: 300)
        var fourth = second
        fourth[6] = order(6, 77)
        try builder.backUp(
            "orders", fourth, name: "inserted-again", second: 400,
            keepUntil: GoldenBuilder.start + 86_400_000_000)
        try builder.backUp("orders", fourth, name: "unchanged", second: 500)
        try builder.backUp("orders", Array(first.prefix(20)), name: "older", second: 50)
        try builder.backUp("orders", [], name: "cleared", second: 600)
        try builder.configure(
            "orders", ordinal: 0, second: 100,
            [("DescribeTable", #"{"Table":{"TableName":"orders"}}"#)])
        try builder.configure(
            "orders", ordinal: 1, second: 300,
            [
                ("DescribeContinuousBackups", "{}"),
                ("DescribeTable", #"{"Table":{"TableName":"orders"}}"#),
                ("DescribeTimeToLive", "{}"), ("ListTagsOfResource", #"{"Tags":[]}"#),
            ])
        return builder
    }

    // MARK: Films

    /// Real items, and a table of several leaves and packs.
    static func films() throws -> GoldenBuilder {
        let url = GoldenRepository.root.appendingPathComponent("Fixtures/data/movies.jsonl.gz")
        let text = try inflate([UInt8](try Data(contentsOf: url)))
        let plain = text.split(separator: 0x0a).prefix(300).joined(separator: [0x0a])
        let films = schema(("year", .number), ("title", .string))
        var rows = RowBuffer()
        try parse(Array(plain), films, form: .plain, into: &rows)
        var lines: [String] = []
        var renderer = ItemRenderer(schema: films)
        for index in 0..<rows.count {
            var line = ByteWriter()
            try renderer.append(key: rows.key(index), value: rows.value(index), to: &line)
            lines.append(String(decoding: line.takeBytes(), as: UTF8.self))
        }
        var builder = try GoldenBuilder(seed: 4, packBytes: 32_768)
        try builder.makeTable("films", films)
        try builder.backUp("films", lines, name: "first", second: 0)
        for index in stride(from: 5, to: lines.count, by: 4) {
            lines[index] = lines[index].replacingOccurrences(of: "imdb", with: "example")
        }
        try builder.backUp("films", lines, name: "quarter-changed", second: 86_400)
        try builder.makeTable("grid", schema(("id", .string)))
        var cells = grid
        try builder.backUp("grid", cells, name: "first", second: 0)
        for index in stride(from: 0, to: cells.count, by: 2) {
            cells[index] = cells[index].replacingOccurrences(
                of: #"{"S":"0"#, with: #"{"S":"f"#)
        }
        try builder.backUp("grid", cells, name: "half-changed", second: 1)
        return builder
    }

    /// Long keys, which weigh much and take little room, and text that does not compress.
    private static var grid: [String] {
        let random = SeededRandom(seed: 5)
        let filler = String(repeating: "k", count: 1_000)
        return (0..<800).map { index in
            let note = random.bytes(60).raw.hexadecimal
            return item(#""id":{"S":"\#(filler)\#(index)"},"note":{"S":"0\#(note)"}"#)
        }
    }
}
