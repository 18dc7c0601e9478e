import Testing
import VarveBytes

@Suite struct CursorAndWriterTests {
    @Test(
        arguments: [
            (0, "00"), (1, "01"), (127, "7f"), (128, "8001"), (16_383, "ff7f"),
            (16_384, "808001"), (UInt64.max, "ffffffffffffffffff01"),
        ] as [(UInt64, String)])
    func varints(_ value: UInt64, _ bytes: String) throws {
        var writer = ByteWriter()
        writer.append(varint: value)
        #expect(writer.bytes.hexadecimal == bytes)
        #expect(value.varintSize == writer.count)
        var cursor = ByteCursor(writer.bytes)
        #expect(try cursor.varint() == value)
        try cursor.end()
        var wide = ByteCursor(writer.bytes)
        #expect(try wide.wide() == UInt128(value))
    }

    @Test(arguments: ["", "80", "8000", "ff00", "ffffffffffffffffff02", "ffffffffffffffffffff01"])
    func refusesVarints(_ bytes: String) throws {
        let bytes = try #require([UInt8](hexadecimal: bytes))
        #expect(throws: VarveError(.damaged, "")) {
            var cursor = ByteCursor(bytes.raw)
            _ = try cursor.varint()
        }
    }

    @Test(arguments: [0, -1, 1, -2, 63, -64, 64, Int64.max, Int64.min] as [Int64])
    func signed(_ value: Int64) throws {
        var writer = ByteWriter()
        writer.append(svarint: value)
        writer.append(swide: Int128(value))
        writer.append(i64: value)
        var cursor = ByteCursor(writer.bytes)
        #expect(try cursor.svarint() == value)
        #expect(try cursor.swide() == Int128(value))
        #expect(try cursor.i64() == value)
        #expect(Int64(zigzag: value.zigzag) == value)
    }

    @Test func wides() throws {
        let values = [Int128.max, Int128.min, Int128(UInt64.max), 1 << 100]
        var writer = ByteWriter()
        for value in values { writer.append(swide: value) }
        var cursor = ByteCursor(writer.bytes)
        for value in values { #expect(try cursor.swide() == value) }
        try cursor.end()
        for bytes in [
            [UInt8](repeating: 0xff, count: 18) + [4], [0x80, 0],
            [UInt8](repeating: 0x80, count: 19) + [1],
        ] {
            #expect(throws: VarveError(.damaged, "")) {
                var cursor = ByteCursor(bytes.raw)
                _ = try cursor.wide()
            }
        }
    }

    @Test func structures() throws {
        var writer = ByteWriter(capacity: 1)
        writer.append(UInt8(7))
        writer.append(u16: 0x0102)
        writer.append(u32: 0x0304_0506)
        writer.append(u64: 0x0708_090a_0b0c_0d0e)
        writer.append(text: "é")
        writer.append(repeating: 9, count: 2)
        #expect(writer.bytes.hexadecimal == "07020106050403" + "0e0d0c0b0a090807" + "02c3a90909")
        var cursor = ByteCursor(writer.bytes)
        #expect(try cursor.u8() == 7)
        #expect(try cursor.u16() == 0x0102)
        #expect(try cursor.u32() == 0x0304_0506)
        #expect(try cursor.u64() == 0x0708_090a_0b0c_0d0e)
        #expect(try cursor.text() == "é")
        #expect(cursor.remaining == 2)
        #expect((try? cursor.end()) == nil)
        #expect((try? cursor.u32()) == nil)
        #expect((try? cursor.skip(3)) == nil)
        #expect((try? cursor.skip(-1)) == nil)
        try cursor.skip(2)
        try cursor.end()
    }

    @Test func countsAreChecked() throws {
        let bytes: [UInt8] = [5, 0, 0, 0, 0]
        #expect(throws: VarveError(.damaged, "")) {
            var cursor = ByteCursor(bytes.raw)
            _ = try cursor.count()
        }
        #expect(throws: VarveError(.damaged, "")) {
            var cursor = ByteCursor(bytes.raw)
            _ = try cursor.counted()
        }
        let pairs: [UInt8] = [2, 0, 0, 0, 0]
        var cursor = ByteCursor(pairs.raw)
        #expect(try cursor.count(ofAtLeast: 2) == 2)
        let surrogate: [UInt8] = [3, 0xed, 0xa0, 0x80]
        #expect(throws: VarveError(.damaged, "")) {
            var cursor = ByteCursor(surrogate.raw)
            _ = try cursor.text()
        }
    }

    @Test func overwritingAndInserting() {
        var writer = ByteWriter()
        writer.append([1, 2, 3, 4, 5, 6, 7, 8, 9])
        writer.overwrite(at: 1, u8: 0xff)
        writer.insert(varint: 300, at: 2)
        #expect(writer.copyBytes() == [1, 0xff, 0xac, 2, 3, 4, 5, 6, 7, 8, 9])
        writer.overwrite(at: 0, u32: 0)
        writer.overwrite(at: 3, u64: 1)
        #expect(writer.takeBytes() == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
        #expect(writer.count == 0)
    }

    @Test(arguments: [0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 100])
    func partsOfAllSizes(_ count: Int) {
        let source = (0..<140).map { UInt8($0) }
        for start in [0, 1, source.count - count] {
            var writer = ByteWriter(capacity: 32)
            writer.append(source.raw, from: start, count: count)
            writer.append(UInt8(0xee))
            #expect(writer.takeBytes() == source[start..<start + count] + [0xee])
            #expect(source.raw.matches(at: start, source.raw, from: start, count: count) == true)
            if count > 0 {
                var other = source
                other[start + count - 1] ^= 1
                #expect(
                    source.raw.matches(at: start, other.raw, from: start, count: count) == false)
            }
        }
        // One byte is missing at the end.
        if count > 0 {
            let zeros = [UInt8](repeating: 0, count: 140)
            #expect(zeros.raw.matches(at: 141 - count, zeros.raw, from: 0, count: count) == false)
        }
    }

    @Test(
        arguments: [0, 9, 10, 99, 100, 999, 1_000, 9_999, 10_000, 12_345_678, .max] as [UInt64])
    func decimals(_ value: UInt64) {
        var writer = ByteWriter()
        writer.append(decimal: value)
        #expect(String(validating: writer.bytes) == String(value))
        #expect(value.decimalDigitCount == String(value).count)
    }

    @Test func flatBuffers() {
        var buffer = GrowingBuffer<Int>(capacity: 1)
        for value in 0..<100 { buffer.append(value) }
        buffer[7] = -1
        buffer.swapAt(0, 99)
        #expect(buffer.count == 100)
        #expect([buffer[0], buffer[7], buffer[99]] == [99, -1, 0])
        buffer.truncate(to: 1)
        #expect(buffer.count == 1)
    }
}
