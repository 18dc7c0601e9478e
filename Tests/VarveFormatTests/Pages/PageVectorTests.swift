import Testing
import VarveBytes
import VarveModel
@testable import VarveFormat

/// The files of test vectors, in both directions.
struct PageVectorTests {
    typealias V = PageVector

    // MARK: Leaf pages

    static func leaf(_ name: String, _ schema: KeySchema, _ kind: TreeKind, _ rows: [TestRow])
        throws -> V.Leaf
    {
        let isRun = kind == .run
        return V.Leaf(
            name: name, kind: kind.rawValue, partition: schema.partition.type.rawValue,
            sort: schema.sort?.type.rawValue ?? 0,
            rows: rows.map {
                V.Row(
                    key: V.hexadecimal($0.key), value: V.hexadecimal($0.value),
                    time: isRun ? $0.stamp.time : nil, sequence: isRun ? $0.stamp.sequence : nil,
                    put: isRun ? $0.stamp.kind == .put : nil)
            },
            page: V.hexadecimal(try TestRows.encode(rows, schema, kind)))
    }

    /// Three order lines: the worked example of Spec 07.
    static func orderLines() -> (KeySchema, [TestRow]) {
        let schema = TestRows.schema(.string, .number)
        let quantities: [Int128] = [6, 6, 8]
        let stock = ["85123A", "71053", "84406B"]
        let rows = (0..<3).map { line in
            let sort = TestRows.bytes { TestRows.number(Int128(line), 0).appendKey(to: &$0) }
            return TestRow(
                key: TestRows.key(schema, Array("536365".utf8), sort),
                value: TestRows.value([
                    ("Quantity", TestRows.integer(quantities[line])),
                    ("StockCode", TestRows.string(stock[line])),
                ]))
        }
        return (schema, rows)
    }

    static func leaves() throws -> [V.Leaf] {
        let (schema, rows) = orderLines()
        var cases = [try leaf("order lines", schema, .image, rows)]
        cases.append(
            try leaf(
                "one row without attributes", TestRows.schema(.binary), .image,
                [TestRow(key: [0], value: [0])]))
        cases.append(
            try leaf(
                "a run of tombstones", TestRows.schema(.string), .run,
                (0..<3).map {
                    TestRow(
                        key: [0x61], value: [],
                        stamp: ChangeStamp(
                            time: -5, sequence: UInt64.max - 2 + UInt64($0), kind: .tombstone))
                }))
        let sorts: [AttributeType?] = [nil, .string, .number, .binary]
        for seed in 0..<24 {
            var source = RandomRows(
                seed: UInt64(7000 + seed), partition: LeafPageTests.types[seed % 3],
                sort: sorts[seed % 4])
            let kind: TreeKind = seed % 5 < 3 ? .image : .run
            let rows = source.rows(seed == 23 ? 300 : 3 + seed, kind)
            cases.append(try leaf("random \(seed)", source.schema, kind, rows))
        }
        return cases
    }

    @Test func leafPages() throws {
        let cases = try PageVectors.load(
            "leaf-pages", spec: "07 Pages, Leaf page", Self.leaves)
        for vector in cases {
            let kind = try #require(TreeKind(rawValue: vector.kind))
            let schema = TestRows.schema(
                try #require(AttributeType(rawValue: vector.partition)),
                AttributeType(rawValue: vector.sort))
            let rows = try vector.rows.map {
                TestRow(
                    key: try V.bytes($0.key), value: try V.bytes($0.value),
                    stamp: ChangeStamp(
                        time: $0.time ?? 0, sequence: $0.sequence ?? 0,
                        kind: $0.put == false ? .tombstone : .put))
            }
            let page = try TestRows.encode(rows, schema, kind)
            #expect(V.hexadecimal(page) == vector.page, "\(vector.name)")
            let found = try TestRows.decode(try V.bytes(vector.page), schema, kind)
            #expect(found == rows, "\(vector.name)")
        }
    }

    // MARK: Index pages

    static func index(_ page: IndexPage) -> V.Index {
        let isRun = page.kind == .run
        return V.Index(
            kind: page.kind.rawValue + 2, level: page.level,
            children: page.children.map {
                V.Child(
                    lastKey: V.hexadecimal($0.lastKey), lastTime: isRun ? $0.lastTime : nil,
                    lastSequence: isRun ? $0.lastSequence : nil, id: $0.id.description,
                    entries: $0.entries, weight: $0.weight, digest: $0.digest.description,
                    leastTime: isRun ? $0.leastTime : nil,
                    greatestTime: isRun ? $0.greatestTime : nil)
            },
            page: V.hexadecimal(SmallPageTests.bytes { page.encode(into: &$0) }))
    }

    @Test func indexPages() throws {
        let cases = try PageVectors.load("index-pages", spec: "07 Pages, Index page") {
            [1, 3].flatMap { count in
                [TreeKind.image, .run].map {
                    Self.index(SmallPageTests.indexPage($0, count: count))
                }
            }
        }
        for vector in cases {
            let kind = try #require(TreeKind(rawValue: vector.kind - 2))
            let bytes = try V.bytes(vector.page)
            let page = try IndexPage(bytes.raw, kind: kind)
            #expect(Self.index(page) == vector)
        }
    }

    // MARK: The cut rule

