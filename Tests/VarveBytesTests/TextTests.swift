import Testing
import VarveBytes

@Suite struct TextTests {
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"), ("\u{3ff}\u{3ff}", "z7/Pvw=="),
    ])
    func base64(_ plain: String, _ text: String) {
        // RFC 4648, section 10.
        var output = ByteWriter()
        Base64.append(Array(plain.utf8).raw, to: &output)
        #expect(String(validating: output.bytes) == text)
        var back = ByteWriter()
        let isValid = Base64.decode(Array(text.utf8).raw, into: &back)
        #expect(isValid)
        #expect(back.takeBytes() == Array(plain.utf8))
    }

    @Test(arguments: [
        "Z", "Zg", "Zg=", "Zh==", "Zm9=", "====", "Zg==Zg==", "Zm9v=", "Zm 9", "Z-_v",
    ])
    func refusesBase64(_ text: String) {
        var output = ByteWriter()
        let isValid = Base64.decode(Array(text.utf8).raw, into: &output)
        #expect(!isValid)
        #expect(output.count == 0)
    }

    @Test func plainTextEnds() {
        for length in 0..<40 {
            for stop in 0...length {
                for special in [0x22, 0x5c, 0x1f, 0x00] as [UInt8] {
                    var bytes = [UInt8](repeating: 0x7f, count: length)
                    if stop < length { bytes[stop] = special }
                    for start in [0, stop / 2, stop] {
                        var isASCII = true
                        let end = bytes.raw.plainTextEnd(from: start, to: length, isASCII: &isASCII)
                        if end != stop || !isASCII { Issue.record("\(length) \(stop) \(start)") }
                    }
                }
            }
        }
    }

    @Test func plainTextThatIsNotASCII() {
        for length in 1..<24 {
            for high in 0..<length {
                for limit in 0...length {
                    var bytes = [UInt8](repeating: 0x61, count: length)
                    bytes[high] = 0x80
                    var isASCII = true
                    let end = bytes.raw.plainTextEnd(from: 0, to: limit, isASCII: &isASCII)
                    if end != limit || isASCII != (high >= limit) {
                        Issue.record("\(length) \(high) \(limit)")
                    }
                }
            }
        }
    }

    /// Agrees with the standard library on every sequence of three interesting bytes.
    @Test func validUTF8() {
        let interesting: [UInt8] = [
            0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1,
            0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff,
        ]
        for first in interesting {
            for second in interesting {
                for third in interesting {
                    for bytes in [
                        [first], [first, second], [first, second, third],
                        [first, second, third, 0x80],
                        Array("seven..".utf8) + [first, second, third, 0xbf, 0x61],
                    ] {
                        let expected = String(validating: bytes, as: UTF8.self) != nil
                        if bytes.raw.isUTF8 != expected { Issue.record("\(bytes)") }
                    }
                }
            }
        }
    }

    @Test func spans() {
        let bytes = Array("hello, world".utf8)
        #expect(bytes.raw.firstOffset(of: UInt8(ascii: "o")) == 4)
        #expect(bytes.raw.firstOffset(of: UInt8(ascii: "o"), from: 5) == 8)
        #expect(bytes.raw.firstOffset(of: UInt8(ascii: "x")) == nil)
        #expect(bytes.raw.firstOffset(of: UInt8(ascii: "h"), from: 12) == nil)
        #expect(bytes.raw.lastOffset(of: UInt8(ascii: "o")) == 8)
        #expect(bytes.raw.part(0, 5).precedes(bytes.raw) == true)
        #expect(bytes.raw.precedes(bytes.raw.part(0, 5)) == false)
        #expect(bytes.raw.sharedPrefix(Array("hello, World".utf8).raw) == 7)
        #expect([UInt8](hexadecimal: "00fF") == nil)
        #expect([UInt8](hexadecimal: "00ff") == [0, 255])
    }

    @Test(arguments: [0, 1, 15, 16, 17, 4_079, 4_080, 4_081, 4_096, 70_000])
    func countsBytes(size: Int) {
        let alternating = (0..<size).map { UInt8($0 % 3) }
        #expect(alternating.raw.count(of: 1) == alternating.count { $0 == 1 })
        #expect([UInt8](repeating: 10, count: size).raw.count(of: 10) == size)
        #expect([UInt8](repeating: 10, count: size).raw.count(of: 11) == 0)
    }
}
