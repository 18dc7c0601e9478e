import VarveBytes
import VarveModel
@testable import VarveFormat

/// Rows as arrays, for tests: in-line values, built from the words of Spec 03 and 04.
struct TestRow: Equatable, Sendable {
    var key: [UInt8]
    var value: [UInt8]
    /// Of changes.
    var stamp = ChangeStamp(time: 0, sequence: 0, kind: .put)
}

enum TestRows {
    static func schema(_ partition: AttributeType, _ sort: AttributeType? = nil) -> KeySchema {
        KeySchema(
            partition: KeyAttribute(name: "p", type: partition),
            sort: sort.map { KeyAttribute(name: "s", type: $0) })
    }

    /// - Precondition: within the limits of Spec 03; else zero.
    static func number(_ coefficient: Int128, _ exponent: Int) -> DecimalNumber {
        (try? DecimalNumber(coefficient: coefficient, exponent: exponent)) ?? .zero
    }

    static func bytes(_ body: (inout ByteWriter) -> Void) -> [UInt8] {
        var writer = ByteWriter()
        body(&writer)
        return writer.takeBytes()
    }

    static func value(_ attributes: [(String, [UInt8])]) -> [UInt8] {
        bytes {
            $0.append(count: attributes.count)
            for (name, value) in attributes {
                $0.append(text: name)
                $0.append(value)
            }
        }
    }

    static func string(_ text: String) -> [UInt8] { bytes { $0.append(1); $0.append(text: text) } }
    static func number(_ number: DecimalNumber) -> [UInt8] {
        bytes { $0.append(2); number.append(to: &$0) }
    }
    static func integer(_ value: Int128) -> [UInt8] { number(Self.number(value, 0)) }

    static func key(_ schema: KeySchema, _ partition: [UInt8], _ sort: [UInt8]) -> [UInt8] {
        var key: [UInt8] = []
        if schema.sort == nil || schema.partition.type == .number {
            key = partition
        } else {
            for byte in partition { key += byte == 0 ? [0, 0xff] : [byte] }
            key += [0, 1]
        }
        return schema.sort == nil ? key : key + sort
    }

    static func encode(_ rows: [TestRow], _ schema: KeySchema, _ kind: TreeKind) throws -> [UInt8] {
        var encoder = LeafPageEncoder(schema: schema)
        var output = ByteWriter()
        var changes = ChangeBuffer()
        for row in rows {
            changes.rows.append(key: row.key.raw, value: row.value.raw)
            changes.stamps.append(row.stamp)
        }
        if kind == .run {
            try encoder.encodeRun(changes: changes, range: 0..<rows.count, into: &output)
        } else {
            try encoder.encodeImage(rows: changes.rows, range: 0..<rows.count, into: &output)
        }
        return output.takeBytes()
    }

    /// All rows of a page, read a few bytes at a time.
    static func decode(
        _ page: [UInt8], _ schema: KeySchema, _ kind: TreeKind, byteLimit: Int = .max
    ) throws -> [TestRow] {
        var reader = LeafPageReader(schema: schema)
        try reader.open(page, kind: kind)
        var changes = ChangeBuffer()
        var result: [TestRow] = []
        while true {
            changes.removeAll()
            let count = kind == .run
                ? try reader.next(into: &changes, byteLimit: byteLimit)
                : try reader.next(into: &changes.rows, byteLimit: byteLimit)
            if count == 0 { break }
            for at in 0..<count {
                result.append(
                    TestRow(
                        key: changes.rows.key(at).copyBytes(),
                        value: changes.rows.value(at).copyBytes(),
                        stamp: kind == .run
                            ? changes.stamps[at] : ChangeStamp(time: 0, sequence: 0, kind: .put)))
            }
        }
        return result
    }
}

// MARK: - Random rows

/// Makes tables whose columns invite every encoding.
struct RandomRows {
    var random: SeededRandom
    let schema: KeySchema
    /// How the values of each attribute behave, so that a column is of one mood.
    private let moods: [Int]
    private let names: [String]

