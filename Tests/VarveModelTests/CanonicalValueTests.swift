import Testing
import VarveBytes
import VarveModel

@Suite struct CanonicalValueTests {
    @Test func exactBytes() throws {
        // Spec 03, Item value.
        #expect(Item().canonicalBytes == [0])
        let quantity: Item = ["Quantity": .number(DecimalNumber(6))]
        #expect(quantity.canonicalBytes.raw.hexadecimal == "01085175616e7469747902000c")
        let mixed: Item = ["b": .list([.null]), "a": .boolean(true)]
        #expect(mixed.canonicalBytes.raw.hexadecimal == "02016104010162070105")
        #expect(AttributeValue.stringSet(["b", "a"]).canonicalBytes == [8, 2, 1, 0x61, 1, 0x62])
        let numbers = AttributeValue.numberSet([DecimalNumber(10), DecimalNumber(-1), .zero])
        #expect(numbers.canonicalBytes == [9, 3, 0, 1, 0, 0, 2, 2])
        #expect(AttributeValue.binarySet([[1], []]).canonicalBytes == [10, 2, 0, 1, 1])
        let map = AttributeValue.map(["x": .string("é")])
        #expect(map.canonicalBytes.raw.hexadecimal == "060101780102c3a9")
    }

    @Test func namesAreToldApartByBytes() {
        let item = Item([(name: "é", value: .null), (name: "e\u{301}", value: .null)])
        #expect(item.count == 2)
        #expect(AttributeValue.string("é") != .string("e\u{301}"))
    }

    static func nested(_ depth: Int) -> AttributeValue {
        (0..<depth).reduce(.null) { inner, level in
            level % 2 == 0 ? .list([inner]) : .map(["m": inner])
        }
    }

