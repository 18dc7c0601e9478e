import Testing
import VarveBytes
import VarveModel
import VarveStorage

@testable import VarveEndpoints

@Suite struct ScanSourceTests {
    let workspace: Workspace

    init() throws { workspace = try Workspace() }

    /// What the command line of AWS prints, four spaces an indentation.
    private func page(
        _ items: [String], count: Int? = nil, scanned: Int? = nil, extra: String = ""
    ) -> String {
        let body = items.map { item in
            "        "
                + item.replacing(",\"", with: ",\n            \"")
                .replacing("{\"id\"", with: "{\n            \"id\"")
                .replacing("}}", with: "}\n        }")
        }.joined(separator: ",\n")
        return "{\n    \"Items\": [\n\(body)\n    ],\n    \"Count\": \(count ?? items.count),\n"
            + "    \"ScannedCount\": \(scanned ?? items.count),\n"
            + "    \"ConsumedCapacity\": null\(extra)\n}\n"
    }

    private func bare(_ count: Int) -> [String] { lines(count, wrapped: false) }

    @Test(arguments: [1, 7, 64, 4_096, 1 << 20])
    func readsWhateverThePartsAre(readBytes: Int) throws {
        let text = page(bare(200))
        let path = try workspace.write("scan.json", text)
        var options = SourceOptions()
        options.readBytes = readBytes
        options.chunkBytes = 3_000
        let source = try TableSource.open(path, options: options)
        #expect(source.facts.kind == .scan)
        let delivery = try drain(source.rows(schema: orderSchema))
        #expect(delivery.items == lines(200))
        // Each place is that of the item's opening brace.
        let all = Array(text.utf8)
        for place in delivery.places {
            #expect(all[Int(place.byte)] == UInt8(ascii: "{"))
            let line = all[..<Int(place.byte)].count { $0 == 0x0a } + 1
            #expect(place.line == Int64(line))
        }
    }

    @Test func readsCompactAndSortedPages() throws {
        let items = bare(10)
        let texts = [
            "{\"Items\":[\(items.joined(separator: ","))],\"Count\":10,\"ScannedCount\":10}",
            "{\"Count\":10,\"Items\":[\(items.joined(separator: " , "))],\"ScannedCount\":10}",
            "{\"LastEvaluatedKey\":null,\"Items\":[\(items.joined(separator: ","))]}",
            page(Array(items[..<4]), extra: ",\n \"LastEvaluatedKey\": {\"id\":{\"S\":\"x\"}}")
                + page(Array(items[4...])),
        ]
        for text in texts {
            let path = try workspace.write("scan.json", text)
            #expect(try read(path).items == lines(10))
            let zipped = try workspace.write("scan.json.gz", gzip(Array(text.utf8)))
            #expect(try read(zipped).items == lines(10))
        }
    }

    @Test func readsAnEmptyTable() throws {
        let path = try workspace.write("scan.json", page([]))
        #expect(try read(path).items.isEmpty)
    }

    @Test func sortsAScan() throws {
        var generator = Seeded(77)
        let path = try workspace.write("scan.json", page(bare(3_000).shuffled(using: &generator)))
        #expect(try read(path).items == lines(3_000))
    }

    @Test func refusesAScanThatIsNotTheWholeTable() throws {
        let items = bare(5)
        let cases: [(String, String)] = [
            (page(items, extra: ",\"LastEvaluatedKey\":{\"id\":{\"S\":\"x\"}}"), "incomplete"),
            (page(items, extra: ",\"NextToken\":\"abc\""), "incomplete"),
            (page(items, count: 6, scanned: 6), "says 6 items, but 5"),
            (page(items, scanned: 9), "filtered: it read 9 items and printed 5"),
            (String(page(items).dropLast(2)), "cut off"),
            (String(page(items).prefix(300)), "cut off"),
            (page(items) + "x", "expected the {"),
            (page(items).replacing("],", with: "]"), "expected ,"),
            ("{\"Items\":[1]}", "expected the { of an item"),
            ("{\"Items\":[],\"Items\":[]}", "stands twice"),
            (page(items) + "{\"Count\":3}", "has no \"Items\""),
            ("{\"Items\":[],\"Count\":1.5}", "not a whole number"),
        ]
        for (text, message) in cases {
            let path = try workspace.write("scan.json", text)
            let error = fault(path)
            #expect(error?.code == .invalidInput)
            #expect(error?.message.contains(message) == true, "\(error?.description ?? message)")
            #expect(error?.location?.hasPrefix("\(path): line ") == true)
        }
    }

    @Test func namesThePlaceOfAFaultInAnItem() throws {
        let text = page(bare(50)).replacing(
            "\"text\":{\"S\":\"the 79190 ", with: "\"text\":{\"Z\":\"")
        let path = try workspace.write("scan.json", text)
        let error = fault(path)
        #expect(error?.message.contains("unknown type descriptor") == true)
        let place = error?.location ?? ""
        let byte = Int(place.split(separator: " ").last ?? "") ?? 0
        // The fault lies where the text says, in the eleventh item of three lines each.
        #expect(Array(text.utf8)[byte..<byte + 3].elementsEqual(Array("\"Z\"".utf8)), "\(place)")
        #expect(place.hasPrefix("\(path): line 53, byte "), "\(place)")
    }
}