    init(seed: UInt64, partition: AttributeType, sort: AttributeType?) {
        random = SeededRandom(seed)
        schema = TestRows.schema(partition, sort)
        var random = SeededRandom(seed &+ 99)
        names = ["a", "b", "colour", "naïve", "quantity of things", "z"]
        moods = names.map { _ in random.below(12) }
    }

    mutating func rows(_ count: Int, _ kind: TreeKind) -> [TestRow] {
        var keys: Set<[UInt8]> = []
        for at in 0..<count * 2 where keys.count < count { keys.insert(key(at)) }
        var rows = keys.sorted { $0.raw.precedes($1.raw) }.enumerated().map {
            TestRow(key: $1, value: value($0))
        }
        if kind == .run { stamp(&rows) }
        return rows
    }

    private mutating func stamp(_ rows: inout [TestRow]) {
        var result: [TestRow] = []
        for row in rows {
            var time = Int64(1_700_000_000_000_000) + Int64(random.below(1000))
            for _ in 0..<(random.chance(20) ? 3 : 1) {
                var change = row
                let isPut = random.chance(80)
                change.value = isPut ? value(result.count) : []
                change.stamp = ChangeStamp(
                    time: time, sequence: UInt64(result.count), kind: isPut ? .put : .tombstone)
                result.append(change)
                time += Int64(random.below(2))
            }
        }
        rows = result
    }

    private mutating func key(_ at: Int) -> [UInt8] {
        let partition = part(schema.partition.type, schema.sort == nil ? at : at / 5)
        guard let sort = schema.sort else { return partition }
        return TestRows.key(schema, partition, part(sort.type, at % 5))
    }

    private mutating func part(_ type: AttributeType, _ at: Int) -> [UInt8] {
        switch type {
        case .number:
            let number = random.chance(30)
                ? TestRows.number(Int128(random.below(2000)) - 1000, random.below(9) - 4)
                : TestRows.number(Int128(at), 0)
            return TestRows.bytes { number.appendKey(to: &$0) }
        case .binary:
            return (0...random.below(4)).map { _ in UInt8(random.below(3)) }
        default: return Array("kéy-\(at)".utf8)
        }
    }

    mutating func value(_ at: Int) -> [UInt8] {
        var attributes: [(String, [UInt8])] = []
        for (name, mood) in zip(names, moods) where mood < 8 || random.chance(60) {
            attributes.append((name, attribute(mood, at)))
        }
        return TestRows.value(attributes)
    }

    private mutating func attribute(_ mood: Int, _ at: Int) -> [UInt8] {
        switch mood {
        case 0: return TestRows.string(random.pick(["red", "green", "", "blé", "blue sky"]))
        case 1: return TestRows.string("common-prefix/\(1000 + at)/\(random.below(3))")
        case 2: return TestRows.string("\(random.next())")
        case 3: return TestRows.integer(Int128(at * 3 + random.below(2)))
        case 4:
            return TestRows.number(TestRows.number(Int128(random.below(500)), -2))
        case 5:
            let wide = Int128(random.next()) * Int128(random.below(1 << 40))
            return TestRows.number(TestRows.number(-wide, random.below(100) - 90))
        case 6: return [4, UInt8(random.below(2))]
        case 7: return TestRows.string("stretch \(at / 7)")
        case 8: return [5]
        case 9: return nested(depth: 3)
        case 10:
            return TestRows.bytes {
                $0.append(0x0b)
                $0.append(varint: UInt64(16_384 + at % 3))
                $0.append(repeating: UInt8(at % 3), count: 32)
            }
        default: return random.pick([[5], [4, 1], [3, 2, 0, 255], TestRows.string("mixed")])
        }
    }

    private mutating func nested(depth: Int) -> [UInt8] {
        switch depth == 0 ? random.below(3) : random.below(7) {
        case 0: return TestRows.integer(Int128(random.below(1000)))
        case 1: return TestRows.string("x")
        case 2: return [5]
        case 3: return [8, 2, 1, 0x61, 1, 0x62]
        case 4: return [9, 2, 0, 2, 0, 4]
        case 5:
            let inner = nested(depth: depth - 1)
            return [6, 1, 1, 0x6d] + inner
        default:
            let inner = nested(depth: depth - 1)
            return [7, 2] + inner + [4, 0]
        }
    }
}
