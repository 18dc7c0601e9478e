import Testing
import VarveBytes
import VarveModel
import VarveStorage

@testable import VarveEndpoints

/// What is wrong in a source of changes is rejected record by record; the rest is read.
@Suite struct ChangeFaultTests {
    let workspace: Workspace

    init() throws { workspace = try Workspace() }

    static let keyA = "Keys\":{\"id\":{\"S\":\"a\""
    static let keyB = "Keys\":{\"id\":{\"S\":\"b\""
    static let sound = exported("a", at: 1, new: "x")

    static let bad: [(String, String)] = [
        ("{", "the JSON text ends too early"),
        ("nonsense", "malformed JSON"),
        ("{}", "no Keys"),
        ("[]]", "malformed JSON"),
        ("{\"Keys\":{\"id\":{\"S\":\"a\"}},\"NewImage\":{\"id\":{\"S\":\"a\"}}}", "no time"),
        (exported("", at: 1, new: "x"), "Keys: the key attribute id is empty"),
        (
            exported("a", at: 1, new: "x").replacing("\"Keys\":{\"id\"", with: "\"Keys\":{\"it\""),
            "Keys: the item has no key attribute id"
        ),
        (
            exported("a", at: 1, new: "x").replacing(keyA, with: keyB),
            "the key in NewImage is not the one in Keys"
        ),
        (
            exported("a", at: 1, old: "y").replacing(keyA, with: keyB),
            "the key in OldImage is not the one in Keys"
        ),
        (
            sound.replacing("\"Keys\":{", with: "\"Keys\":{\"z\":{\"N\":\"1\"},"),
            "not key attributes"
        ),
        (sound.replacing("{\"S\":\"x\"}", with: "{\"N\":\"x\"}"), "NewImage: "),
        (sound.replacing("{\"S\":\"x\"}", with: "\"x\""), "NewImage: "),
        (exported("a", at: 253_402_300_800_000_000, new: "x"), "9999"),
        (exported("a", at: -1, new: "x"), "WriteTimestampMicros is not a number"),
        ("{\"Keys\":\(person("a")),\"Keys\":\(person("a"))}", "stands twice"),
        (streamed("a", "MODIFY", time: "1", old: "x"), "no NewImage"),
        (streamed("a", "INSERT", time: "1"), "no NewImage"),
        (streamed("a", "REMOVE", time: "1", new: "x"), "REMOVE"),
        (streamed("a", "UPSERT", time: "1", new: "x"), "none of INSERT, MODIFY, REMOVE"),
        ("{\"Data\":\"???\"}", "base64"),
        ("{\"Data\":\"\(base64("hello"))\"}", "in the envelope: "),
        ("{\"Data\":\"\(base64(sound + "{}"))\"}", "more than one"),
        ("{\"Data\":\"\(base64("{\"Data\":\"AAAA\"}"))\"}", "in the envelope: "),
        ("{\"Data\":\"\(base64(sound))\",\"Keys\":{\"id\":{\"S\":\"a\"}}}", "too"),
        (
            "{\"NewImage\":{\"id\":{\"S\":\"a\"}},\"Data\":\"\(base64(sound))\"}",
            "an envelope within"
        ),
        (
            "{\"NewImage\":{\"id\":{\"S\":\"a\"}},\"Records\":[\(sound)]}",
            "a list of records within"
        ),
        (exported("a", at: 1, new: "x") + " text", "malformed JSON"),
        ("\u{0}\u{1}", "malformed JSON"),
    ]

    /// A sound record before it and behind it is read, whatever stands between.
    @Test(arguments: bad) func rejectsOneByOne(line: String, reason: String) throws {
        let good = [exported("g", at: 5, new: "Good"), exported("h", at: 6, new: "Good")]
        let text = "\(good[0])\n\(line)\n\(good[1])\n"
        let telling = try tell(workspace.write("changes.jsonl", text))
        let others = telling.changes.filter { $0.record != good[0] && $0.record != good[1] }
        #expect(telling.changes.first?.record == good[0])
        #expect(telling.changes.last?.record == good[1])
        #expect(others.count <= 1)
        #expect(telling.rejected.count == 1)
        let rejected = try #require(telling.rejected.first)
        #expect(rejected.reason.contains(reason), "\(rejected.reason)")
        #expect(rejected.place.line == 2)
        #expect(rejected.index == 1 + others.count)
        #expect(line.hasSuffix(String(decoding: rejected.record, as: UTF8.self)))
        #expect(telling.end == Int64(text.utf8.count))
        #expect(telling.cutOff == nil)
    }

    /// Of a list the sound elements are read, up to where nobody can tell elements apart.
    @Test func rejectsElementsOfLists() throws {
        let good = (0..<4).map { streamed("g\($0)", "INSERT", time: "17\($0)", new: "Good") }
        let bad = streamed("b", "INSERT", time: "1")
        let list = "{\"Records\":[\(good[0]),\(bad),\(good[1])]}\n"
        let broken = "{\"Records\":[\(good[2]),{\"Keys\" \(good[0])]}\n"
        let telling = try tell(
            workspace.write("changes.jsonl", list + broken + good[3] + "\n"))
        #expect(telling.changes.map(\.record) == good)
        #expect(telling.reasons.count == 2)
        #expect(telling.rejected.map(\.record).first == Array(bad.utf8))
        #expect(telling.rejected.map(\.index) == [1, 3])
    }

    /// A document that was cut off by another that follows costs itself alone.
    @Test func findsItsWayBehindBrokenDocuments() throws {
        let record = streamed("g", "INSERT", time: "17", new: "Good")
        let whole = "{\n  \"Records\": [\n    \(record)\n  ]\n}\n"
        for cut in [60, 100, whole.utf8.count - 2] {
            let text = String(whole.prefix(cut)) + "\n" + whole + whole
            let telling = try tell(workspace.write("changes.json", text))
            #expect(telling.changes.suffix(2).map(\.record) == [record, record], "\(cut)")
            #expect(telling.rejected.count == 1)
        }
    }

    /// What a source ends with, cut off, is left for the next run; whoever goes on finds all.
    @Test func leavesWhatIsCutOff() throws {
        let lines = (0..<3).map { exported("k\($0)", at: Int64($0), new: "Someone") }
        let text = lines.joined(separator: "\n")
        let path = "\(workspace.path)/changes.jsonl"
        for missing in [1, 10, 100] {
            try workspace.write("changes.jsonl", String(text.dropLast(missing)))
            let telling = try tell(path)
            #expect(telling.changes.map(\.record) == Array(lines.prefix(2)))
            #expect(telling.rejected == [])
            #expect(telling.cutOff?.place.line == 3)
            #expect(telling.end == telling.cutOff?.place.byte)
            try workspace.write("changes.jsonl", text)
            let rest = try tell(path, from: telling.end)
            #expect(rest.changes.map(\.record) == [lines[2]])
            #expect(rest.end == Int64(text.utf8.count))
        }
        // With a line feed behind it, it is no beginning but a defect.
        try workspace.write("changes.jsonl", String(text.dropLast(4)) + "\n")
        let telling = try tell(path)
        #expect(telling.cutOff == nil)
        #expect(telling.rejected.count == 1)
    }

    @Test func rejectsWhatIsTooLong() throws {
        let long = exported("l", at: 1, new: String(repeating: "x", count: 3 << 20))
        let good = exported("g", at: 5, new: "Good")
        for mode in [ChangeCutter.Mode.lines, .values] {
            let path = try workspace.write("changes.jsonl", "\(good)\n\(long)\n\(good)\n")
            let input = try SourceInput(FileDescriptor(reading: path))
            var cutter = ChangeCutter(mode, at: 0, target: 1 << 16, unitBytesMax: 1 << 20)
            var parser = RecordParser(.one(personSchema, name: "x"), options: ChangeOptions())
            var telling = Telling()
            while let chunk = try cutter.next(input) {
                telling.add(parser.parse(chunk, path: path))
            }
            #expect(telling.changes.map(\.record) == [good, good], "\(mode)")
            #expect(telling.rejected.count == 1)
            #expect(telling.rejected.first?.place.line == 2)
            let size = try #require(telling.rejected.first?.record.count)
            #expect(size > ChangeCutter.oversizedBytes - 2 && size <= ChangeCutter.oversizedBytes)
            #expect(telling.end == Int64(2 * good.utf8.count + long.utf8.count + 3))
        }
    }

    @Test(arguments: [1, 9, 400]) func readsUpToWhereGzipIsCutOff(missing: Int) throws {
        let lines = (0..<3_000).map { exported("k\($0 &* 7919)", at: Int64($0), new: "N\($0)") }
        let bytes = gzip(Array((lines.joined(separator: "\n") + "\n").utf8))
        let path = try workspace.write("changes.gz", Array(bytes.dropLast(missing)))
        let source = try #require(try ChangeInput.find(path).first)
        var options = ChangeOptions()
        options.chunkBytes = 5_000
        let stream = source.changes(.one(personSchema, name: "x"), options: options)
        var telling = Telling()
        do {
            while case .parcel(let parcel) = try stream.next() { telling.add(parcel) }
            Issue.record("no error")
        } catch {
            #expect(error.code == .invalidInput)
            #expect(error.message.contains("cut off"))
        }
        #expect(telling.rejected == [])
        #expect(telling.changes.count > 2_000)
        #expect(telling.changes.map(\.record) == Array(lines.prefix(telling.changes.count)))
    }

    @Test func refusesOtherFiles() throws {
        for (text, message) in [
            ("{\"Item\":{\"id\":{\"S\":\"a\"}}}\n", "items of a table"),
            ("{\"Items\":[],\"Count\":0}\n", "items of a table"),
            ("BZh91AY&SY", "bzip2"),
        ] {
            let path = try workspace.write("other", text)
            #expect {
                try tell(path)
            } throws: {
                ($0 as? VarveError)?.message.contains(message) == true
                    && ($0 as? VarveError)?.location == path
            }
        }
        #expect(throws: VarveError(.notFound, "")) { try tell("\(workspace.path)/nothing") }
    }

    /// Whatever is done to the text, nothing traps, and sound lines elsewhere are read.
    @Test func survivesMutations() throws {
        var random = Seeded(20_251_121)
        let inner = kinesis("e", "INSERT", time: "1", new: "q")
        let lines = [
            exported("a", at: 5, old: "x", new: "Ädä \\u00e9"),
            streamed("b", "REMOVE", time: "1.7e9", old: "y"),
            kinesis("c", "INSERT", time: "1730000000123", new: "z"),
            "{\"Records\":[\(streamed("d", "INSERT", time: "3", new: "x")),"
                + "{\"kinesis\":{\"data\":\"\(base64(inner))\"}}]}",
        ]
        let good = exported("g", at: 5, new: "Good")
        for round in 0..<4_000 {
            var line = Array(lines[round % lines.count].utf8)
            for _ in 0...Int.random(in: 0..<3, using: &random) {
                let at = Int.random(in: 0..<line.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: line[at] = UInt8(truncatingIfNeeded: random.next())
                case 1: line.remove(at: at)
                case 2: line.insert(Array("{\"[]},:".utf8).randomElement(using: &random)!, at: at)
                default: line.removeSubrange(at..<min(line.count, at + 40))
                }
                if line.isEmpty { line = [0x7b] }
            }
            line.removeAll { $0 == 0x0a }
            var parser = RecordParser(.one(personSchema, name: "x"), options: ChangeOptions())
            var telling = Telling()
            for _ in 0..<2 {
                var text = ByteWriter()
                text.append(line + [0x0a] + Array(good.utf8) + [0x0a])
                telling.add(parser.parse(ChangeChunk(text, line: 1, byte: 0), path: "x"))
            }
            #expect(telling.changes.last?.record == good, "seed 20251121, round \(round)")
        }
    }
}
