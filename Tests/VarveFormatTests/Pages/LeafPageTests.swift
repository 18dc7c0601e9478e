import Testing
import VarveBytes
import VarveModel
@testable import VarveFormat

struct LeafPageTests {
    static let types: [AttributeType] = [.string, .number, .binary]

    /// Every key schema and seed: what is encoded decodes to the same, and encodes to the same.
    @Test(arguments: 0..<120)
    func randomPagesComeBack(seed: Int) throws {
        let sorts: [AttributeType?] = [nil, .string, .number, .binary]
        var source = RandomRows(
            seed: UInt64(seed), partition: Self.types[seed % 3], sort: sorts[seed / 3 % 4])
        let kind: TreeKind = seed % 2 == 0 ? .image : .run
        let rows = source.rows([1, 2, 5, 40, 300, 700][seed / 12 % 6], kind)
        let page = try TestRows.encode(rows, source.schema, kind)
        #expect(try TestRows.decode(page, source.schema, kind) == rows, "seed \(seed)")
        let slow = try TestRows.decode(page, source.schema, kind, byteLimit: 100)
        #expect(slow == rows, "seed \(seed), a few bytes at a time")
    }

    /// The bytes of the example in Spec 07.
    @Test func theExampleOfTheSpec() throws {
        let (schema, rows) = PageVectorTests.orderLines()
        let page = try TestRows.encode(rows, schema, .image)
        let parts = [
            "010102", "03", "0a", "04010602", "353336333635", "05", "0200000202", "02",
            "085175616e7469747902", "0953746f636b436f646501", "01", "020001", "04", "00000000",
            "05", "02000c0004", "15", "00060506", "383531323341", "3731303533", "383434303642",
        ]
        #expect(PageVector.hexadecimal(page) == parts.joined())
        #expect(try TestRows.decode(page, schema, .image) == rows)
    }

    @Test(arguments: 0..<40)
    func keysAreFound(seed: Int) throws {
        let sorts: [AttributeType?] = [nil, .string, .number, .binary]
        var source = RandomRows(
            seed: UInt64(500 + seed), partition: Self.types[seed % 3], sort: sorts[seed / 3 % 4])
        let kind: TreeKind = seed % 2 == 0 ? .image : .run
        let rows = source.rows(60, kind)
        let page = try TestRows.encode(rows, source.schema, kind)
        var reader = LeafPageReader(schema: source.schema)
        try reader.open(page, kind: kind)
        var built = ChangeBuffer()
        // Looking up does not disturb reading on.
        _ = kind == .run
            ? try reader.next(into: &built, byteLimit: 300)
            : try reader.next(into: &built.rows, byteLimit: 300)
        for key in Set(rows.map(\.key)) {
            var found = ChangeBuffer()
            let expected = rows.filter { $0.key == key }
            if kind == .run {
                let count = try reader.find(key: key.raw, into: &found)
                #expect(count == expected.count)
                #expect(found.stamps == expected.map(\.stamp))
            } else {
                let isFound = try reader.find(key: key.raw, into: &found.rows)
                #expect(isFound)
            }
            for (at, row) in expected.enumerated() {
                #expect(found.rows.value(at).copyBytes() == row.value, "seed \(500 + seed)")
                #expect(found.rows.key(at).copyBytes() == key)
            }
            var spare = RowBuffer()
            if kind == .image {
                for other in [key + [0], [0], [UInt8](key.dropLast())] {
                    let isFound = try reader.find(key: other.raw, into: &spare)
                    #expect(isFound == rows.contains { $0.key == other })
                }
            }
        }
        _ = kind == .run ? try reader.next(into: &built) : try reader.next(into: &built.rows)
        #expect(built.rows.count == rows.count)
        for (at, row) in rows.enumerated() {
            #expect(built.rows.value(at).copyBytes() == row.value)
        }
    }

