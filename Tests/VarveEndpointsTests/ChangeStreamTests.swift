import Foundation
import Testing
import VarveBytes
import VarveModel
import VarveStorage

@testable import VarveEndpoints

/// Files, pipes and directories of changes.
@Suite struct ChangeStreamTests {
    let workspace: Workspace

    init() throws { workspace = try Workspace() }

    @Test(arguments: [1, 3], [false, true])
    func keepsTheOrder(workers: Int, isGzip: Bool) throws {
        let lines = (0..<5_000).map { exported("k\($0 % 7)", at: Int64($0), new: "N\($0)") }
        let text = Array((lines.joined(separator: "\n\n") + "\n").utf8)
        let path = try workspace.write("changes", isGzip ? gzip(text, partBytes: 9_999) : text)
        var options = ChangeOptions()
        options.chunkBytes = 7_777
        options.readBytes = 1_111
        let telling = try tell(path, options: options, workers: workers)
        #expect(telling.changes.map(\.record) == lines)
        #expect(telling.parcelCount > 30)
        // Reading can go on behind any record.
        for index in [0, 1, 2_500, 4_998, 4_999] {
            let rest = try tell(path, from: Int64(telling.ends[index]), options: options)
            #expect(rest.changes.map(\.record) == Array(lines.dropFirst(index + 1)))
            #expect(rest.ends == Array(telling.ends.dropFirst(index + 1)))
        }
    }

    @Test(arguments: [1, 100, 1 << 20]) func readsValuesOnSeveralLines(chunkBytes: Int) throws {
        let lines = (0..<500).map { exported("k\($0)", at: Int64($0), new: "N{\($0)}") }
        let pretty = lines.map { $0.replacing(",", with: ",\n  ").replacing(":{", with: ": {\n") }
        var options = ChangeOptions()
        options.chunkBytes = chunkBytes
        let path = try workspace.write("changes.json", pretty.joined(separator: "\n") + "\n")
        let telling = try tell(path, options: options)
        #expect(telling.reasons == [])
        #expect(telling.changes.map(\.record) == pretty)
    }

    /// What has come is delivered although the pipe stays open and no buffer is full.
    @Test func deliversWhatHasCome() throws {
        let path = "\(workspace.path)/pipe"
        let made = unsafe mkfifo(path, 0o600)
        #expect(made == 0)
        let source = try #require(try ChangeInput.find(path).first)
        #expect(source.kind == .pipe)
        let stream = source.changes(.one(personSchema, name: "People"))
        // Opened for reading and writing, a pipe waits for nobody.
        let writer = try #require(FileHandle(forUpdatingAtPath: path))
        var telling = Telling()
        func arrive(_ count: Int) throws {
            while telling.changes.count < count {
                guard case .parcel(let parcel) = try stream.next(waitingAtMost: 20_000_000) else {
                    Issue.record("nothing came")
                    return
                }
                telling.add(parcel)
            }
        }
        let lines = (0..<3).map { exported("k\($0)", at: Int64($0), new: "N\($0)") }
        try writer.write(contentsOf: Array((lines[0] + "\n").utf8))
        try arrive(1)
        guard case .nothing = try stream.next(waitingAtMost: 1_000) else {
            Issue.record("something came")
            return
        }
        // A line that has come in part waits for its rest.
        try writer.write(contentsOf: Array("\(lines[1])\n\(lines[2].prefix(30))".utf8))
        try arrive(2)
        guard case .nothing = try stream.next(waitingAtMost: 1_000) else {
            Issue.record("something came")
            return
        }
        try writer.write(contentsOf: Array("\(lines[2].dropFirst(30))\n".utf8))
        try arrive(3)
        #expect(telling.changes.map(\.record) == lines)
        try writer.close()
    }

