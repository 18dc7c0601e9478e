import Testing
import VarveBytes
import VarveModel
import VarveStorage

@testable import VarveEndpoints

/// Writes rows as a restore does: rendered in parts, written in order.
func write(_ batches: [RowBatch], to target: TableTarget) throws(VarveError) {
    for batch in batches {
        var bytes = ByteWriter()
        let part = try target.renderer.render(batch.rows, into: &bytes)
        try target.write(bytes.bytes, part)
    }
}

/// The rows of some lines, in batches.
func batches(
    _ text: [String], schema: KeySchema = orderSchema, size: Int = 700
) throws -> [RowBatch] {
    var parser = ItemParser(schema: schema)
    return try stride(from: 0, to: text.count, by: size).map { start in
        let part = Array(text[start..<min(start + size, text.count)].joined(separator: "\n").utf8)
        var rows = RowBuffer()
        var offsets: [UInt32] = []
        try parser.parse(lines: part.raw, into: &rows, lineOffsets: &offsets)
        return RowBatch(
            rows: rows,
            origins: .each(offsets.map { RowOrigin(file: 0, line: 1, byte: Int64($0)) }),
            files: SourceFileNames(names: ["memory"]))
    }
}

@Suite struct TableTargetTests {
    let workspace: Workspace

    init() throws { workspace = try Workspace() }

    @Test(arguments: ["orders.jsonl", "orders.jsonl.gz", "orders.json"], [0, 1, 5_000])
    func writesWhatASourceReads(name: String, count: Int) throws {
        let path = workspace.path + "/" + name
        let target = try TableTarget.file(path, format: .lines, schema: orderSchema)
        try write(try batches(lines(count)), to: target)
        let before = try FileSystem.names(in: workspace.path)
        #expect(before.count == 1 && before[0].hasSuffix(".partial"))
        try target.finish()
        #expect(try FileSystem.names(in: workspace.path) == [name])
        #expect(target.itemCount == Int64(count))
        #expect(target.byteCount == Int64(try workspace.read(name).count))
        #expect(try read(path).items == lines(count))
        if name == "orders.jsonl" {
            #expect(try workspace.text(name) == lines(count).map { $0 + "\n" }.joined())
        }
    }

    @Test func leavesNothingWhenAbandoned() throws {
        for path in ["orders.jsonl", "export"] {
            let target = try begin(path)
            try write(try batches(lines(10)), to: target)
            try target.abandon()
            try target.abandon()
            #expect(try FileSystem.names(in: workspace.path).isEmpty)
            do { _ = try begin(path) }
            #expect(try FileSystem.names(in: workspace.path).isEmpty)
        }
    }

    private func begin(_ name: String) throws -> TableTarget {
        let path = workspace.path + "/" + name
        if name == "export" {
            return try TableTarget.export(
                path, description: ExportDescription(exportTime: 0, startTime: 0),
                schema: orderSchema)
        }
        return try TableTarget.file(path, format: .lines, schema: orderSchema)
    }

    @Test(arguments: ["orders.jsonl", "export"])
    func neverReplacesWhatIsThere(name: String) throws {
        // There from the beginning.
        try workspace.write(name, "precious")
        #expect(throws: VarveError(.exists, "")) { try begin(name) }
        try FileSystem.remove(workspace.path + "/" + name)
        // Appeared meanwhile.
        let target = try begin(name)
        try write(try batches(lines(3)), to: target)
        try workspace.write(name, "precious")
        #expect(throws: VarveError(.exists, "")) { try target.finish() }
        #expect(try workspace.text(name) == "precious")
        #expect(try FileSystem.names(in: workspace.path) == [name])
        // Nor an empty directory.
        try FileSystem.remove(workspace.path + "/" + name)
        try FileSystem.makeDirectory(workspace.path + "/" + name)
        #expect(throws: VarveError(.exists, "")) { try begin(name) }
    }