    /// One flipped bit or byte, or a cut: an error, or another page that is valid. Never a trap.
    /// Of each key the newest change of a stretch of time, as a filter of all changes tells it.
    @Test(arguments: 0..<60)
    func newestChangesAreRead(seed: Int) throws {
        let sorts: [AttributeType?] = [nil, .string, .number, .binary]
        var source = RandomRows(
            seed: UInt64(900 + seed), partition: Self.types[seed % 3], sort: sorts[seed / 3 % 4])
        let rows = source.rows([1, 3, 60, 400][seed % 4], .run)
        let page = try TestRows.encode(rows, source.schema, .run)
        let times = rows.map(\.stamp.time).sorted()
        var stretches = [Int64.min..<Int64.max, times[0]..<times[0]]
        var random = SeededRandom(UInt64(seed))
        for _ in 0..<6 {
            let ends = [random.pick(times), random.pick(times) + 1].sorted()
            stretches.append(ends[0]..<ends[1])
            stretches.append(.min..<ends[1])
        }
        for stretch in stretches {
            var expected: [TestRow] = []
            for (index, row) in rows.enumerated() where stretch.contains(row.stamp.time) {
                let next = index + 1 < rows.count ? rows[index + 1] : nil
                if let next, next.key == row.key, next.stamp.time < stretch.upperBound { continue }
                expected.append(row)
            }
            // Of those from an instant on, also what was before it.
            let since = random.chance(50) ? random.pick(times) : .min
            expected = expected.flatMap { row in
                let older = rows.last {
                    $0.key == row.key && $0.stamp.time < since
                        && stretch.contains($0.stamp.time)
                }
                guard row.stamp.time >= since, let older else { return [row] }
                return [older, row]
            }
            var reader = LeafPageReader(schema: source.schema)
            try reader.open(page, kind: .run)
            var found = ChangeBuffer()
            try reader.readNewest(in: stretch, since: since, into: &found)
            #expect(found.stamps == expected.map(\.stamp), "seed \(seed), \(stretch)")
            for (index, row) in expected.enumerated() {
                #expect(found.rows.keyBytes(index) == row.key)
                #expect(found.rows.valueBytes(index) == row.value)
            }
        }
    }

