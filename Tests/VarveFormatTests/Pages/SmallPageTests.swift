import Testing
import VarveBytes
import VarveModel
@testable import VarveFormat

/// Pages without columns: index pages, checkpoints, time lists; and outlining.
struct SmallPageTests {
    static func hash(_ value: Int) -> Hash256 {
        sha256([UInt8(truncatingIfNeeded: value), UInt8(truncatingIfNeeded: value >> 8)].raw)
    }

    static func bytes(_ encode: (inout ByteWriter) -> Void) -> [UInt8] { TestRows.bytes(encode) }

    static func indexPage(_ kind: TreeKind, count: Int) -> IndexPage {
        var children: [IndexEntry] = []
        for at in 0..<count {
            var child = IndexEntry(entries: UInt64(at * 300 + 1))
            // In runs neighbouring children may end with the same key.
            child.lastKey = Array("key-\(1000 + (kind == .run ? at / 2 : at))".utf8)
            if kind == .run {
                child.lastTime = Int64(at) * 1_000_000
                child.lastSequence = UInt64(at) << 40
                child.leastTime = -5
                child.greatestTime = Int64(at) * 2_000_000
            }
            child.id = hash(at)
            child.weight = UInt64(at + 1) << 17
            child.digest = hash(at + 1000)
            children.append(child)
        }
        return IndexPage(kind: kind, level: 2, children: children)
    }

    @Test(arguments: [TreeKind.image, .run], [1, 2, 40])
    func indexPagesComeBack(kind: TreeKind, count: Int) throws {
        let page = Self.indexPage(kind, count: count)
        let bytes = Self.bytes { page.encode(into: &$0) }
        #expect(try Self.readIndex(bytes, kind) == page)
        try Self.damage(bytes) { try Self.readIndex($0, kind) == page }
        #expect(throws: VarveError(.damaged, "")) {
            try Self.readIndex(bytes, kind == .run ? .image : .run)
        }
    }

    private static func readIndex(_ bytes: [UInt8], _ kind: TreeKind) throws -> IndexPage {
        try IndexPage(bytes.raw, kind: kind)
    }

    /// Every flip and every cut is refused, or gives something else.
    static func damage(_ bytes: [UInt8], _ isSame: ([UInt8]) throws -> Bool) throws {
        for at in bytes.indices {
            for flip: UInt8 in [1, 0x80, 0xff] {
                var damaged = bytes
                damaged[at] ^= flip
                do {
                    #expect(try !isSame(damaged), "byte \(at)")
                } catch let error as VarveError {
                    #expect(error.code == .damaged)
                }
            }
            #expect(throws: VarveError(.damaged, ""), "length \(at)") {
                try isSame(Array(bytes[..<at]))
            }
        }
        #expect(throws: VarveError(.damaged, "")) { try isSame(bytes + [0]) }
    }

    @Test func indexPagesRefuseWhatDoesNotAscend() throws {
        let page = Self.indexPage(.image, count: 3)
        for order in [[1, 0], [1, 1]] {
            let wrong = IndexPage(kind: .image, level: 1, children: order.map { page.children[$0] })
            let bytes = Self.bytes { wrong.encode(into: &$0) }
            #expect(throws: VarveError(.damaged, "")) { try Self.readIndex(bytes, .image) }
        }
        let run = Self.indexPage(.run, count: 2)
        let wrong = IndexPage(kind: .run, level: 1, children: run.children.reversed())
        let bytes = Self.bytes { wrong.encode(into: &$0) }
        #expect(throws: VarveError(.damaged, "")) { try Self.readIndex(bytes, .run) }
    }

    @Test func anEntrySumsUpItsChildren() {
        let page = Self.indexPage(.run, count: 4)
        let entry = IndexEntry(over: page.children, id: Self.hash(77))
        #expect(entry.id == Self.hash(77))
        #expect(entry.lastKey == Array("key-1001".utf8))
        #expect(entry.lastTime == 3_000_000 && entry.lastSequence == 3 << 40)
        #expect(entry.entries == 1 + 301 + 601 + 901)
        #expect(entry.weight == (1 + 2 + 3 + 4) << 17)
        #expect(entry.leastTime == -5 && entry.greatestTime == 6_000_000)
        let digest = (1000..<1004).reduce(Hash256.zero) { $0 &+ Self.hash($1) }
        #expect(entry.digest == digest)
    }

    static func checkpoints(_ count: Int) -> CheckpointLeaf {
        let digest = hash(5)
        var records: [CheckpointRecord] = []
        for at in 0..<count {
            records.append(
                CheckpointRecord(
                    second: 1_700_000_000 + Int64(at * at), items: UInt64(500 - at % 7),
                    bytes: UInt64(100_000 + at % 3 * 1000), changes: UInt64(at % 5 * 90),
                    digestLow: at == 0
                        ? UInt16(truncatingIfNeeded: digest.words.0) : UInt16(at * 257 & 0xffff)))
        }
        return CheckpointLeaf(checkpoints: records, firstDigest: digest)
    }

    @Test(arguments: [1, 2, 30, 256])
    func checkpointsComeBack(count: Int) throws {
        let page = Self.checkpoints(count)
        let bytes = Self.bytes { page.encode(into: &$0) }
        #expect(try Self.readCheckpoints(bytes) == page)
        if count <= 30 { try Self.damage(bytes) { try Self.readCheckpoints($0) == page } }
    }

    private static func readCheckpoints(_ bytes: [UInt8]) throws -> CheckpointLeaf {
        try CheckpointLeaf(bytes.raw)
    }

    static func timeList(_ count: Int) -> TimeListPage {
        var entries: [TimeListEntry] = []
        for at in 0..<count {
            let ordinal = at % 4 * 1000 + at
            entries.append(
                TimeListEntry(second: Int64(at / 4) - 3, ordinal: UInt64(ordinal)))
        }
        return TimeListPage(entries: entries)
    }

    @Test(arguments: [1, 2, 37, 65_536])
    func timeListsComeBack(count: Int) throws {
        let page = Self.timeList(count)
        let bytes = Self.bytes { page.encode(into: &$0) }
        #expect(try Self.readTimeList(bytes) == page)
        if count <= 37 { try Self.damage(bytes) { try Self.readTimeList($0) == page } }
    }

    private static func readTimeList(_ bytes: [UInt8]) throws -> TimeListPage {
        try TimeListPage(bytes.raw)
    }

    static func span(_ kind: SpanIndexPage.Kind, _ count: Int) -> SpanIndexPage {
        SpanIndexPage(
            kind: kind, level: 1,
            children: (0..<count).map {
                SpanEntry(
                    first: Int64($0) * 256, last: Int64($0) * 256 + 255, entries: 256,
                    id: hash($0))
            })
    }

    @Test(arguments: [SpanIndexPage.Kind.checkpoints, .timeList], [1, 12])
    func spanIndexesComeBack(kind: SpanIndexPage.Kind, count: Int) throws {
        let page = Self.span(kind, count)
        let bytes = Self.bytes { page.encode(into: &$0) }
        #expect(try Self.readSpan(bytes, kind) == page)
        try Self.damage(bytes) { try Self.readSpan($0, kind) == page }
    }

    private static func readSpan(
        _ bytes: [UInt8], _ kind: SpanIndexPage.Kind
    ) throws -> SpanIndexPage {
        try SpanIndexPage(bytes.raw, kind: kind)
    }
}

