import Testing
import VarveBytes
import VarveModel

@Suite struct KeyCodecTests {
    static func schema(_ first: AttributeType, _ second: AttributeType? = nil) -> KeySchema {
        KeySchema(
            partition: KeyAttribute(name: "p", type: first),
            sort: second.map { KeyAttribute(name: "s", type: $0) })
    }

    static func key(
        _ schema: KeySchema, _ partition: AttributeValue, _ sort: AttributeValue? = nil
    ) throws -> [UInt8] {
        var output = ByteWriter()
        let codec = KeyCodec(schema)
        let first = partition.canonicalBytes
        if let second = sort?.canonicalBytes {
            try codec.append(partition: first.raw, sort: second.raw, to: &output)
        } else {
            try codec.append(partition: first.raw, to: &output)
        }
        return output.takeBytes()
    }

    @Test func exactBytes() throws {
        #expect(try Self.key(Self.schema(.string), .string("ab")) == [0x61, 0x62])
        #expect(
            try Self.key(Self.schema(.string, .string), .string("a\0"), .string("b\0"))
                == [0x61, 0, 0xff, 0, 1, 0x62, 0])
        #expect(
            try Self.key(Self.schema(.binary, .number), .binary([0, 1]), .number(DecimalNumber(6)))
                == [0, 0xff, 1, 0, 1, 0x80, 0x83, 0x78])
        #expect(
            try Self.key(Self.schema(.number, .binary), .number(DecimalNumber(-1)), .binary([0]))
                == [0x7f, 0x7c, 0xeb, 0])
    }

    @Test func refusesWhatCannotBeAKey() throws {
        let both = Self.schema(.string, .binary)
        let long = String(repeating: "x", count: 2_049)
        let limit = String(repeating: "x", count: 2_048)
        #expect(try Self.key(both, .string(limit), .binary([1])).count == 2_051)
        let longest = [UInt8](repeating: 1, count: 1_024)
        #expect(try Self.key(both, .string("a"), .binary(longest)).count == 1_027)
        let refused: [(AttributeValue, AttributeValue?)] = [
            (.string(long), .binary([1])), (.string(""), .binary([1])), (.string("a"), .binary([])),
            (.string("a"), .binary(longest + [1])), (.string("a"), nil),
            (.number(.zero), .binary([1])), (.string("a"), .string("b")),
        ]
        for (partition, sort) in refused {
            #expect(throws: VarveError(.invalidInput, "")) {
                try Self.key(both, partition, sort)
            }
        }
        #expect(throws: VarveError(.invalidInput, "")) {
            try Self.key(Self.schema(.string), .string("a"), .string("b"))
        }
    }

    @Test(arguments: [
        "", "61", "6100", "610002", "6100ff", "000180831400", "61000161", "ff0001808314",
        "0001808314", "61000180831400",
    ])
    func refusesDamagedKeys(_ bytes: String) throws {
        let key = try #require([UInt8](hexadecimal: bytes))
        let codec = KeyCodec(Self.schema(.string, .number))
        #expect(throws: VarveError(.damaged, "")) { try codec.validate(key.raw) }
    }

    /// The order of keys is the order of items, and keys give their attributes back.
    @Test(arguments: RandomItems.schemas)
    func orderAndRoundTrip(_ schema: KeySchema) throws {
        var random = SeededGenerator(seed: 7)
        let codec = KeyCodec(schema)
        var last: (parts: [AttributeValue], key: [UInt8])?
        for _ in 0..<500 {
            // Few partition keys, so that sort keys decide often.
            var parts = [RandomItems.key(schema.partition.type, &random)]
            if let last, random.below(2) == 0 { parts = [last.parts[0]] }
            if let sort = schema.sort { parts.append(RandomItems.key(sort.type, &random)) }
            let key = try Self.key(schema, parts[0], parts.count > 1 ? parts[1] : nil)
            var output = ByteWriter()
            let size = try codec.appendValues(of: key.raw, to: &output)
            #expect(size == parts[0].canonicalBytes.count)
            #expect(output.takeBytes() == parts.flatMap(\.canonicalBytes))
            if let last {
                #expect(Self.precedes(last.parts, parts) == last.key.raw.precedes(key.raw))
            }
            var itemSize = Self.size(schema.partition.name, parts[0])
            if let sort = schema.sort { itemSize += Self.size(sort.name, parts[1]) }
            #expect(try ItemMeasure.keyBytes(of: key.raw, codec) == itemSize)
            last = (parts, key)
        }
    }

    private static func size(_ name: String, _ value: AttributeValue) -> Int {
        switch value {
        case .string(let text): name.utf8.count + text.utf8.count
        case .binary(let bytes): name.utf8.count + bytes.count
        case .number(let number): name.utf8.count + number.itemSize
        default: 0
        }
    }

    private static func precedes(_ a: [AttributeValue], _ b: [AttributeValue]) -> Bool {
        for (x, y) in zip(a, b) where x != y {
            switch (x, y) {
            case (.string(let s), .string(let t)): return s.utf8.lexicographicallyPrecedes(t.utf8)
            case (.binary(let s), .binary(let t)): return s.lexicographicallyPrecedes(t)
            case (.number(let s), .number(let t)): return s < t
            default: return false
            }
        }
        return false
    }

    /// Whatever decodes encodes again to the same bytes.
    @Test(arguments: RandomItems.schemas)
    func strictDecoding(_ schema: KeySchema) throws {
        var random = SeededGenerator(seed: 8)
        let codec = KeyCodec(schema)
        for _ in 0..<1_000 {
            let partition = RandomItems.key(schema.partition.type, &random)
            let sort = schema.sort.map { RandomItems.key($0.type, &random) }
            var key = try Self.key(schema, partition, sort)
            key[random.below(key.count)] = [0, 1, 0xff, 0x80, 0x61][random.below(5)]
            if random.below(4) == 0 { key.removeLast(random.below(key.count)) }
            var parts = ByteWriter()
            guard let size = try? codec.appendValues(of: key.raw, to: &parts) else { continue }
            var again = ByteWriter()
            let values = parts.takeBytes()
            if schema.sort == nil {
                try codec.append(partition: values.raw, to: &again)
            } else {
                try codec.append(
                    partition: values.raw.part(0, size), sort: values.raw.part(size, values.count),
                    to: &again)
            }
            #expect(again.takeBytes() == key)
        }
    }
}
