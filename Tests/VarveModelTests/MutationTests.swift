import Testing
import VarveBytes
import VarveModel

/// Damaged bytes: nothing may trap, and nothing that is accepted may be other than canonical.
@Suite struct MutationTests {
    static func mutate(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        for _ in 0...random.below(3) where !bytes.isEmpty {
            let at = random.below(bytes.count)
            switch random.below(5) {
            case 0: bytes[at] ^= 1 << UInt8(random.below(8))
            case 1: bytes[at] = UInt8(random.below(256))
            case 2: bytes.remove(at: at)
            case 3: bytes.insert(bytes[random.below(bytes.count)], at: at)
            default: bytes.removeLast(random.below(bytes.count))
            }
        }
        return bytes
    }

    @Test(arguments: [31, 32] as [UInt64])
    func canonicalBytes(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let schema = ItemParserTests.orders
        var renderer = ItemRenderer(schema: schema)
        var plain = ItemRenderer(schema: schema, form: .plain, isLossy: true)
        var output = ByteWriter()
        var refused = 0
        for _ in 0..<2_000 {
            var rows = RowBuffer()
            try RandomItems.item(schema, &random).append(to: &rows, schema: schema)
            let key = Self.mutate(rows.key(0).copyBytes(), &random)
            let value = Self.mutate(rows.value(0).copyBytes(), &random)
            output.removeAll()
            try? renderer.append(key: rows.key(0), value: value.raw, to: &output)
            try? renderer.append(key: key.raw, value: value.raw, to: &output)
            try? plain.append(key: rows.key(0), value: value.raw, to: &output)
            _ = try? ItemMeasure(value: value.raw)
            _ = try? ItemMeasure.inlineBytes(of: value.raw)
            _ = try? ItemMeasure.keyBytes(of: key.raw, KeyCodec(schema))
            do throws(VarveError) {
                // What is accepted is exactly what encoding again gives.
                let item = try Item(canonical: value.raw)
                #expect(item.canonicalBytes == value, "seed \(seed)")
            } catch {
                refused += 1
            }
        }
        #expect(refused > 500)
    }

    @Test(arguments: [41, 42] as [UInt64], [ItemForm.dynamoDB, .plain])
    func text(seed: UInt64, form: ItemForm) throws {
        var random = SeededGenerator(seed: seed)
        let schema = ItemParserTests.orders
        var parser = ItemParser(schema: schema, form: form)
        var renderer = ItemRenderer(schema: schema, form: form, isWrapped: false, isLossy: true)
        var refused = 0
        for _ in 0..<1_000 {
            var rows = RowBuffer()
            let item = RandomItems.item(schema, &random)
            try item.append(to: &rows, schema: schema)
            try item.append(to: &rows, schema: schema)
            var output = ByteWriter()
            try renderer.appendLines(rows, to: &output)
            let text = Self.mutate(output.takeBytes(), &random)
            var again = RowBuffer()
            var offsets: [UInt32] = []
            do throws(ParseFault) {
                try parser.parse(lines: text.raw, into: &again, lineOffsets: &offsets)
            } catch {
                refused += 1
                #expect(error.offset >= 0 && error.offset <= text.count, "seed \(seed)")
                #expect(error.line > 0)
            }
            #expect(offsets.count == again.count)
            for index in 0..<again.count {
                try CanonicalValue.validate(item: again.value(index))
                try KeyCodec(schema).validate(again.key(index))
            }
            var scanner = JSONScanner(text.raw)
            try? scanner.skipValue()
        }
        #expect(refused > 300)
    }

    /// Every length of a canonical item but the whole one is refused.
    @Test func truncation() throws {
        var random = SeededGenerator(seed: 51)
        for _ in 0..<50 {
            let bytes = RandomItems.item(ItemParserTests.orders, &random).canonicalBytes
            for size in 0..<bytes.count {
                #expect(throws: VarveError(.damaged, "")) {
                    try CanonicalValue.validate(item: bytes.raw.part(0, size))
                }
            }
        }
    }
}
