import Testing
import VarveBytes

@testable import VarveFormat

/// Blobs of all sorts: tiny, compressible, random.
func sampleBlobs(_ count: Int, seed: UInt64) -> [(type: BlobType, plain: [UInt8])] {
    var generator = Generator(seed: seed)
    return (0..<count).map { index in
        let type = BlobType.allCases[index % BlobType.allCases.count]
        var plain = [type == .outlinedValue ? 1 : type.rawValue]
        switch index % 3 {
        case 0: plain += generator.bytes(index)
        case 1: plain += Array(repeating: UInt8(truncatingIfNeeded: index), count: 40 * index)
        default: plain += Array("blob number \(index) number \(index) number \(index)".utf8)
        }
        return (type, plain)
    }
}

func buildPack(_ count: Int, seed: UInt64) -> SealedPack {
    var builder = PackBuilder()
    for blob in sampleBlobs(count, seed: seed) {
        builder.append(plain: blob.plain.raw, type: blob.type)
    }
    return builder.finish()
}

struct PackDrainTests {
    @Test(arguments: [1, 3, 1_000])
    func drainedPacksAreTheSame(interval: Int) throws {
        let whole = buildPack(60, seed: 5)
        var builder = PackBuilder()
        var drained: [UInt8] = []
        for (index, blob) in sampleBlobs(60, seed: 5).enumerated() {
            builder.append(plain: blob.plain.raw, type: blob.type)
            if index % interval == interval - 1 {
                builder.drain { drained += $0.copyBytes() }
                #expect(builder.heldBytes == 0)
            }
        }
        let last = builder.finish()
        #expect(drained + last.bytes == whole.bytes)
        #expect(last.name == whole.name)
        #expect(last.size == whole.bytes.count)
        #expect(last.entries == whole.entries)
        // The builder begins anew.
        builder.append(plain: [1, 2].raw, type: .imageLeaf)
        let next = builder.finish()
        #expect(next.size == next.bytes.count)
    }
}

func errorCode<Result>(_ body: () throws(VarveError) -> Result) -> VarveError.Code? {
    do throws(VarveError) {
        _ = try body()
        return nil
    } catch {
        return error.code
    }
}

struct BlobRecordTests {
    @Test(arguments: [1, 2, 12, 100, 65_536, 1_000_000])
    func comesBack(size: Int) throws {
        var generator = Generator(seed: UInt64(size))
        let random = generator.bytes(size - 1)
        for body in [random, Array(repeating: 9, count: size - 1)] {
            let plain = [3] + body
            for effort in [LZ4.Effort.fast, .high] {
                var writer = ByteWriter()
                writer.append(7 as UInt8)
                let record = BlobRecord.append(
                    plain.raw, type: .imageIndex, effort: effort, to: &writer)
                #expect(record.size == writer.count - 1)
                #expect(record.storedBytes <= record.plainBytes)
                #expect((record.codec == .none) == (record.storedBytes == record.plainBytes))
                #expect(record.id == sha256(plain.raw))
                let bytes = Array(writer.takeBytes()[1...])
                var output = ByteWriter()
                #expect(try BlobRecord.read(bytes.raw, into: &output) == record)
                #expect(output.takeBytes() == plain)
            }
        }
    }

