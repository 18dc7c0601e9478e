import Testing
import VarveBytes
import VarveModel
import VarveStorage

@testable import VarveEndpoints

/// Every form in which change records come.
@Suite struct ChangeFormTests {
    let workspace: Workspace
    let second: Int64 = 1_730_000_000_000_000

    init() throws { workspace = try Workspace() }

    func told(_ text: String, _ tables: ChangeTables = .one(personSchema, name: "People")) throws
        -> Telling
    {
        try tell(workspace.write("changes.jsonl", text), tables)
    }

    func value(_ id: String, _ name: String) throws -> (value: [UInt8], hash: Hash256) {
        var parser = ItemParser(schema: personSchema)
        var rows = RowBuffer()
        var offsets: [UInt32] = []
        let line = Array(person(id, name).utf8)
        try parser.parse(lines: line.raw, into: &rows, lineOffsets: &offsets)
        return (rows.valueBytes(0), rows.itemHash(0))
    }

    @Test func readsRecordsOfIncrementalExports() throws {
        let texts = [
            exported("a", at: second + 1, new: "Ada"),
            exported("a", at: second + 2, old: "Ada", new: "Ada L."),
            exported("a", at: second + 3, old: "Ada L."),
        ]
        let telling = try told(texts.joined(separator: "\n") + "\n")
        let key = Array("a".utf8)
        #expect(telling.rejected == [])
        #expect(
            telling.changes == [
                Told(
                    key: key, time: second + 1, value: try value("a", "Ada").value,
                    before: .untold, record: texts[0]),
                Told(
                    key: key, time: second + 2, value: try value("a", "Ada L.").value,
                    before: .item(try value("a", "Ada").hash), record: texts[1]),
                Told(
                    key: key, time: second + 3, value: nil,
                    before: .item(try value("a", "Ada L.").hash), record: texts[2]),
            ])
        var ends: [UInt64] = []
        for text in texts { ends.append((ends.last ?? 0) + UInt64(text.utf8.count + 1)) }
        #expect(telling.ends == ends)
        #expect(telling.end == Int64(ends[2]))
    }

    /// Lines of a rejects file, of records plain and in envelopes; of those that were no JSON the
    /// text alone is there. Rejected again, a record stands for itself.
    @Test func readsRejectedRecords() throws {
        func line(_ rest: String) -> String {
            "{\"table\":\"People\",\"file\":\"a\",\"line\":7,\"byte\":3,\"reason\":\"x\",\(rest)}\n"
        }
        let record = exported("a", at: second + 1, new: "Ada")
        let inner = base64(exported("b", at: second + 2, new: "Bob"))
        let envelope = "{\"Data\":\"\(inner)\"}"
        let deep = String(repeating: "{\"record\":", count: 100_000)
        let telling = try told(
            line("\"record\":\(record)") + line("\"record\":\(envelope)") + line("\"text\":\"{\"")
                + line("\"record\":{\"record\":\(record)}") + line("\"record\":7") + deep + "\n")
        #expect(telling.changes.map(\.record) == [record, envelope])
        #expect(telling.changes.map(\.time) == [second + 1, second + 2])
        #expect(telling.rejected.count == 4)
    }

    static let times: [(String, String?, Int64)] = [
        ("1730000000", nil, 1_730_000_000_000_000),
        ("1.73E9", nil, 1_730_000_000_000_000),
        ("1730000000.25", nil, 1_730_000_000_250_000),
        ("\"1730000000\"", nil, 1_730_000_000_000_000),
        ("1730000000123", nil, 1_730_000_000_123_000),
        ("1730000000123456", nil, 1_730_000_000_123_456),
        ("1730000000123", "MILLISECOND", 1_730_000_000_123_000),
        ("1730000000123456", "MICROSECOND", 1_730_000_000_123_456),
        ("1000", "MILLISECOND", 1_000_000),
        ("\"2024-10-27T03:33:20+00:00\"", nil, 1_730_000_000_000_000),
        ("\"2024-10-27T05:33:20.5+02:00\"", nil, 1_730_000_000_500_000),
        ("\"2024-10-26 20:33:20-07:00\"", nil, 1_730_000_000_000_000),
        ("\"2024-10-27T03:33:20Z\"", nil, 1_730_000_000_000_000),
    ]

    @Test(arguments: times) func readsTimes(text: String, precision: String?, time: Int64) throws {
        let telling = try told(
            kinesis("a", "INSERT", time: text, precision: precision, new: "Ada"))
        #expect(telling.changes.map(\.time) == [time])
        #expect(telling.reasons == [])
    }

    @Test(arguments: [
        "\"2024-10-27T03:33:20\"", "\"yesterday\"", "-5", "1e300", "true", "\"\"", "[]", "1e",
    ])
    func rejectsTimesThatAreNone(text: String) throws {
        let telling = try told(streamed("a", "INSERT", time: text, new: "Ada") + "\n")
        #expect(telling.changes == [])
        #expect(telling.rejected.count == 1)
    }

    /// One a line; in a list on one line, as Lambda has it; in a list on many lines, as the AWS CLI
    /// prints it; in a bare array; each again and again.
    @Test(arguments: 0..<6) func readsRecordsOfStreams(layout: Int) throws {
        let records = [
            streamed("a", "INSERT", time: "1730000000", new: "Ada"),
            streamed("a", "MODIFY", time: "1730000001", old: "Ada", new: "Ada L."),
            streamed("b", "MODIFY", time: "1730000001", new: "Bob"),
            streamed("a", "REMOVE", time: "1730000002", old: "Ada L."),
            streamed("b", "REMOVE", time: "1730000002"),
        ]
        let list = records.joined(separator: ",")
        let pretty =
            "{\n    \"Records\": [\n        "
            + records.map { $0.replacing("{", with: "{\n            ") }
            .joined(separator: ",\n        ")
            + "\n    ],\n    \"NextShardIterator\": \"x{y\"\n}\n"
        let texts = [
            records.joined(separator: "\n"), "{\"Records\":[\(list)],\"NextShardIterator\":null}",
            pretty, "[\(list)]", "[\n\(records.joined(separator: ",\n"))\n]\n",
            "{\"Records\": [\n\(records.joined(separator: ",\n"))\n]}\n",
        ]
        let telling = try told(texts[layout] + "\n" + texts[layout])
        #expect(telling.reasons == [])
        #expect(telling.recordCount == 10)
        let key = { (id: String) in Array(id.utf8) }
        let before: [ChangeBatch.Before] = [
            .absent, .item(try value("a", "Ada").hash), .untold,
            .item(try value("a", "Ada L.").hash), .untold,
        ]
        for half in [telling.changes.prefix(5), telling.changes.suffix(5)] {
            #expect(half.map(\.before) == before)
            #expect(half.map(\.key) == ["a", "a", "b", "a", "b"].map(key))
            #expect(half.map { $0.value != nil } == [true, true, true, false, false])
            #expect(
                half.map { ($0.time - second) / 1_000_000 } == [0, 1, 1, 2, 2])
        }
        if layout != 2 { #expect(telling.changes.prefix(5).map(\.record) == records) }
        // Reading can go on behind the last record of a document, or at its beginning.
        if layout == 1 {
            let half = UInt64(texts[1].utf8.count + 1)
            #expect(telling.ends.prefix(6) == [0, 0, 0, 0, half, half])
        }
    }

    @Test func readsRecordsOfKinesis() throws {
        let records = [
            kinesis("a", "INSERT", time: "1730000000001", new: "Ada"),
            kinesis(
                "b", "INSERT", time: "1730000000000002", precision: "MICROSECOND", new: "Bob"),
        ]
        let bare = records.joined()
        let data = records.map {
            "{\"SequenceNumber\":\"4960\",\"ApproximateArrivalTimestamp\":1730000009.1,"
                + "\"Data\":\"\(base64($0 + "\n"))\",\"PartitionKey\":\"x\"}"
        }
        let lambda = records.map {
            "{\"kinesis\":{\"kinesisSchemaVersion\":\"1.0\",\"data\":\"\(base64($0))\","
                + "\"approximateArrivalTimestamp\":1730000009.1},\"eventSource\":\"aws:kinesis\","
                + "\"eventSourceARN\":\"arn:aws:kinesis:us-east-1:1:stream/S\"}"
        }
        let texts = [
            bare, records.joined(separator: "\n"), data.joined(separator: "\n"),
            "{\"Records\":[\(data.joined(separator: ","))],\"MillisBehindLatest\":0}",
            "{\"Records\":[\(lambda.joined(separator: ","))]}",
        ]
        for (index, text) in texts.enumerated() {
            for tables in [
                ChangeTables.one(personSchema, name: "People"),
                .named({ (name) throws(VarveError) in name == "People" ? personSchema : nil }),
            ] {
                let telling = try told(text, tables)
                #expect(telling.reasons == [], "\(index)")
                #expect(telling.unassigned == [])
                #expect(telling.changes.map(\.time) == [second + 1_000, second + 2])
                #expect(telling.changes.map(\.before) == [.absent, .absent])
                let expected = index < 2 ? records : index == 4 ? lambda : data
                #expect(telling.changes.map(\.record) == expected)
            }
        }
    }

    @Test func tellsTablesApart() throws {
        let arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/Cats/stream/2024-10-27T00:00"
        let lines = [
            exported("a", at: 1, new: "Ada", table: "People"),
            streamed("a", "INSERT", time: "1730000000", new: "Tom", arn: arn),
            kinesis("b", "INSERT", time: "1730000000", new: "Bob"),
            kinesis("c", "INSERT", time: "1730000000", new: "Rex", table: "Dogs"),
            exported("d", at: 1, new: "Nobody"),
        ]
        let text = lines.joined(separator: "\n") + "\n"
        let one = try told(text)
        #expect(one.changes.map(\.key) == ["a", "b", "d"].map { Array($0.utf8) })
        #expect(one.leftOut == ["Cats": 1, "Dogs": 1])
        #expect(one.changes.allSatisfy { $0.table == nil })
        let all = try told(
            text,
            .named({ (name) throws(VarveError) in
                name == "Dogs"
                    ? nil
                    : name == "Cats"
                        ? KeySchema(partition: KeyAttribute(name: "id", type: .string))
                        : personSchema
            }))
        #expect(all.changes.map(\.table) == ["People", "People", "Cats"])
        #expect(all.reasons.count == 1)
        let reason = try #require(all.reasons.first)
        #expect(reason.hasPrefix("4: the key attributes of the table Dogs are not known; give"))
        #expect(all.unassigned.map(\.record) == [Array(lines[4].utf8)])
    }

    /// The key attributes of the table that came before are not those of the next.
    @Test func changesTheTableWithinAFile() throws {
        let lines = [
            exported("a", at: 1, new: "Ada", table: "People"),
            "{\"Metadata\":{\"WriteTimestampMicros\":{\"N\":\"7\"}},\"Keys\":{\"n\":{\"N\":\"1\"}},"
                + "\"NewImage\":{\"n\":{\"N\":\"1\"},\"x\":{\"BOOL\":true}},\"Table\":\"Numbers\"}",
            exported("b", at: 2, new: "Bob", table: "People"),
        ]
        let numbers = KeySchema(partition: KeyAttribute(name: "n", type: .number))
        let telling = try told(
            (lines + lines).joined(separator: "\n"),
            .named({ (name) throws(VarveError) in name == "Numbers" ? numbers : personSchema }))
        #expect(telling.reasons == [])
        #expect(
            telling.changes.map(\.table) == [
                "People", "People", "People", "People", "Numbers", "Numbers",
            ])
        #expect(telling.changes.map(\.time) == [1, 2, 1, 2, 7, 7])
        #expect(telling.changes.map(\.record) == [0, 2, 0, 2, 1, 1].map { lines[$0] })
    }

    @Test func givesThePresentTime() throws {
        let path = try workspace.write(
            "changes.jsonl",
            "{\"Keys\":\(person("a")),\"NewImage\":\(person("a", "Ada"))}\n"
                + exported("b", at: 5, new: "Bob"))
        var options = ChangeOptions()
        #expect(try tell(path, options: options).rejected.count == 1)
        options.restamp = true
        let telling = try tell(path, options: options, time: ManualTime(77_000_001))
        #expect(telling.changes.map(\.time) == [77_000_001, 77_000_001])
    }
}