    @Test func cutRule() throws {
        let cases = try PageVectors.load("cut-rule", spec: "06 Cut rule, Rule") {
            (0..<10).map { seed in
                var random = SeededRandom(UInt64(seed))
                let count = [0, 1, 2, 60, 200][seed % 5]
                let entries = PageCutterTests.random(&random, count, hashes: seed % 5)
                let window: UInt64 = seed < 5 ? 300 : 40
                return V.Cut(
                    window: window, weights: entries.map(\.weight),
                    hashes: entries.map { V.hexadecimal($0.hash) },
                    ends: PageCutterTests.reference(entries, window: window))
            }
        }
        for vector in cases {
            let entries = try zip(vector.weights, vector.hashes).map {
                PageCutterTests.Entry(
                    weight: $0, hash: try #require(UInt64($1, radix: 16)))
            }
            #expect(PageCutterTests.cut(entries, window: vector.window) == vector.ends)
        }
    }

    /// OpenSSL 3 gave the hashes on file (`openssl mac -macopt size:8 … SIPHASH`).
    @Test func sipHash() throws {
        let key = [UInt8](0..<16)
        let cases = try PageVectors.load("siphash", spec: "06 Cut rule, SipHash-2-4") {
            ([Int](0..<33) + [63, 64]).map { count in
                let input = [UInt8](0..<UInt8(count))
                var hasher = SipHash(key.raw.word(at: 0), key.raw.word(at: 8))
                hasher.update(input.raw)
                return V.Hash(
                    key: V.hexadecimal(key), input: V.hexadecimal(input),
                    hash: V.hexadecimal(hasher.finish()))
            }
        }
        // From the paper's appendix.
        #expect(cases[15].hash == "a129ca6149be45e5")
    }

    @Test func cutHash() throws {
        let cutKey = [UInt8](16..<32)
        let hash = try CutHash(cutKey: cutKey.raw)
        let keys: [[UInt8]] = [[0x61], [UInt8](0..<7), [UInt8](0..<40)]
        _ = try PageVectors.load("cut-hash", spec: "06 Cut rule, Rule") {
            keys.flatMap { key in
                [UInt8(0), 1].flatMap { level in
                    [
                        V.CutHash(
                            cutKey: V.hexadecimal(cutKey), kind: 1, level: level,
                            key: V.hexadecimal(key),
                            hash: V.hexadecimal(hash.image(level: level, key: key.raw))),
                        V.CutHash(
                            cutKey: V.hexadecimal(cutKey), kind: 2, level: level,
                            key: V.hexadecimal(key), time: -1_000_000, sequence: 258,
                            hash: V.hexadecimal(
                                hash.run(
                                    level: level, key: key.raw, time: -1_000_000, sequence: 258))),
                    ]
                }
            }
        }
    }

    // MARK: Checkpoints and time lists

    static func checkpoints(_ page: CheckpointLeaf) -> V.Checkpoints {
        V.Checkpoints(
            firstDigest: page.firstDigest.description,
            checkpoints: page.checkpoints.map {
                V.Checkpoint(
                    second: $0.second, items: $0.items, bytes: $0.bytes, changes: $0.changes,
                    digestLow: $0.digestLow)
            },
            page: V.hexadecimal(SmallPageTests.bytes { page.encode(into: &$0) }))
    }

    @Test func checkpointPages() throws {
        let cases = try PageVectors.load("checkpoints", spec: "07 Pages, Checkpoint pages") {
            [1, 5].map { Self.checkpoints(SmallPageTests.checkpoints($0)) }
        }
        for vector in cases {
            let bytes = try V.bytes(vector.page)
            #expect(Self.checkpoints(try CheckpointLeaf(bytes.raw)) == vector)
        }
    }

    static func timeList(_ page: TimeListPage) -> V.TimeList {
        V.TimeList(
            seconds: page.entries.map(\.second), ordinals: page.entries.map(\.ordinal),
            page: V.hexadecimal(SmallPageTests.bytes { page.encode(into: &$0) }))
    }

    @Test func timeLists() throws {
        let cases = try PageVectors.load("time-lists", spec: "07 Pages, Time list") {
            [1, 20].map { Self.timeList(SmallPageTests.timeList($0)) }
        }
        for vector in cases {
            let bytes = try V.bytes(vector.page)
            #expect(Self.timeList(try TimeListPage(bytes.raw)) == vector)
        }
    }

    static func span(_ page: SpanIndexPage) -> V.Span {
        V.Span(
            kind: page.kind.rawValue, level: page.level,
            children: page.children.map {
                V.SpanChild(
                    first: $0.first, last: $0.last, entries: $0.entries, id: $0.id.description)
            },
            page: V.hexadecimal(SmallPageTests.bytes { page.encode(into: &$0) }))
    }

    @Test func spanIndexes() throws {
        let cases = try PageVectors.load(
            "span-indexes", spec: "07 Pages, checkpoint-index and time-list-index"
        ) {
            [SpanIndexPage.Kind.checkpoints, .timeList].map {
                Self.span(SmallPageTests.span($0, 3))
            }
        }
        for vector in cases {
            let kind = try #require(SpanIndexPage.Kind(rawValue: vector.kind))
            let bytes = try V.bytes(vector.page)
            #expect(Self.span(try SpanIndexPage(bytes.raw, kind: kind)) == vector)
        }
    }
}
