import VarveModel

/// A small generator of random numbers whose seed makes every test repeatable (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }

    mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &self) }
}

/// Random values of every type.
enum RandomItems {
    static func string(_ random: inout SeededGenerator, atMost limit: Int = 20) -> String {
        let letters: [Unicode.Scalar] = [
            "a", "b", "z", "0", " ", "\"", "\\", "/", "\n", "\t", "\u{0}", "\u{1}", "\u{1f}",
            "\u{7f}", "é", "\u{301}", "日", "\u{ffff}", "😀", "\u{10ffff}", "\u{d7ff}", "\u{e000}",
        ]
        var text = String.UnicodeScalarView()
        let isPlain = random.below(2) == 0
        for _ in 0..<random.below(limit + 1) {
            text.append(letters[random.below(isPlain ? 5 : letters.count)])
        }
        return String(text)
    }

    static func bytes(_ random: inout SeededGenerator, atMost limit: Int = 20) -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<random.below(limit + 1) {
            bytes.append(
                random.below(3) == 0 ? [0, 1, 0xff][random.below(3)] : UInt8(random.below(256)))
        }
        return bytes
    }

    static func number(_ random: inout SeededGenerator) -> DecimalNumber {
        while true {
            let digits = random.below(3) == 0 ? 1 + random.below(38) : 1 + random.below(6)
            var coefficient: Int128 = 0
            for _ in 0..<digits { coefficient = coefficient * 10 + Int128(random.below(10)) }
            if random.below(2) == 0 { coefficient = -coefficient }
            let exponent =
                random.below(2) == 0 ? random.below(7) - 3 : random.below(300) - 167
            if let number = try? DecimalNumber(coefficient: coefficient, exponent: exponent) {
                return number
            }
        }
    }

    static func value(_ random: inout SeededGenerator, depth: Int = 3) -> AttributeValue {
        switch random.below(depth > 0 ? 10 : 8) {
        case 0: return .string(string(&random))
        case 1: return .number(number(&random))
        case 2: return .binary(bytes(&random))
        case 3: return .boolean(random.below(2) == 0)
        case 4: return .null
        case 5:
            var elements: Set<[UInt8]> = []
            for _ in 0...random.below(20) { elements.insert(Array(string(&random).utf8)) }
            return .stringSet(elements.map { String(decoding: $0, as: UTF8.self) })
        case 6:
            var elements: Set<DecimalNumber> = []
            for _ in 0...random.below(20) { elements.insert(number(&random)) }
            return .numberSet(Array(elements))
        case 7:
            var elements: Set<[UInt8]> = []
            for _ in 0...random.below(20) { elements.insert(bytes(&random)) }
            return .binarySet(Array(elements))
        case 8:
            var elements: [AttributeValue] = []
            for _ in 0..<random.below(4) { elements.append(value(&random, depth: depth - 1)) }
            return .list(elements)
        default:
            var members = Item()
            for _ in 0..<random.below(20) {
                members[string(&random)] = value(&random, depth: depth - 1)
            }
            return .map(members)
        }
    }

    static func key(_ type: AttributeType, _ random: inout SeededGenerator) -> AttributeValue {
        switch type {
        case .string: .string(string(&random) + "k")
        case .number: .number(number(&random))
        default: .binary(bytes(&random) + [UInt8(random.below(2))])
        }
    }

    /// An item with the schema's key attributes.
    static func item(_ schema: KeySchema, _ random: inout SeededGenerator) -> Item {
        var item = Item()
        for _ in 0..<random.below(8) { item[string(&random) + "n"] = value(&random) }
        item[schema.partition.name] = key(schema.partition.type, &random)
        if let sort = schema.sort { item[sort.name] = key(sort.type, &random) }
        return item
    }

    /// Every pair of types that a key schema can have.
    static var schemas: [KeySchema] {
        let types: [AttributeType] = [.string, .number, .binary]
        return types.flatMap { first in
            [KeySchema(partition: KeyAttribute(name: "pk", type: first))]
                + types.map { second in
                    KeySchema(
                        partition: KeyAttribute(name: "pk", type: first),
                        sort: KeyAttribute(name: "sort \"key\"", type: second))
                }
        }
    }
}