    @Test func findsBlobsInLine() throws {
        let inline = Samples.inline("hello") + Samples.inline("world!")
        let entries = try BlobRecord.entries(ofSequence: inline.raw)
        #expect(entries.map(\.offset) == [0, 59])
        var output = ByteWriter()
        let last = Array(inline[entries[1].range])
        try entries[1].appendPlain(of: last.raw, to: &output)
        #expect(output.takeBytes() == [1, 6] + Array("world!".utf8))
        let none: [UInt8] = []
        #expect(try BlobRecord.entries(ofSequence: none.raw) == [])
        for count in 1..<inline.count where count != 59 {
            let part = Array(inline[..<count])
            #expect(throws: VarveError(.damaged, "")) {
                try BlobRecord.entries(ofSequence: part.raw)
            }
        }
    }

    /// Bytes by hand: Spec 08.
    @Test func hasExactBytes() {
        var writer = ByteWriter()
        let plain: [UInt8] = [1, 2, 0x68, 0x69]
        BlobRecord.append(plain.raw, type: .outlinedValue, to: &writer)
        var expected: [UInt8] = [
            0x56, 0x42, 0x4c, 0x42, 5, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0,
        ]
        expected += sha256(plain.raw).bytes
        let checksum = crc32(expected.raw)
        expected += (0..<4).map { UInt8(truncatingIfNeeded: checksum >> (8 * $0)) }
        expected += plain
        #expect(writer.takeBytes() == expected)
    }

    @Test func refusesEveryFlipAndTruncation() throws {
        for blob in sampleBlobs(6, seed: 1) {
            var writer = ByteWriter()
            BlobRecord.append(blob.plain.raw, type: blob.type, to: &writer)
            let bytes = writer.takeBytes()
            var output = ByteWriter()
            for index in bytes.indices {
                for bit in 0..<8 {
                    var flipped = bytes
                    flipped[index] ^= 1 << bit
                    // Some flips of a compressed block decompress alike: then nothing is lost.
                    let code = errorCode { () throws(VarveError) in
                        try BlobRecord.read(flipped.raw, into: &output)
                    }
                    if code == nil {
                        #expect(index >= BlobRecord.headerSize)
                        #expect(output.copyBytes() == blob.plain)
                    }
                    output.removeAll()
                }
            }
            for count in 0..<bytes.count {
                let part = Array(bytes[..<count])
                #expect(throws: VarveError(.damaged, "")) {
                    try BlobRecord.read(part.raw, into: &output)
                }
                #expect(output.count == 0)
            }
        }
    }

    /// Header fields with a checksum that fits.
    @Test func readsTheHeaderStrictly() {
        var writer = ByteWriter()
        let plain = [1] + Array(repeating: 7 as UInt8, count: 100)
        BlobRecord.append(plain.raw, type: .imageLeaf, to: &writer)
        let good = writer.takeBytes()
        func code(_ change: (inout [UInt8]) -> Void) -> VarveError.Code? {
            var bytes = good
            change(&bytes)
            let head = Array(bytes[..<48])
            let checksum = crc32(head.raw)
            for index in 0..<4 {
                bytes[48 + index] = UInt8(truncatingIfNeeded: checksum >> (8 * index))
            }
            var output = ByteWriter()
            return errorCode { () throws(VarveError) in
                try BlobRecord.read(bytes.raw, into: &output)
            }
        }
        #expect(code { _ in } == nil)
        #expect(code { $0[4] = 0 } == .damaged)
        #expect(code { $0[4] = 10 } == .damaged)
        #expect(code { $0[4] = 2 } == .damaged)  // The page says another type.
        #expect(code { $0[5] = 2 } == .damaged)
        #expect(code { $0[5] = 0 } == .damaged)
        #expect(code { $0[6] = 1 } == .unsupported)
        #expect(code { $0[6] = 2 } == .damaged)
        #expect(code { $0[7] = 1 } == .damaged)
        #expect(code { $0[8] += 1 } == .damaged)
        #expect(code { $0[12] += 1 } == .damaged)
        #expect(code { $0[12] = 0 } == .damaged)
        #expect(code { $0[15] = 0xff } == .damaged)  // A plain length beyond the limit.
        #expect(code { $0[16] ^= 1 } == .damaged)
    }
}

struct PackTests {
    @Test(arguments: [1, 2, 9, 200])
    func comesBack(count: Int) throws {
        let pack = buildPack(count, seed: UInt64(count))
        #expect(pack.name == sha256(pack.bytes.raw))
        #expect(try PackReader.verify(pack.bytes.raw, name: pack.name) == pack.entries)
        #expect(try PackReader.entries(of: pack.bytes.raw) == pack.entries)
        #expect(pack.entries.map(\.id) == pack.entries.map(\.id).sorted())
        let plains = Dictionary(
            sampleBlobs(count, seed: UInt64(count)).map { (sha256($0.plain.raw), $0) },
            uniquingKeysWith: { first, _ in first })
        #expect(pack.entries.count == plains.count)
        var output = ByteWriter()
        for entry in pack.entries {
            try entry.appendPlain(of: PackReader.record(entry, in: pack.bytes.raw), to: &output)
            #expect(output.takeBytes() == plains[entry.id]?.plain)
            #expect(entry.type == plains[entry.id]?.type)
        }
    }

    @Test func readsTheFooterAlone() throws {
        let pack = buildPack(20, seed: 1)
        let tail = Array(pack.bytes.suffix(Pack.footerSize))
        let footer = try PackFooter(tail.raw, packSize: pack.bytes.count)
        let index = Array(pack.bytes[footer.indexRange])
        #expect(try footer.entries(index.raw) == pack.entries)
    }

    @Test func takesABlobOnce() throws {
        var builder = PackBuilder()
        let plain: [UInt8] = [1, 2, 3]
        let first = builder.append(plain: plain.raw, type: .imageLeaf)
        #expect(first.isNew && first.id == sha256(plain.raw))
        let second = builder.append(plain: plain.raw, type: .imageLeaf)
        #expect(!second.isNew && second.id == first.id)
        var writer = ByteWriter()
        BlobRecord.append(plain.raw, type: .imageLeaf, to: &writer)
        let record = writer.takeBytes()
        let isAppended = try builder.append(record: record.raw)
        #expect(!isAppended)
        let size = builder.byteCount
        let pack = builder.finish()
        #expect(pack.bytes.count == size)
        #expect(pack.entries.count == 1)
        // The builder begins anew.
        let isEmpty = builder.isEmpty
        #expect(isEmpty)
        let isAppendedAgain = try builder.append(record: record.raw)
        #expect(isAppendedAgain)
        let again = builder.finish()
        #expect(again.bytes == pack.bytes)
        let cut = Array(record.dropLast())
        var code: VarveError.Code?
        do throws(VarveError) { try builder.append(record: cut.raw) } catch { code = error.code }
        #expect(code == .damaged)
    }