    @Test func writesPlainJSON() throws {
        let rows = try batches([
            "{\"id\":{\"S\":\"a\"},\"n\":{\"N\":\"1.50\"},\"m\":{\"M\":{\"x\":{\"L\":[]}}}}",
            "{\"id\":{\"S\":\"b\"},\"n\":{\"N\":\"2\"},\"s\":{\"SS\":[\"y\",\"x\"]}}",
        ])
        let strict = try TableTarget.file(
            workspace.path + "/a.jsonl", format: .plainLines(isLossy: false), schema: orderSchema)
        #expect(throws: VarveError(.refused, "")) { try write(rows, to: strict) }
        let path = workspace.path + "/b.jsonl"
        let lossy = try TableTarget.file(
            path, format: .plainLines(isLossy: true), schema: orderSchema)
        try write(rows, to: lossy)
        try lossy.finish()
        #expect(
            try workspace.text("b.jsonl")
                == "{\"id\":\"a\",\"n\":1.5,\"m\":{\"x\":[]}}\n"
                + "{\"id\":\"b\",\"n\":2,\"s\":[\"x\",\"y\"]}\n"
        )
    }

    @Test func writesCSV() throws {
        let rows = try batches([
            "{\"id\":{\"S\":\"a,b\"},\"n\":{\"N\":\"-1.50\"},\"t\":{\"S\":\"say \\\"hi\\\"\\n\"}}",
            "{\"id\":{\"S\":\"c\"},\"n\":{\"N\":\"2\"},\"t\":{\"S\":\"\"},\"o\":{\"BOOL\":true},"
                + "\"other\":{\"S\":\"left out\"}}",
            "{\"id\":{\"S\":\"d\"},\"n\":{\"N\":\"2\"},\"t\":{\"NULL\":true},"
                + "\"o\":{\"B\":\"AAEC\"}}",
            "{\"id\":{\"S\":\"e\"},\"n\":{\"N\":\"2\"},\"t\":{\"S\":\" x\"},"
                + "\"o\":{\"M\":{\"k\":{\"L\":[{\"N\":\"1\"},{\"NS\":[\"3\",\"2\"]}]}}}}",
        ])
        var collector = ColumnCollector(schema: orderSchema)
        for batch in rows { try collector.add(batch.rows) }
        #expect(collector.columns == ["id", "n", "o", "other", "t"])
        for name in ["o.csv", "o.csv.gz"] {
            let target = try TableTarget.file(
                workspace.path + "/" + name, format: .csv(columns: ["id", "n", "t", "o"]),
                schema: orderSchema)
            try write(rows, to: target)
            try target.finish()
        }
        let expected = """
            id,n,t,o
            "a,b",-1.5,"say ""hi""
            ",
            c,2,"",true
            d,2,null,AAEC
            e,2," x","{""k"":[1,[2,3]]}"

            """
        #expect(try workspace.text("o.csv") == expected)
        var reader = GzipReader()
        var plain = ByteWriter()
        let stored = try workspace.read("o.csv.gz")
        #expect(try reader.inflate(stored.raw, into: &plain, room: 10_000) == stored.count)
        try reader.finish()
        #expect(plain.takeBytes() == Array(expected.utf8))
    }

    @Test func writesChangeRecords() throws {
        let rows = try batches(["{\"id\":{\"S\":\"a\"},\"n\":{\"N\":\"1\"},\"t\":{\"S\":\"x\"}}"])
        let row = rows[0]
        let text = try records(row.rows)
        let keys = "{\"id\":{\"S\":\"a\"},\"n\":{\"N\":\"1\"}}"
        let image = "{\"id\":{\"S\":\"a\"},\"n\":{\"N\":\"1\"},\"t\":{\"S\":\"x\"}}"
        let head = "{\"Metadata\":{\"WriteTimestampMicros\":{\"N\":\"7\"}},\"Keys\":\(keys)"
        #expect(
            text == "\(head),\"NewImage\":\(image)}\n\(head),\"OldImage\":\(image)}\n"
                + "\(head),\"OldImage\":\(image),\"NewImage\":\(keys)}\n")
    }

    private func records(_ rows: borrowing RowBuffer) throws -> String {
        var output = ByteWriter()
        var renderer = ChangeRecordRenderer(schema: orderSchema)
        let bare: [UInt8] = [0]
        try renderer.append(time: 7, key: rows.key(0), old: nil, new: rows.value(0), to: &output)
        try renderer.append(time: 7, key: rows.key(0), old: rows.value(0), new: nil, to: &output)
        try renderer.append(
            time: 7, key: rows.key(0), old: rows.value(0), new: bare.raw, to: &output)
        return String(decoding: output.takeBytes(), as: UTF8.self)
    }
}
