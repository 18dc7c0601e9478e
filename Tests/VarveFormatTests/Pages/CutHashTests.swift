import Foundation
import Testing
import VarveBytes
@testable import VarveFormat

struct CutHashTests {
    private static let key = [UInt8](0..<16)

    private static func sipHash(_ bytes: [UInt8]) -> UInt64 {
        var hasher = SipHash(key.raw.word(at: 0), key.raw.word(at: 8))
        hasher.update(bytes.raw)
        return hasher.finish()
    }

    /// Bytes that come in parts give what they give at once, wherever they are parted.
    @Test func partsDoNotMatter() {
        for count in 0..<40 {
            let bytes = (0..<count).map { UInt8($0 * 7 % 251) }
            for middle in 0...count {
                var hasher = SipHash(Self.key.raw.word(at: 0), Self.key.raw.word(at: 8))
                hasher.update(bytes.raw.part(0, middle))
                hasher.update(bytes.raw.part(middle, count))
                #expect(hasher.finish() == Self.sipHash(bytes), "\(count) bytes, \(middle)")
            }
        }
    }

    /// The input of Spec 06: level, kind, key; in runs time with its top bit inverted, sequence.
    @Test func hashesWhatTheSpecSays() throws {
        let hash = try CutHash(cutKey: Self.key.raw)
        for size in [0, 1, 5, 6, 7, 8, 13, 14, 15, 40] {
            let key = (0..<size).map { UInt8(200 - $0) }
            let image = hash.image(level: 2, key: key.raw)
            #expect(image == Self.sipHash([2, 1] + key))
            let stamp: [UInt8] = [0x80, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 3, 4]
            let run = hash.run(level: 0, key: key.raw, time: 0x102, sequence: 0x304)
            #expect(run == Self.sipHash([0, 2] + key + stamp))
        }
        let early =
            [0x7f] + [UInt8](repeating: 0xff, count: 7) + [UInt8](repeating: 0, count: 8)
        let run = hash.run(level: 1, key: [9].raw, time: -1, sequence: 0)
        #expect(run == Self.sipHash([1, 2, 9] + early))
    }

    /// The table of hashes in Spec 06.
    @Test func givesTheHashesOfTheSpec() throws {
        let text = try String(
            contentsOf: VectorFile<String>.root.appendingPathComponent("Spec/06-cut-rule.md"),
            encoding: .utf8)
        let hash = try CutHash(cutKey: Self.key.raw)
        var count = 0
        for line in text.split(separator: "\n") {
            let cells = line.split(separator: "|").map { $0.filter { !" `".contains($0) } }
            guard cells.count == 3, cells[2].count == 16, let wanted = UInt64(cells[2], radix: 16)
            else { continue }
            let input = try #require([UInt8](hexadecimal: cells[1]))
            let key = Array(input.dropFirst(2).dropLast(input[1] == 2 ? 16 : 0))
            if input[1] == 1 {
                #expect(hash.image(level: input[0], key: key.raw) == wanted, "\(line)")
            } else {
                let stamp = input.suffix(16).reduce(into: (UInt64(0), UInt64(0))) {
                    $0 = ($0.0 << 8 | $0.1 >> 56, $0.1 << 8 | UInt64($1))
                }
                let time = Int64(bitPattern: stamp.0 ^ 1 << 63)
                let run = hash.run(
                    level: input[0], key: key.raw, time: time, sequence: stamp.1)
                #expect(run == wanted, "\(line)")
            }
            count += 1
        }
        #expect(count == 3)
    }

    @Test func refusesAKeyOfAnotherLength() {
        #expect(throws: VarveError(.invalidInput, "")) { _ = try CutHash(cutKey: [1, 2].raw) }
    }

    private static func row(_ keyBytes: Int, _ value: [UInt8]) throws -> UInt64 {
        try CutWeight.row(keyBytes: keyBytes, value: value.raw)
    }

    private static func change(_ keyBytes: Int, _ value: [UInt8]) throws -> UInt64 {
        try CutWeight.change(keyBytes: keyBytes, value: value.raw)
    }

    /// Spec 06, Weights.
    @Test func weighsWhatTheSpecSays() throws {
        // {"Quantity":{"N":"6"}} with a key of 5 bytes: 32 + 5 + (1 + 1 + 3).
        let quantity = [UInt8](hexadecimal: "01085175616e7469747902000c") ?? []
        #expect(try Self.row(5, quantity) == 42)
        #expect(try Self.change(5, quantity) == 50)
        #expect(try Self.change(5, []) == 45)
        #expect(try Self.row(1, [0]) == 33)
        #expect(CutWeight.index(keyBytes: 7) == 103)
        // An outlined value counts 40 whatever its length.
        let outlined: [UInt8] = [1, 1, 0x61, 0x0b, 0x80, 0x80, 1] + Array(repeating: 9, count: 32)
        #expect(try Self.row(1, outlined) == 33 + 1 + 40)
        #expect(throws: VarveError(.damaged, "")) {
            _ = try Self.row(1, [1, 1, 0x61, 3, 9])
        }
    }
}
