import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// A table in memory, for comparison: random items of all types under random keys.
struct TestTable {
    let schema: KeySchema
    /// Bytes of filler in each partition key, so that index pages fill up and trees grow high.
    var keyFiller = 0
    /// Whole canonical values by key.
    private(set) var rows: [[UInt8]: [UInt8]] = [:]

    static let schemas = [
        KeySchema(partition: KeyAttribute(name: "id", type: .string)),
        KeySchema(
            partition: KeyAttribute(name: "id", type: .string),
            sort: KeyAttribute(name: "at", type: .number)),
        KeySchema(
            partition: KeyAttribute(name: "id", type: .binary),
            sort: KeyAttribute(name: "name", type: .string)),
        KeySchema(partition: KeyAttribute(name: "id", type: .number)),
    ]

    init(schema: KeySchema = TestTable.schemas[0], keyFiller: Int = 0) {
        self.schema = schema
        self.keyFiller = keyFiller
    }

    var count: Int { rows.count }
    var sortedKeys: [[UInt8]] { rows.keys.sorted { $0.lexicographicallyPrecedes($1) } }

    // MARK: Editing

    /// Puts items under new keys.
    /// - Parameters:
    ///   - largeEvery: every so manieth item has a value that is outlined; 0: none.
    ///   - noise: bytes in each item that no compressor shortens.
    mutating func add(
        _ count: Int, _ random: SeededRandom, largeEvery: Int = 0, noise: Int = 0
    ) {
        for index in 0..<count {
            var item = TestTable.item(random)
            if noise > 0 { item["noise"] = .binary(random.bytes(noise)) }
            if largeEvery > 0, index % largeEvery == 0 {
                item["large"] = .string(
                    String(repeating: "varve \(random.next()) ", count: 900))
            }
            put(key(random), item)
        }
    }

    /// Replaces the items of random keys, and removes others.
    mutating func edit(replacing: Int, removing: Int, _ random: SeededRandom) {
        var keys = sortedKeys
        for step in 0..<min(replacing + removing, keys.count) {
            let place = Int(random.next() % UInt64(keys.count))
            let key = keys.remove(at: place)
            if step < replacing {
                rows[key] = TestTable.item(random).canonicalBytes
            } else {
                rows[key] = nil
            }
        }
    }

    private mutating func put(_ key: Item, _ item: Item) {
        var whole = item
        for attribute in key.attributes { whole[attribute.name] = attribute.value }
        var buffer = RowBuffer(capacity: 1 << 10)
        do {
            try whole.append(to: &buffer, schema: schema)
        } catch {
            preconditionFailure("a test made a bad item: \(error)")
        }
        rows[buffer.keyBytes(0)] = buffer.valueBytes(0)
    }

    // MARK: Random items

    private func key(_ random: SeededRandom) -> Item {
        var item = Item()
        for attribute in [schema.partition, schema.sort].compactMap({ $0 }) {
            let filler = attribute == schema.partition ? keyFiller : 0
            switch attribute.type {
            case .string:
                item[attribute.name] = .string(
                    TestTable.text(random, 1 + Int(random.next() % 12))
                        + String(random.next() % 1_000_000) + String(repeating: "k", count: filler))
            case .number: item[attribute.name] = .number(TestTable.number(random))
            default:
                item[attribute.name] = .binary(
                    random.bytes(1 + Int(random.next() % 20))
                        + [UInt8](repeating: 0, count: filler))
            }
        }
        return item
    }

    static func item(_ random: SeededRandom) -> Item {
        var item = Item()
        let shapes = Int(random.next() % 3)
        for name in ["count", "note", "tags", "active", "detail"].prefix(3 + shapes) {
            item[name] = value(random, depth: 0)
        }
        item["price"] = .number(number(random))
        item["title"] = .string(text(random, 8 + Int(random.next() % 60)))
        return item
    }

    static func value(_ random: SeededRandom, depth: Int) -> AttributeValue {
        switch random.next() % (depth > 2 ? 8 : 10) {
        case 0: return .string(text(random, Int(random.next() % 30)))
        case 1: return .number(number(random))
        case 2: return .binary(random.bytes(Int(random.next() % 24)))
        case 3: return .boolean(random.next() % 2 == 0)
        case 4: return .null
        case 5: return .stringSet((0...Int(random.next() % 3)).map { "\($0)\(random.next() % 9)" })
        case 6: return .numberSet((0...2).map { DecimalNumber(Int64($0 * 7)) })
        case 7: return .binarySet((0...2).map { [UInt8($0), UInt8(random.next() % 256)] })
        case 8:
            return .list(
                (0..<Int(random.next() % 4)).map { _ in value(random, depth: depth + 1) })
        default:
            return .map(
                Item(
                    (0..<Int(random.next() % 4)).map {
                        (name: "member\($0)", value: value(random, depth: depth + 1))
                    }))
        }
    }

    static func number(_ random: SeededRandom) -> DecimalNumber {
        let coefficient = Int128(Int64(bitPattern: random.next()) >> Int64(random.next() % 60))
        do throws(DecimalNumber.Fault) {
            return try DecimalNumber(
                coefficient: coefficient, exponent: Int(random.next() % 7) - 3)
        } catch {
            return DecimalNumber(1)
        }
    }

    static func text(_ random: SeededRandom, _ count: Int) -> String {
        let letters = Array("abcdefghijklmnop äöß漢字-_")
        return String((0..<count).map { _ in letters[Int(random.next() % UInt64(letters.count))] })
    }

    // MARK: Reading

    /// The rows in key order, in blocks of random size.
    func blocks(_ random: SeededRandom, averageCount: UInt64 = 300) -> [RowBlock] {
        var result: [RowBlock] = []
        var block = RowBuffer()
        var left = 1 + Int(random.next() % (2 * averageCount))
        for key in sortedKeys {
            if left == 0 {
                result.append(RowBlock(exchange(&block, with: RowBuffer())))
                left = 1 + Int(random.next() % (2 * averageCount))
            }
            let value = rows[key] ?? []
            block.append(key: key.raw, value: value.raw)
            left -= 1
        }
        if block.count > 0 { result.append(RowBlock(block)) }
        return result
    }
}

/// Rows from an array of blocks.
final class BlockSource: RowSource {
    private var blocks: [RowBlock]

    init(_ blocks: [RowBlock]) { self.blocks = blocks.reversed() }

    func nextBlock() -> RowBlock? { blocks.popLast() }
}