    @Test(arguments: 0..<8)
    func aPageWithoutSuchTimesIsNotOpened(seed: Int) throws {
        var source = RandomRows(
            seed: UInt64(4000 + seed), partition: Self.types[seed % 3], sort: nil)
        let rows = source.rows(20, .run)
        let page = try TestRows.encode(rows, source.schema, .run)
        let times = rows.map(\.stamp.time)
        let (least, greatest) = (try #require(times.min()), try #require(times.max()))
        var reader = LeafPageReader(schema: source.schema)
        for stretch in [Int64.min..<least, least..<least, greatest + 1..<Int64.max] {
            #expect(try !reader.open(page, kind: .run, ifWithin: stretch), "seed \(seed)")
            #expect(reader.count == 0)
        }
        for stretch in [least..<least + 1, greatest..<greatest + 1, Int64.min..<Int64.max] {
            #expect(try reader.open(page, kind: .run, ifWithin: stretch), "seed \(seed)")
            #expect(reader.count == rows.count)
        }
    }

    @Test(arguments: 0..<12)
    func damageNeverTraps(seed: Int) throws {
        let sorts: [AttributeType?] = [nil, .string, .number, .binary]
        var source = RandomRows(
            seed: UInt64(900 + seed), partition: Self.types[seed % 3], sort: sorts[seed % 4])
        let kind: TreeKind = seed % 2 == 0 ? .image : .run
        let rows = source.rows(seed < 6 ? 8 : 30, kind)
        let page = try TestRows.encode(rows, source.schema, kind)
        var refused = 0
        for at in page.indices {
            for change: UInt8 in [0x01, 0x80, 0xff, 0x10] {
                var damaged = page
                damaged[at] ^= change
                refused += try check(damaged, page, rows, source.schema, kind)
            }
        }
        #expect(refused > page.count / 4)
        for size in page.indices {
            #expect(throws: VarveError(.damaged, ""), "length \(size)") {
                try TestRows.decode(Array(page[..<size]), source.schema, kind)
            }
        }
        #expect(throws: VarveError(.damaged, "")) {
            try TestRows.decode(page + [0], source.schema, kind)
        }
    }

    /// Several random edits at a time, which reach what one flip does not. What is accepted can be
    /// looked up and encoded again, in no more bytes.
    @Test(arguments: 0..<8)
    func randomEditsNeverTrap(seed: Int) throws {
        let sorts: [AttributeType?] = [nil, .string, .number, .binary]
        var source = RandomRows(
            seed: UInt64(300 + seed), partition: Self.types[seed % 3], sort: sorts[seed % 4])
        let kind: TreeKind = seed % 2 == 0 ? .image : .run
        let page = try TestRows.encode(source.rows(12, kind), source.schema, kind)
        var accepted = 0
        for _ in 0..<500 {
            var edited = page
            for _ in 0...source.random.below(3) {
                let at = source.random.below(edited.count)
                switch source.random.below(4) {
                case 0: edited[at] = UInt8(source.random.below(256))
                case 1: edited[at] &+= 1
                case 2: edited.insert(UInt8(source.random.below(4)), at: at)
                default: edited.remove(at: at)
                }
            }
            guard let rows = try? TestRows.decode(edited, source.schema, kind) else { continue }
            accepted += 1
            let again = try TestRows.encode(rows, source.schema, kind)
            #expect(again.count <= edited.count, "seed \(300 + seed)")
            #expect(try TestRows.decode(again, source.schema, kind) == rows)
        }
        #expect(accepted > 0 && accepted < 400)
    }

    /// Decodes; returns 1 if that was refused. Otherwise the rows must be others.
    private func check(
        _ damaged: [UInt8], _ page: [UInt8], _ rows: [TestRow], _ schema: KeySchema,
        _ kind: TreeKind
    ) throws -> Int {
        let found: [TestRow]
        do {
            found = try TestRows.decode(damaged, schema, kind)
        } catch let error as VarveError {
            #expect(error.code == .damaged)
            return 1
        }
        // Only another choice of encoding could give the same rows, which a flip does not make.
        #expect(found != rows)
        return 0
    }

    /// Rows need a shape, even one without attributes: found by random damage.
    @Test func refusesRowsWithoutShapes() throws {
        let schema = TestRows.schema(.string)
        let page = try TestRows.encode([TestRow(key: [0x61], value: [0])], schema, .image)
        // … no columns, one shape of no columns, the shapes' column.
        let head = Array(page.dropLast(5))
        #expect(page == head + [1, 0, 2, 0, 0])
        #expect(throws: VarveError(.damaged, "")) {
            try TestRows.decode(head + [0, 2, 0, 0], schema, .image)
        }
    }

    /// What is inside a map is checked when the page is opened.
    @Test func nestedValuesAreChecked() throws {
        let schema = TestRows.schema(.string)
        let row = TestRow(
            key: Array("k".utf8), value: TestRows.value([("m", [6, 1, 1, 0x61, 5])]))
        var page = try TestRows.encode([row], schema, .image)
        #expect(try TestRows.decode(page, schema, .image) == [row])
        page[page.count - 1] = 0x77
        #expect(throws: VarveError(.damaged, "")) { try TestRows.decode(page, schema, .image) }
    }

    @Test func refusesAnotherKindOrSchema() throws {
        let schema = TestRows.schema(.string)
        let row = TestRow(key: [0x61], value: [0])
        let page = try TestRows.encode([row], schema, .image)
        #expect(throws: VarveError(.damaged, "")) { try TestRows.decode(page, schema, .run) }
        #expect(throws: VarveError(.damaged, "")) {
            try TestRows.decode(page, TestRows.schema(.binary), .image)
        }
        #expect(throws: VarveError(.damaged, "")) {
            try TestRows.decode(page, TestRows.schema(.string, .number), .image)
        }
    }

    @Test func refusesValuesThatAreMalformedOrTooLong() throws {
        let schema = TestRows.schema(.string)
        for value in [[1], [1, 1, 0x61, 1, 9], [1, 1, 0x61, 0x44], [0, 0], [1, 1, 0x61, 2, 0x80]] {
            let row = TestRow(key: [0x61], value: value.map(UInt8.init))
            #expect(throws: VarveError(.damaged, ""), "\(value)") {
                try TestRows.encode([row], schema, .image)
            }
        }
        func row(_ length: Int) -> TestRow {
            let text = String(repeating: "x", count: length)
            return TestRow(key: [0x61], value: TestRows.value([("a", TestRows.string(text))]))
        }
        // 1 + 2 + 16,380 bytes are in-line, 1 + 2 + 16,381 are not.
        let page = try TestRows.encode([row(16_380)], schema, .image)
        #expect(try TestRows.decode(page, schema, .image) == [row(16_380)])
        #expect(throws: VarveError(.invalidInput, "")) {
            try TestRows.encode([row(16_381)], schema, .image)
        }
    }

    /// Alternating and single shapes, more than 128 attributes, and none.
    @Test func shapesOfAllSizesComeBack() throws {
        let schema = TestRows.schema(.number)
        let rows = (0..<50).map { at in
            let count = [0, 1, 150, 3, 0][at % 5]
            let names = (0..<count).map { "attribute \(1000 + $0 * (at % 7 + 1))" }
            return TestRow(
                key: TestRows.bytes { TestRows.number(Int128(at) - 20, 0).appendKey(to: &$0) },
                value: TestRows.value(names.map { ($0, TestRows.integer(Int128(at))) }))
        }
        let page = try TestRows.encode(rows, schema, .image)
        #expect(try TestRows.decode(page, schema, .image) == rows)
    }
}