    @Test func refusesEveryFlipAndTruncation() throws {
        let pack = buildPack(7, seed: 2)
        for index in pack.bytes.indices {
            var flipped = pack.bytes
            flipped[index] ^= 1 << (index % 8)
            if errorCode({ () throws(VarveError) in
                try PackReader.verify(flipped.raw, name: pack.name)
            }) == nil {
                Issue.record("byte \(index) was not noticed")
            }
            // Without the name nothing may trap, and header, index and footer are covered still.
            let code = errorCode { () throws(VarveError) in try PackReader.entries(of: flipped.raw)
            }
            let isCovered = index < Pack.headerSize || index >= pack.bytes.count - 24 - 7 * 48
            #expect((code != nil) == isCovered, "byte \(index)")
            _ = errorCode { () throws(VarveError) in
                try PackReader.verify(flipped.raw, name: sha256(flipped.raw))
            }
        }
        for count in 0..<pack.bytes.count {
            let part = Array(pack.bytes[..<count])
            if errorCode({ () throws(VarveError) in try PackReader.entries(of: part.raw) }) == nil {
                Issue.record("a pack of \(count) bytes was accepted")
            }
        }
    }

    /// An index with a checksum that fits, but that lies.
    @Test func readsTheIndexStrictly() throws {
        let pack = buildPack(3, seed: 3)
        let start = pack.bytes.count - 24 - 3 * 48
        func code(_ change: (inout [UInt8]) -> Void) -> VarveError.Code? {
            var bytes = pack.bytes
            change(&bytes)
            let index = Array(bytes[start..<start + 3 * 48])
            let checksum = crc32(index.raw)
            for at in 0..<4 {
                bytes[bytes.count - 12 + at] = UInt8(truncatingIfNeeded: checksum >> (8 * at))
            }
            return errorCode { () throws(VarveError) in
                try PackReader.verify(bytes.raw, name: sha256(bytes.raw))
            }
        }
        #expect(code { _ in } == nil)
        #expect(code { $0[start] ^= 0xff } == .damaged)  // Order.
        #expect(code { $0[start + 31] ^= 1 } == .damaged)  // An id that no header has.
        #expect(code { $0[start + 32] ^= 1 } == .damaged)  // An offset.
        #expect(code { $0[start + 36] ^= 1 } == .damaged)  // A stored length.
        #expect(code { $0[start + 44] ^= 1 } == .damaged)  // A type.
        #expect(code { $0[start + 46] = 1 } == .unsupported)
        #expect(code { $0[start + 47] = 1 } == .damaged)
        #expect(
            code { bytes in
                let first = Array(bytes[start..<start + 48])
                bytes.replaceSubrange(start + 48..<start + 96, with: first)
            } == .damaged)
    }

    @Test func scansDamagedPacks() throws {
        let pack = buildPack(40, seed: 4)
        let byOffset = pack.entries.sorted { $0.offset < $1.offset }
        #expect(PackScanner.scan(pack.bytes.raw).sound == byOffset)
        #expect(PackScanner.scan(pack.bytes.raw).damaged == [])

        // Without head and tail.
        let middle = Array(pack.bytes[30..<Int(byOffset[39].range.upperBound)])
        let found = PackScanner.scan(middle.raw).sound
        #expect(found.map(\.id) == byOffset.map(\.id))
        #expect(found.map { $0.offset + 30 } == byOffset.map(\.offset))

        // One blob's contents, one blob's header.
        var damaged = pack.bytes
        damaged[byOffset[5].range.upperBound - 1] ^= 1
        damaged[Int(byOffset[9].offset) + 20] ^= 1
        var scan = PackScanner.scan(damaged.raw)
        #expect(scan.sound == byOffset.indices.filter { $0 != 5 && $0 != 9 }.map { byOffset[$0] })
        #expect(scan.damaged == [byOffset[5]])

        // Bytes are missing within a blob: all others are found.
        var shortened = pack.bytes
        let wide = byOffset.indices.max { byOffset[$0].storedBytes < byOffset[$1].storedBytes }!
        let inside = Int(byOffset[wide].offset) + BlobRecord.headerSize + 3
        shortened.removeSubrange(inside..<inside + 2)
        scan = PackScanner.scan(shortened.raw)
        #expect(scan.sound.count == 39)
        #expect(scan.damaged.map(\.id) == [byOffset[wide].id])

        // Any bytes at all.
        var generator = Generator(seed: 5)
        let noise = generator.bytes(100_000)
        #expect(PackScanner.scan(noise.raw).sound == [])
        #expect(PackScanner.scan([UInt8](repeating: 0x56, count: 1000).raw).sound == [])
        #expect(PackScanner.scan([UInt8]().raw).sound == [])
    }
}
