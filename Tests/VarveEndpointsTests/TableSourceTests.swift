import Testing
import VarveBytes
import VarveModel
import VarveStorage

@testable import VarveEndpoints

@Suite struct TableSourceTests {
    let workspace: Workspace

    init() throws { workspace = try Workspace() }

    /// As many line feeds as rows do not mean that no line is blank.
    @Test func countsBlankLines() throws {
        let rows = lines(2)
        let path = try workspace.write("blank.jsonl", "\(rows[0])\n\n\(rows[1])")
        let delivery = try drain(try TableSource.open(path).rows(schema: orderSchema))
        #expect(delivery.items == lines(2))
        #expect(delivery.places.map(\.line) == [1, 3])
    }

    @Test(arguments: [0, 1, 2, 1_000, 20_000], [false, true])
    func readsSortedLines(count: Int, wrapped: Bool) throws {
        let text = lines(count, wrapped: wrapped).map { $0 + "\n" }.joined()
        let path = try workspace.write("orders.jsonl", text)
        let source = try TableSource.open(path)
        #expect(source.facts.kind == .lines)
        #expect(source.facts.storedBytes == Int64(text.utf8.count))
        let stream = source.rows(schema: orderSchema)
        let delivery = try drain(stream)
        #expect(delivery.items == lines(count))
        #expect(stream.progress.itemCount == Int64(count))
        #expect(stream.progress.storedCount == Int64(text.utf8.count))
        #expect(!stream.progress.isSorting)
        var byte: Int64 = 0
        for (index, line) in lines(count, wrapped: wrapped).enumerated() {
            let place = SourcePlace(file: path, line: Int64(index + 1), byte: byte)
            #expect(delivery.places[index] == place)
            byte += Int64(line.utf8.count + 1)
        }
        // Behind the end there is nothing, however often one asks.
        #expect(try stream.nextBatch() == nil)
    }

    @Test func readsGzipOfSeveralMembersAndALastLineWithoutLineFeed() throws {
        let expected = lines(5_000)
        let text = Array(expected.joined(separator: "\n").utf8)
        let half = text.count / 2
        let bytes = gzip(Array(text[..<half]), partBytes: 1_000) + gzip(Array(text[half...]))
        for padding in [0, 512] {
            let path = try workspace.write(
                "orders.gz", bytes + [UInt8](repeating: 0, count: padding))
            var options = SourceOptions()
            options.readBytes = 777
            options.chunkBytes = 4_096
            #expect(try read(path, options: options).items == expected)
        }
    }

    @Test(arguments: [1, 2, 100, 3_000])
    func refusesGzipThatIsCutOff(missing: Int) throws {
        let bytes = gzip(Array(lines(2_000).joined(separator: "\n").utf8))
        #expect(bytes.count > 3_010)
        let path = try workspace.write("orders.gz", Array(bytes.dropLast(missing)))
        let error = fault(path)
        #expect(error?.code == .invalidInput)
        #expect(error?.message.contains("cut off") == true)
        #expect(error?.location == "\(path): compressed byte \(bytes.count - missing)")
    }

    @Test func refusesGzipThatIsDamaged() throws {
        var bytes = gzip(Array(lines(2_000).joined(separator: "\n").utf8))
        bytes[bytes.count / 2] ^= 0x10
        let path = try workspace.write("orders.gz", bytes)
        let error = fault(path)
        #expect(error?.code == .invalidInput)
        let trailing = try workspace.write(
            "trailing.gz", gzip(Array(lines(3).joined(separator: "\n").utf8)) + [0, 0, 1])
        #expect(fault(trailing)?.message.contains("not gzip follow") == true)
    }

    @Test(arguments: [1, 4_000, 60_000], [UInt64(1), 2])
    func sortsShuffledLinesUnnoticed(count: Int, seed: UInt64) throws {
        var generator = Seeded(seed)
        let shuffled = lines(count).shuffled(using: &generator)
        let path = try workspace.write("orders.jsonl", shuffled.joined(separator: "\n"))
        let source = try TableSource.open(path)
        let stream = source.rows(schema: orderSchema)
        let delivery = try drain(stream)
        #expect(delivery.items == lines(count))
        #expect(stream.progress.isSorting == (count > 1))
        for (item, place) in zip(delivery.items, delivery.places).prefix(100) {
            #expect(shuffled[Int(place.line - 1)] == item)
        }
    }