    @Test func nesting() throws {
        let deepest: Item = ["a": Self.nested(32)]
        try CanonicalValue.validate(item: deepest.canonicalBytes.raw)
        _ = try ItemMeasure(value: deepest.canonicalBytes.raw)
        #expect(try Item(canonical: deepest.canonicalBytes.raw) == deepest)
        let tooDeep: Item = ["a": Self.nested(33)]
        let bytes = tooDeep.canonicalBytes
        #expect(throws: VarveError(.damaged, "")) {
            try CanonicalValue.validate(item: bytes.raw)
        }
        #expect(throws: VarveError(.damaged, "")) { try ItemMeasure(value: bytes.raw) }
        #expect(throws: VarveError(.damaged, "")) { try Self.walk(bytes) }
    }

    private static func walk(_ bytes: [UInt8]) throws(VarveError) {
        var walk = try AttributeWalk(bytes.raw)
        while try walk.next() {}
    }

    @Test(arguments: [
        ("", "nothing"), ("0000", "left over"), ("02016105", "a count too high"),
        ("01016100", "tag 0"), ("0101610b", "an outlined value"), ("0101610402", "boolean 2"),
        ("02016205016105", "names descending"), ("02016105016105", "a name twice"),
        ("010005", "an empty name"), ("0101610101ff", "not UTF-8"),
        ("01016101", "a string without length"), ("0101ff05", "a name that is not UTF-8"),
        ("0101610800", "an empty set"), ("01016108020162 0161", "a set descending"),
        ("01016108020161 0161", "an element twice"), ("0101610902 0002 0001", "numbers descending"),
        ("0101610902 0002 0002", "a number twice"), ("01016102 0014", "10 with exponent 0"),
        ("01016102 0200", "zero with exponent 1"), ("01016102 008000", "a varint not minimal"),
        ("8100", "a count not minimal"), ("01016102 fc0102", "10^126"),
        ("0101610602 016205 016105", "map names descending"),
        ("01016107ffffffffff7f", "a count of billions"), ("0101610a02 00", "a set cut short"),
        ("0101610102 61", "a string cut short"),
    ])
    func refuses(_ hexadecimal: String, _ what: String) throws {
        let digits = hexadecimal.filter { $0 != " " }
        let bytes = try #require([UInt8](hexadecimal: digits))
        #expect(throws: VarveError(.damaged, ""), "\(what)") {
            try CanonicalValue.validate(item: bytes.raw)
        }
        #expect(throws: VarveError(.damaged, ""), "\(what)") { try Item(canonical: bytes.raw) }
    }

    @Test(arguments: [11, 12] as [UInt64])
    func randomItems(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let item = RandomItems.item(RandomItems.schemas[0], &random)
            let bytes = item.canonicalBytes
            try CanonicalValue.validate(item: bytes.raw)
            #expect(try Item(canonical: bytes.raw) == item, "seed \(seed)")
            var walk = try AttributeWalk(bytes.raw)
            var index = 0
            while try walk.next() {
                let (name, value) = item.attributes[index]
                #expect(walk.name.copyBytes() == Array(name.utf8), "seed \(seed)")
                #expect(walk.value.copyBytes() == value.canonicalBytes, "seed \(seed)")
                #expect(walk.tag == value.type.rawValue)
                index += 1
            }
            #expect(index == item.count)
        }
    }

    @Test func measures() throws {
        let item: Item = [
            "eightabc": .string("abcdef"), "l": .list([.null, .number(DecimalNumber(12))]),
            "m": .map(["k": .boolean(true)]), "s": .stringSet(["x", "yz"]),
        ]
        let measure = try ItemMeasure(value: item.canonicalBytes.raw)
        let list = 1 + 3 + (1 + 1) + (1 + 2)
        let map = 1 + 3 + (1 + 1 + 1)
        #expect(measure.itemBytes == 8 + 6 + list + map + 1 + 3)
        var inline = 0
        for (name, value) in item.attributes {
            inline += 1 + name.utf8.count / 8 + value.canonicalBytes.count
        }
        #expect(measure.inlineBytes == inline)
        #expect(try ItemMeasure.inlineBytes(of: item.canonicalBytes.raw) == inline)
    }

    @Test(arguments: [
        0, 1, -1, 7, 10, 63, 64, -64, -65, 99, 255, 8_191, 8_192, 9_999, 1_048_575, 1_048_576,
        -134_217_728, 134_217_727, 134_217_728, 99_999_999_999,
    ])
    func measuresNumbersOfAnyWidth(coefficient: Int) throws {
        for exponent in [-70, -64, -63, -2, -1, 0, 1, 2, 62, 63, 64, 65] {
            let number = try DecimalNumber(coefficient: Int128(coefficient), exponent: exponent)
            // In the middle of a row, and at its very end.
            let first: Item = ["n": .number(number), "t": .string("0123456789")]
            let last: Item = ["n": .number(number)]
            let size = 1 + number.itemSize
            #expect(try ItemMeasure(value: first.canonicalBytes.raw).itemBytes == size + 11)
            #expect(try ItemMeasure(value: last.canonicalBytes.raw).itemBytes == size)
        }
    }

    @Test(arguments: [0, 1, 5, 6, 7, 127, 128, 129, 16_384])
    func measuresStringsOfAnyLength(count: Int) throws {
        let text = String(repeating: "x", count: count)
        let item: Item = ["a": .string(text), "b": .string(text), "c": .binary([1, 2])]
        #expect(try ItemMeasure(value: item.canonicalBytes.raw).itemBytes == 2 * count + 5)
    }

    @Test func outlinedValuesCountForty() throws {
        var row = ByteWriter()
        row.append(count: 1)
        row.append(text: "big")
        row.append(RowBuffer.outlinedTag)
        row.append(varint: 20_000)
        row.append(Hash256.zero)
        let bytes = row.takeBytes()
        #expect(try ItemMeasure.inlineBytes(of: bytes.raw) == 41)
        #expect(throws: VarveError(.damaged, "")) { try ItemMeasure(value: bytes.raw) }
    }
}

@Suite struct ItemDigestTests {
    @Test func digests() throws {
        var rows = RowBuffer()
        #expect(ItemDigest.tableDigest(of: rows) == .zero)
        rows.append(key: [0x61].raw, value: [0].raw)
        rows.append(key: [0x62].raw, value: [0].raw)
        let first = sha256([1, 1, 0x61, 0].raw)
        let second = sha256([1, 1, 0x62, 0].raw)
        #expect(ItemDigest.tableDigest(of: rows) == first &+ second)
        #expect(ItemDigest.tableDigest(of: rows, 1..<2) == second)

        let put = sha256([2, 1, 0x61, 5, 0, 0, 0, 0, 0, 0, 0, 1, 0].raw)
        let delete = sha256([2, 1, 0x61, 6, 0, 0, 0, 0, 0, 0, 0, 0].raw)
        var changes = ChangeBuffer()
        changes.rows.append(key: [0x61].raw, value: [0].raw)
        changes.stamps.append(ChangeStamp(time: 5, sequence: 1, kind: .put))
        let none: [UInt8] = []
        changes.rows.append(key: [0x61].raw, value: none.raw)
        changes.stamps.append(ChangeStamp(time: 6, sequence: 2, kind: .tombstone))
        #expect(ItemDigest.changeDigest(of: changes) == put &+ delete)
        let hash = ItemDigest.changeHash(
            key: changes.rows.key(0), value: changes.rows.value(0), time: 5, kind: .put)
        #expect(hash == put)
    }
}