struct OutliningTests {
    /// Outlines a value of string attributes of the given lengths (tag and payload).
    private static func outline(
        _ sizes: [(String, Int)]
    ) throws -> (names: [String], inline: [UInt8]) {
        let value = value(sizes)
        var inline = ByteWriter()
        var stored: [[UInt8]] = []
        let count = try Outlining.outline(value.raw, into: &inline) {
            (plain) throws(VarveError) -> Hash256 in
            stored.append(plain.copyBytes())
            return sha256(plain)
        }
        #expect(count == stored.count)
        #expect(try Outlining.isOutlined(inline.bytes) == (count > 0))
        var back = ByteWriter()
        try Outlining.expand(inline.bytes, into: &back) {
            (id, length, output) throws(VarveError) in
            for plain in stored where sha256(plain.raw) == id && plain.count == length {
                output.append(plain)
                return
            }
        }
        #expect(back.copyBytes() == value)
        let names = sizes.map(\.0).filter { name in
            let size = sizes.first { $0.0 == name }?.1 ?? 0
            return stored.contains { $0.count == size && $0.last == name.utf8.first }
        }
        return (names, inline.copyBytes())
    }

    private static func value(_ sizes: [(String, Int)]) -> [UInt8] {
        TestRows.value(
            sizes.map { (name, size) in
                // Tag, length of the content, content.
                let head = 1 + (size - 2 < 128 ? 1 : size - 3 < 16_384 ? 2 : 3)
                return (name, TestRows.string(String(repeating: name, count: size - head)))
            })
    }

    @Test func valuesOfTheLimitAreOutlined() throws {
        #expect(try Self.outline([("a", 16_383), ("b", 16_384), ("c", 9)]).names == ["b"])
        #expect(try Self.outline([("a", 10)]).names == [])
        #expect(try Self.outline([("a", 70_000)]).names == ["a"])
    }

    /// The longest first, of equals the first by name, until 65,536 bytes remain.
    @Test func theLongestAreOutlinedUntilTheRestFits() throws {
        // n × (2 + size) bytes: 65,536 fit, one more does not.
        let five = [("a", 13_105), ("b", 13_105), ("c", 13_105), ("d", 13_105), ("e", 13_106)]
        #expect(try Self.outline(five).names == [])
        var more = five
        more[4].1 += 1
        #expect(try Self.outline(more).names == ["e"])
        more[4].1 = 13_105
        more[3].1 = 13_000
        more.append(("f", 200))
        #expect(try Self.outline(more).names == ["a"])
        #expect(
            try Self.outline([
                ("a", 16_000), ("b", 16_001), ("c", 16_001), ("d", 16_000), ("e", 16_000),
                ("f", 16_000), ("g", 40_000),
            ]).names == ["b", "c", "g"])
    }

    /// The row holds the length and id, as Spec 07 says.
    @Test func theRowHoldsLengthAndID() throws {
        let (_, inline) = try Self.outline([("k", 16_384)])
        let plain = TestRows.string(String(repeating: "k", count: 16_384 - 3))
        let expected: [UInt8] = [1, 1, 0x6b, 0x0b, 0x80, 0x80, 1] + sha256(plain.raw).bytes
        #expect(inline == expected)
    }

    @Test func anotherLengthIsRefused() throws {
        let inline: [UInt8] = [1, 1, 0x6b, 0x0b, 5] + Array(repeating: 1, count: 32)
        #expect(throws: VarveError(.damaged, "")) {
            var back = ByteWriter()
            try Outlining.expand(inline.raw, into: &back) { (_, _, output) throws(VarveError) in
                output.append(9)
            }
        }
    }
}