    @Test func asksToSortWhenRowsHavePassed() throws {
        var text = lines(3_000)
        text.swapAt(2_500, 2_501)
        let path = try workspace.write("orders.jsonl", text.joined(separator: "\n"))
        var options = SourceOptions()
        options.chunkBytes = 4_096
        options.holdBytes = 10_000
        let source = try TableSource.open(path, options: options)
        let stream = source.rows(schema: orderSchema)
        var count = 0
        let error = #expect(throws: VarveError.self) {
            while let batch = try stream.nextBatch() { count += batch.count }
        }
        #expect(count > 0 && count < 2_502)
        #expect(error?.code == .unsorted)
        #expect(error?.location?.contains("line 2502, byte ") == true)
        #expect(source.canRestart)
        let sorted = try drain(source.rows(schema: orderSchema, order: .sorted))
        #expect(sorted.items == lines(3_000))
    }

    @Test(arguments: [(10, 11), (3, 2_900)], [RowOrder.asFound, .sorted])
    func namesBothPlacesOfADuplicate(places: (Int, Int), order: RowOrder) throws {
        var text = lines(3_000)
        text[places.1] = text[places.0].replacing("the", with: "not the")
        let path = try workspace.write("orders.jsonl", text.joined(separator: "\n"))
        let error = fault(path, order: order)
        #expect(error?.code == .invalidInput)
        func byte(_ index: Int) -> Int { text[..<index].reduce(0) { $0 + $1.utf8.count + 1 } }
        #expect(
            error?.location == "\(path): line \(places.1 + 1), byte \(byte(places.1))")
        #expect(
            error?.message.contains(
                "the one at \(path): line \(places.0 + 1), byte \(byte(places.0));") == true)
    }

    @Test(arguments: [
        ("{\"Item\":{\"id\":{\"S\":\"x\"}}}", "no key attribute n"),
        ("{\"Item\":{\"id\":{\"S\":\"x\"},\"n\":{\"S\":\"1\"}}}", "not of type N"),
        ("{\"Item\":{\"id\":{\"S\":\"\"},\"n\":{\"N\":\"1\"}}}", "empty"),
        ("{\"id\":{\"S\":\"x\"},\"n\":{\"N\":\"1\"}", "malformed JSON"),
        ("{\"Item\":{\"id\":{\"S\":\"x\"},\"n\":{\"N\":\"1\"}}} 1", "behind"),
        ("nonsense", "expected"),
    ])
    func namesTheLineOfAFault(line: String, message: String) throws {
        var text = lines(100)
        let byte = text[..<50].reduce(0) { $0 + $1.utf8.count + 1 }
        text[50] = line
        let path = try workspace.write("orders.jsonl", text.joined(separator: "\n"))
        let error = fault(path)
        #expect(error?.code == .invalidInput)
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "none")")
        let place = error?.location ?? ""
        #expect(place.hasPrefix("\(path): line 51, byte "), "\(place)")
        let offset = Int(place.split(separator: " ").last ?? "") ?? 0
        #expect(offset >= byte && offset <= byte + line.utf8.count + 1)
    }

    @Test func refusesALineThatIsTooLong() throws {
        let long = "{\"Item\":{\"id\":{\"S\":\"" + String(repeating: "x", count: 5 << 20) + "\""
        let path = try workspace.write(
            "orders.jsonl", lines(2).joined(separator: "\n") + "\n" + long)
        let error = fault(path)
        #expect(error?.message.contains("longer than 4 MiB") == true)
        #expect(error?.location?.hasPrefix("\(path): line 3, byte ") == true)
    }

    @Test(
        arguments: [
            ([0xff, 0xfe, 0x7b, 0], "UTF-16"), ([0x28, 0xb5, 0x2f, 0xfd], "zstd"),
            (Array("[{}]".utf8), "JSON array"), (Array("id,n\n1,2\n".utf8), "begin with {"),
            (Array("$ion_1_0 {Item:{id:\"x\"}}".utf8), "Ion"),
            (Array("{\"id\":\"x\",\"n\":1}\n".utf8), "--plain-json"),
            (Array("{\n\"id\":{\"S\":\"x\"}\n}\n".utf8), "several lines"),
            (Array(repeating: UInt8(32), count: 70_000), "white space"),
        ] as [([UInt8], String)])
    func refusesWhatIsNotUnderstood(bytes: [UInt8], message: String) throws {
        let path = try workspace.write("data", bytes)
        let error = fault(path)
        #expect(error?.code == .invalidInput)
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "none")")
        #expect(error?.location == path)
    }

    @Test func acceptsAnEmptyFileAndBlankLines() throws {
        for text in ["", "\n \n\r\n", "\u{feff}"] {
            let path = try workspace.write("empty.jsonl", text)
            #expect(try read(path).items.isEmpty)
        }
        let zipped = try workspace.write("empty.gz", gzip([]))
        #expect(try read(zipped).items.isEmpty)
        #expect(fault(workspace.path + "/none")?.code == .notFound)
    }

    @Test func skipsAByteOrderMark() throws {
        let path = try workspace.write("bom", "\u{feff}" + lines(3).joined(separator: "\r\n"))
        let delivery = try read(path)
        #expect(delivery.items == lines(3))
        #expect(delivery.places[0].byte == 3)
    }

    @Test func readsPlainJSON() throws {
        let path = try workspace.write(
            "plain.jsonl", "{\"id\":\"a\",\"n\":1,\"list\":[1,null,true]}\n{\"id\":\"b\",\"n\":2}\n"
        )
        var options = SourceOptions()
        options.isPlainJSON = true
        #expect(
            try read(path, options: options).items == [
                "{\"Item\":{\"id\":{\"S\":\"a\"},\"n\":{\"N\":\"1\"},\"list\":{\"L\":["
                    + "{\"N\":\"1\"},{\"NULL\":true},{\"BOOL\":true}]}}}",
                "{\"Item\":{\"id\":{\"S\":\"b\"},\"n\":{\"N\":\"2\"}}}",
            ])
    }

    @Test func letsGoEarly() throws {
        let path = try workspace.write("orders.jsonl", lines(50_000).joined(separator: "\n"))
        var options = SourceOptions()
        options.chunkBytes = 4_096
        options.holdBytes = 1
        for taken in [0, 1, 5] {
            let stream = try TableSource.open(path, options: options).rows(schema: orderSchema)
            for _ in 0..<taken { _ = try stream.nextBatch() }
        }
    }
}
