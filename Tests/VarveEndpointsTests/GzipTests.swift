import Testing
import VarveBytes
import VarveStorage

@Suite struct GzipTests {
    private func inflate(
        _ stored: [UInt8], step: Int, room: Int
    ) throws(VarveError) -> [UInt8] {
        var reader = GzipReader()
        var plain = ByteWriter()
        var at = 0
        while at < stored.count || reader.hasPendingOutput {
            let end = min(at + step, stored.count)
            at += try reader.inflate(
                stored.raw.part(at, end), into: &plain, room: room)
        }
        try reader.finish()
        #expect(reader.compressedOffset == Int64(stored.count))
        return plain.takeBytes()
    }

    private func sample(_ count: Int, seed: UInt64) -> [UInt8] {
        SeededRandom(seed: seed).bytes(count).map { $0 & 0x1f | 0x40 }
    }

    @Test(arguments: [0, 1, 2, 1_000, 100_000], [1, 7, 1_000, 1 << 20])
    func comesBackInAnyParts(count: Int, step: Int) throws {
        let bytes = sample(count, seed: 4)
        for partBytes in [max(count, 1), 333] {
            let stored = gzip(bytes, partBytes: partBytes)
            #expect(try inflate(stored, step: step, room: 501) == bytes)
            #expect(try inflate(stored + stored, step: step, room: 1 << 20) == bytes + bytes)
        }
    }

    /// The bytes are what other programs read: this one is `printf a | gzip -n`.
    @Test func readsWhatGzipWrites() throws {
        let stored: [UInt8] = [
            0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x4b, 0x04, 0x00, 0x43,
            0xbe, 0xb7, 0xe8, 0x01, 0x00, 0x00, 0x00,
        ]
        #expect(try inflate(stored, step: 3, room: 3) == [0x61])
    }

    @Test func writesAHeaderAndATrailer() {
        let stored = gzip([])
        #expect(
            stored == [
                0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            ])
        let bytes = gzip(Array("abc".utf8))
        #expect(Array(bytes.suffix(8)) == [0xc2, 0x41, 0x24, 0x35, 3, 0, 0, 0])
    }

    @Test func findsEveryCutAndMostFlips() throws {
        let bytes = sample(3_000, seed: 8)
        let stored = gzip(bytes, partBytes: 1_000)
        for count in 0..<stored.count {
            #expect(throws: VarveError(.invalidInput, "")) {
                try inflate(Array(stored[..<count]), step: 64, room: 512)
            }
        }
        for offset in 0..<stored.count {
            var damaged = stored
            damaged[offset] ^= 1
            // Time, level and system in the header mean nothing; all else is checked.
            if (4...9).contains(offset) { continue }
            let result = try? inflate(damaged, step: 64, room: 512)
            #expect(result == nil || result == bytes, "offset \(offset)")
        }
    }
}
