import Testing
import VarveBytes
import VarveModel

@Suite struct DecimalNumberTests {
    static func parse(_ text: String) throws(DecimalNumber.Fault) -> DecimalNumber {
        try DecimalNumber.parse(Array(text.utf8).raw)
    }

    static func canonical(_ number: DecimalNumber) -> [UInt8] {
        var output = ByteWriter()
        number.append(to: &output)
        return output.takeBytes()
    }

    static func key(_ number: DecimalNumber) -> [UInt8] {
        var output = ByteWriter()
        number.appendKey(to: &output)
        return output.takeBytes()
    }

    static func decode(canonical bytes: [UInt8]) throws(VarveError) -> DecimalNumber {
        var cursor = ByteCursor(bytes.raw)
        let number = try DecimalNumber(canonical: &cursor)
        try cursor.end()
        return number
    }

    static func decode(key bytes: [UInt8]) throws(VarveError) -> DecimalNumber {
        var cursor = ByteCursor(bytes.raw)
        let number = try DecimalNumber(key: &cursor)
        try cursor.end()
        return number
    }

    @Test(arguments: ["1", "1.0", "1e0", "+1", "01", "10E-1", "0.1e1", "1.", "100e-2"])
    func equalNumbersHaveEqualBytes(_ text: String) throws {
        #expect(try Self.canonical(Self.parse(text)) == [0x00, 0x02])
    }

    @Test(arguments: [
        ("6", "000c"), ("0", "0000"), ("-0.00E+500", "0000"), ("-1", "0001"), ("-0.5", "0109"),
        ("1E+3", "0602"), ("1E-130", "830202"), ("1E+125", "fa0102"), ("64", "008001"),
    ])
    func canonicalBytes(_ text: String, _ bytes: String) throws {
        let number = try Self.parse(text)
        #expect(Self.canonical(number).raw.hexadecimal == bytes)
        #expect(try Self.decode(canonical: Self.canonical(number)) == number)
    }

    @Test func thirtyEightDigits() throws {
        let nines = String(repeating: "9", count: 38)
        for text in [nines, "-" + nines, "9." + nines.dropFirst() + "E125"] {
            let number = try Self.parse(text)
            #expect(number.digitCount == 38)
            #expect(number.coefficient.magnitude == UInt128(nines))
            #expect(try Self.decode(canonical: Self.canonical(number)) == number)
            #expect(try Self.decode(key: Self.key(number)) == number)
        }
        #expect(try Self.parse(nines).text == nines)
    }

    @Test(arguments: [
        "", "-", "+", ".", "e1", "1e", "1e+", "1x", "--1", "1.2.3", " 1", "1 ", "0x1", "NaN",
        "1e1.5", "Infinity", "1,5",
    ])
    func malformed(_ text: String) {
        #expect(throws: DecimalNumber.Fault.malformed) { try Self.parse(text) }
    }

    @Test(arguments: [
        "1" + String(repeating: "0", count: 37) + "1", "0.123456789012345678901234567890123456789",
    ])
    func tooManyDigits(_ text: String) {
        #expect(throws: DecimalNumber.Fault.tooManyDigits) { try Self.parse(text) }
    }

    @Test(arguments: ["1E126", "1E-131", "0.1E-130", "10E125", "-1E99999999999999999999"])
    func outOfRange(_ text: String) {
        #expect(throws: DecimalNumber.Fault.outOfRange) { try Self.parse(text) }
    }

    @Test(arguments: [
        "0014", "0200", "008000", "ba0202", "fc0102", "8ed1ffffffffffffff0102", "00", "",
        "00ffffffffffffffffffffffffffffffffffff03",
    ])
    func refusesOtherForms(_ bytes: String) throws {
        let bytes = try #require([UInt8](hexadecimal: bytes))
        #expect(throws: VarveError(.damaged, "")) { try Self.decode(canonical: bytes) }
    }

    @Test func zerosInFrontAndBehindAreNoDigits() throws {
        let zeros = String(repeating: "0", count: 60)
        #expect(try Self.parse(zeros + "12" + zeros).text == "1.2E+61")
        #expect(try Self.parse("0." + zeros + "12" + zeros).text == "1.2E-61")
    }

    @Test(arguments: [
        ("1", "808314"), ("6", "808378"), ("12", "808418"), ("123", "8085193c"),
        ("-1", "7f7ceb"), ("0", "8000"), ("1E-130", "800114"), ("9E125", "8100b4"),
    ])
    func numberKeys(_ text: String, _ bytes: String) throws {
        let number = try Self.parse(text)
        #expect(Self.key(number).raw.hexadecimal == bytes)
        #expect(try Self.decode(key: Self.key(number)) == number)
    }

    @Test(arguments: [
        "8001", "800000", "800014ff", "810114", "7fff", "80830a", "80832a00", "8083c8", "808319",
        "8084190019", "8083", "80", "", "7f7c", "7efe14", "7f7cea", "800014",
    ])
    func refusesOtherKeys(_ bytes: String) throws {
        let key = try #require([UInt8](hexadecimal: bytes))
        #expect(throws: VarveError(.damaged, "")) { try Self.decode(key: key) }
    }

    @Test(arguments: [
        ("0", "0"), ("-12.50", "-12.5"), ("1E+3", "1000"), ("0.001", "0.001"),
        ("1E39", "1000000000000000000000000000000000000000"), ("1E40", "1E+40"),
        ("-1E39", "-1E+39"), ("1.5E-100", "1.5E-100"), ("1E100", "1E+100"),
        ("1E-38", "0.00000000000000000000000000000000000001"), ("1E-39", "1E-39"),
        ("12345678901234567890123456789012345678E-37", "1.2345678901234567890123456789012345678"),
        ("-12345678901234567890123456789012345678", "-12345678901234567890123456789012345678"),
    ])
    func text(_ text: String, _ expected: String) throws {
        #expect(try Self.parse(text).text == expected)
    }

    @Test(arguments: [
        ("0", 1), ("1", 2), ("12", 2), ("123", 3), ("-1", 3), ("10", 2), ("0.1", 2), ("1.5", 3),
    ])
    func itemSize(_ text: String, _ size: Int) throws {
        #expect(try Self.parse(text).itemSize == size)
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func randomNumbers(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var last = DecimalNumber.zero
        for _ in 0..<3_000 {
            let number = RandomItems.number(&random)
            #expect(try Self.parse(number.text) == number, "seed \(seed)")
            #expect(number.text.count <= 46)
            #expect(try Self.decode(canonical: Self.canonical(number)) == number, "seed \(seed)")
            let key = Self.key(number)
            #expect(try Self.decode(key: key) == number, "seed \(seed)")
            #expect((last < number) == Self.key(last).raw.precedes(key.raw), "seed \(seed)")
            #expect((number < last) == key.raw.precedes(Self.key(last).raw), "seed \(seed)")
            last = number
        }
    }

    /// Everything that decodes as a key encodes to the same bytes.
    @Test(arguments: [4, 5] as [UInt64])
    func strictKeys(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var accepted = 0
        for _ in 0..<3_000 {
            var key = Self.key(RandomItems.number(&random))
            key[random.below(key.count)] = UInt8(random.below(256))
            guard let number = try? Self.decode(key: key) else { continue }
            #expect(Self.key(number) == key, "seed \(seed)")
            accepted += 1
        }
        #expect(accepted > 100)
    }
}