    @Test func readsDirectories() throws {
        for name in ["b.jsonl", "a.jsonl", ".hidden"] {
            try workspace.write("files/\(name)", exported(name, at: 1, new: "x") + "\n")
        }
        let telling = try tell("\(workspace.path)/files")
        #expect(
            telling.changes.map { String(decoding: $0.key, as: UTF8.self) } == [
                "a.jsonl", "b.jsonl",
            ])
        try FileSystem.makeDirectory("\(workspace.path)/empty")
        #expect(throws: VarveError(.notFound, "")) { try tell("\(workspace.path)/empty") }
    }

    // MARK: - Exports

    func writeExport(
        _ name: String, from: String, to: String, view: String = "NEW_AND_OLD_IMAGES",
        lines: [String], type: String = "INCREMENTAL_EXPORT", count: Int? = nil,
        md5 wrong: String? = nil, version: String = "2023-08-01"
    ) throws {
        let bytes = gzip(Array(lines.map { $0 + "\n" }.joined().utf8))
        let root = "out/AWSDynamoDB"
        try workspace.write("\(root)/data/\(name).json.gz", bytes)
        try workspace.write(
            "\(root)/\(name)/manifest-summary.json",
            "{\"version\":\"\(version)\",\"exportType\":\"\(type)\",\"outputView\":\"\(view)\","
                + "\"exportFromTime\":\"\(from)\",\"exportToTime\":\"\(to)\","
                + "\"tableArn\":\"arn:aws:dynamodb:eu-west-1:1:table/People\","
                + "\"itemCount\":\(lines.count),\"outputFormat\":\"DYNAMODB_JSON\"}")
        try workspace.write(
            "\(root)/\(name)/manifest-files.json",
            "{\"itemCount\":\(count ?? lines.count),\"md5Checksum\":\"\(wrong ?? md5(bytes))\","
                + "\"dataFileS3Key\":\"x/AWSDynamoDB/data/\(name).json.gz\"}\n")
    }

    @Test func readsIncrementalExports() throws {
        try writeExport(
            "02", from: "2024-10-27T03:45:00Z", to: "2024-10-27T04:00:00.000Z",
            lines: [exported("b", at: 1_730_001_000_000_000, new: "Bob")])
        try writeExport(
            "03", from: "2024-10-27T03:30:00Z", to: "2024-10-27T03:45:00Z", view: "NEW_IMAGE",
            lines: [exported("a", at: 1_730_000_000_000_000, new: "Ada")])
        let sources = try ChangeInput.find("\(workspace.path)/out")
        #expect(sources.map(\.path).map { $0.suffix(2) } == ["03", "02"])
        guard case .export(let window) = sources[0].kind else {
            Issue.record("no export")
            return
        }
        #expect(window.from == 1_729_999_800_000_000)
        #expect(window.to == 1_730_000_700_000_000)
        #expect(window.tableName == "People")
        #expect(!window.hasOldImages)
        let telling = try tell("\(workspace.path)/out")
        #expect(telling.changes.map(\.before) == [.untold, .absent])
        #expect(try tell(sources[0].path).changes.count == 1)
    }

    @Test func refusesExportsThatAreDamaged() throws {
        let line = exported("a", at: 1_730_000_000_000_000, new: "Ada")
        func message(_ path: String = "out") -> String {
            do {
                _ = try tell("\(workspace.path)/\(path)")
                return "none"
            } catch { return "\(error)" }
        }
        let (from, to) = ("2024-10-27T03:30:00Z", "2024-10-27T03:45:00Z")
        try writeExport("01", from: from, to: to, lines: [line], count: 2)
        #expect(message().contains("1 items, its list of files 2"))
        try writeExport("01", from: from, to: to, lines: [line], md5: "AAAA")
        #expect(message().contains("MD5"))
        try writeExport("01", from: from, to: to, lines: [line], version: "2031-01-01")
        #expect(message().contains("version 2031-01-01"))
        try writeExport("01", from: to, to: from, lines: [line])
        #expect(message().contains("in order"))
        try writeExport("01", from: from, to: to, lines: [line], type: "FULL_EXPORT")
        #expect(message().contains("varve backup takes"))
        try workspace.write("begun/AWSDynamoDB/01/_started", "")
        #expect(message("begun").contains("not finished"))
    }
}
