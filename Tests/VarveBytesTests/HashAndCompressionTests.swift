import Testing
import VarveBytes

@Suite struct HashAndCompressionTests {
    @Test func hashes() throws {
        // FIPS 180-2, appendix B.1.
        let abc = sha256(Array("abc".utf8).raw)
        #expect(
            abc.description == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(Hash256(hexadecimal: abc.description) == abc)
        #expect(Hash256(hexadecimal: "ab") == nil)
        #expect(Hash256(bytes: abc.bytes.raw) == abc)
        var hasher = SHA256Hasher()
        hasher.update(Array("a".utf8).raw)
        hasher.update(Array("bc".utf8).raw)
        #expect(hasher.finish() == abc)
        #expect(crc32(Array("123456789".utf8).raw) == 0xcbf4_3926)
    }

    @Test func sums() {
        let one = Hash256(words: (1, 0, 0, 0))
        let most = Hash256(words: (.max, .max, .max, .max))
        #expect(most &+ one == .zero)
        #expect(Hash256.zero &- one == most)
        #expect(Hash256(words: (.max, .max, 0, 0)) &+ one == Hash256(words: (0, 0, 1, 0)))
        let a = sha256(Array("a".utf8).raw)
        let b = sha256(Array("b".utf8).raw)
        #expect(a &+ b == b &+ a)
        #expect(a &+ b &- b == a)
        #expect((a < b) == a.bytes.lexicographicallyPrecedes(b.bytes))
    }

    @Test(arguments: [LZ4.Effort.fast, .high])
    func lz4(_ effort: LZ4.Effort) throws {
        let plain = (0..<10_000).map { UInt8($0 / 100 % 7) }
        var output = ByteWriter()
        output.append(UInt8(1))
        let compressed = LZ4.compress(plain.raw, into: &output, effort: effort)
        let size = try #require(compressed)
        #expect(output.count == size + 1)
        #expect(size < 1_000)
        let block = Array(output.takeBytes().dropFirst())
        var back = ByteWriter()
        try LZ4.decompress(block.raw, plainSize: plain.count, into: &back)
        #expect(back.takeBytes() == plain)
        for wrong in [0, 9_999, 10_001, 1 << 40, -1] {
            var other = ByteWriter()
            do throws(VarveError) {
                try LZ4.decompress(block.raw, plainSize: wrong, into: &other)
                Issue.record("\(wrong) bytes were accepted")
            } catch {
                #expect(error.code == .damaged)
            }
            #expect(other.count == 0)
        }
        let small: [UInt8] = [1, 2, 3]
        let none = LZ4.compress(small.raw, into: &output)
        #expect(none == nil)
        #expect(output.count == 0)
    }

    @Test func damagedBlocks() throws {
        let plain = (0..<3_000).map { UInt8($0 / 9 % 251) }
        var output = ByteWriter()
        _ = LZ4.compress(plain.raw, into: &output)
        let block = output.takeBytes()
        for index in 0..<block.count {
            var damaged = block
            damaged[index] ^= 0x55
            var other = ByteWriter()
            // Whatever comes out, it has the length that was asked for, or is refused.
            try? LZ4.decompress(damaged.raw, plainSize: plain.count, into: &other)
            #expect(other.count == 0 || other.count == plain.count)
        }
    }
}
