import Testing
import VarveBytes
import VarveFormat

struct ObjectNameTests {
    static let table = TableID(hexadecimal: "000102030405060708090a0b0c0d0e0f")!
    static let digits = "000102030405060708090a0b0c0d0e0f"
    static let hash = Hash256(hexadecimal: String(repeating: "ab", count: 32))!
    static let hashDigits = String(repeating: "ab", count: 32)

    static let names: [(ObjectName, String)] = [
        (.configuration, "config"),
        (.keySlot(0), "keys/00"),
        (.keySlot(99), "keys/99"),
        (.pack(hash), "packs/ab/\(hashDigits)"),
        (.index(hash), "indexes/\(hashDigits)"),
        (.table(table), "tables/\(digits)/table"),
        (.commit(table, sequence: 0), "tables/\(digits)/commits/0000000000000000"),
        (.commit(table, sequence: 0x1a2b), "tables/\(digits)/commits/0000000000001a2b"),
        (
            .commit(table, sequence: 1 << 63 - 1), "tables/\(digits)/commits/7fffffffffffffff"
        ),
        (.layout(table, number: 1), "tables/\(digits)/layouts/0000000000000001"),
        (.settings(table, ordinal: 0), "tables/\(digits)/settings/0000000000000000"),
        (.retention(table, ordinal: 1), "tables/\(digits)/retention/0000000000000001"),
        (.backup(table, BackupID(hexadecimal: digits)!), "tables/\(digits)/backups/\(digits)"),
        (.lease(table), "tables/\(digits)/lease"),
        (.intent(WriterID(hexadecimal: digits)!), "intents/\(digits)"),
        (.condemned(ordinal: 16), "condemned/0000000000000010"),
    ]

    @Test func spellsAndParses() {
        for (name, path) in Self.names {
            #expect(name.path == path)
            #expect(ObjectName(path: path) == name)
        }
    }

    @Test func refusesEverySmallChange() {
        for (name, path) in Self.names {
            let bytes = Array(path.utf8)
            for index in bytes.indices {
                var changed = bytes
                changed[index] = UInt8(ascii: "A")
                #expect(ObjectName(path: String(decoding: changed, as: UTF8.self)) == nil)
                changed = bytes
                changed.remove(at: index)
                #expect(ObjectName(path: String(decoding: changed, as: UTF8.self)) == nil)
            }
            #expect(ObjectName(path: path + "/") == nil)
            #expect(ObjectName(path: path + "0") == nil)
            #expect(ObjectName(path: "/" + path) == nil)
            #expect(ObjectName(path: "x/" + path) == nil)
            if case .configuration = name { continue }
        }
    }

    @Test(arguments: [
        "", "/", "config/x", "keys/1", "keys/+1", "keys/100", "packs/00/\(hashDigits)",
        "packs/\(hashDigits)", "tables/\(digits)", "tables/\(digits)/layouts/0000000000000000",
        "tables/\(digits)/commits/+000000000000001", "tables/\(digits)/commits/x",
        "tables/\(digits)/table/x", "tables/\(digits)/other", "temporary/1-2", "probe/x",
        "tables/\(digits)/commits", "condemned/0", "intents/",
        "tables/\(digits)/commits/8000000000000000", "condemned/ffffffffffffffff",
    ])
    func refuses(path: String) {
        #expect(ObjectName(path: path) == nil)
    }

    @Test func prefixesFitNames() {
        let table = Self.table
        for (name, prefix) in [
            (ObjectName.pack(Self.hash), ObjectName.packsPrefix),
            (.index(Self.hash), ObjectName.indexesPrefix),
            (.commit(table, sequence: 9), ObjectName.commitsPrefix(of: table)),
            (.layout(table, number: 9), ObjectName.layoutsPrefix(of: table)),
            (.settings(table, ordinal: 9), ObjectName.settingsPrefix(of: table)),
            (.retention(table, ordinal: 9), ObjectName.retentionPrefix(of: table)),
            (
                .backup(table, BackupID(hexadecimal: Self.digits)!),
                ObjectName.backupsPrefix(of: table)
            ),
        ] {
            #expect(name.path.hasPrefix(prefix))
        }
    }

    @Test func derivesTableIDs() {
        let repository = RepositoryID(hexadecimal: Self.digits)!
        // SHA-256("varve table name\0" ‖ 00 01 … 0f ‖ 06 "orders" ‖ 00), its first 16 bytes.
        let input =
            Array("varve table name\0".utf8) + (0..<16).map(UInt8.init) + [6]
            + Array("orders".utf8) + [0]
        let expected = Array(sha256(input.raw).bytes[..<16])
        #expect(TableID(repository: repository, name: "orders", ordinal: 0).bytes == expected)
        #expect(
            TableID(repository: repository, name: "orders", ordinal: 1)
                != TableID(repository: repository, name: "orders", ordinal: 0))
    }

    @Test(arguments: [
        ("a", true), ("A-z_0.9", true), (String(repeating: "x", count: 255), true), ("", false),
        (String(repeating: "x", count: 256), false), ("a/b", false), ("ä", false), ("a b", false),
        (".", false), ("..", false), ("...", true), ("a.", true),
    ])
    func checksTableNames(name: String, isValid: Bool) {
        #expect(TableName.isValid(name) == isValid)
    }

    @Test func ordersIdentifiersLikeNames() {
        var generator = Generator(seed: 3)
        let identifiers = (0..<200).map { _ in
            let bytes = generator.bytes(16)
            return TableID(bytes: bytes.raw)!
        }
        #expect(
            identifiers.sorted().map(\.description) == identifiers.map(\.description).sorted())
    }
}

struct InstantTests {
    @Test(
        arguments: [
            ("2025-09-25T10:00:00Z", 1_758_794_400), ("2025-09-25t10:00:00z", 1_758_794_400),
            ("2025-09-25 12:00:00+02:00", 1_758_794_400), ("2025-09-25T10:00Z", 1_758_794_400),
            ("2025-09-25T02:30:00-0730", 1_758_794_400), ("2025-09-25T11:00:00+01", 1_758_794_400),
            ("2025-09-25T10:00:00.000Z", 1_758_794_400), ("1758794400", 1_758_794_400),
            ("1758794400.000", 1_758_794_400), ("0", 0), ("-1", -1), ("1970-01-01T00:00:00Z", 0),
            ("2024-02-29T23:59:59Z", 1_709_251_199), ("0001-01-01T00:00:00Z", -62_135_596_800),
            ("9999-12-31T23:59:59Z", 253_402_300_799), ("1969-12-31T23:59:59Z", -1),
            ("2000-02-29T00:00:00Z", 951_782_400), ("1900-03-01T00:00:00Z", -2_203_891_200),
        ] as [(String, Int64)])
    func parses(text: String, second: Int64) throws {
        #expect(try Instant(parsing: text).second == second)
    }

    @Test(arguments: [
        "", "now", "2025-09-25", "2025-09-25T10:00:00", "2025-09-25 10:00:00", "10:00:00Z",
        "2025-09-25T10:00:00.5Z", "2025-09-25T10:00:00.Z", "1758794400.5", "1758794400.", ".0",
        "2025-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2025-13-01T00:00:00Z",
        "2025-00-01T00:00:00Z", "2025-01-32T00:00:00Z", "2025-01-00T00:00:00Z",
        "2025-09-25T24:00:00Z", "2025-09-25T10:60:00Z", "2025-09-25T10:00:60Z",
        "2025-09-25T10:00:00Zx", "2025-09-25T10:00:00+24:00", "2025-09-25T10:00:00+02:",
        "2025-09-25T10:00:00 Z", "25-09-25T10:00:00Z", "0000-01-01T00:00:00Z", "20250925",
        "202509251000", "20250925T100000Z", "1758794400000", "253402300800", "--1", "+1",
        "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "1-2", "2025-09-25T10:00:00+2",
        "99999999999999999999999999",
    ])
    func refuses(text: String) {
        #expect(throws: VarveError(.invalidInput, "")) { try Instant(parsing: text) }
    }

    @Test func saysThatTheZoneIsMissing() {
        do throws(VarveError) {
            _ = try Instant(parsing: "2025-09-25T10:00:00")
            Issue.record("accepted")
        } catch {
            #expect(error.message.contains("time zone is missing"))
        }
    }

    @Test func describesItself() {
        #expect(Instant(second: 1_758_794_400)!.description == "2025-09-25T10:00:00Z")
        #expect(Instant.least.description == "0001-01-01T00:00:00Z")
        #expect(Instant.greatest.description == "9999-12-31T23:59:59Z")
        #expect(Instant(second: -1)!.description == "1969-12-31T23:59:59Z")
    }

    @Test func comesBackFromItsText() throws {
        let seed: UInt64 = 11
        var generator = Generator(seed: seed)
        for _ in 0..<2000 {
            let range = Instant.least.second...Instant.greatest.second
            let instant = Instant(second: Int64.random(in: range, using: &generator))!
            #expect(try Instant(parsing: instant.description) == instant, "seed \(seed)")
        }
    }

    @Test func knowsItsBounds() {
        #expect(Instant(second: Instant.least.second - 1) == nil)
        #expect(Instant(second: Instant.greatest.second + 1) == nil)
        #expect(Instant(microseconds: 1) == nil)
        #expect(Instant(microseconds: -2_000_000)?.second == -2)
        #expect(Instant(microseconds: .max) == nil)
    }

    /// A change belongs to the checkpoint ⌊time / 10^6⌋ + 1 s.
    @Test(
        arguments: [
            (0, 1), (999_999, 1), (1_000_000, 2), (-1, 0), (-1_000_000, 0), (-1_000_001, -1),
        ]
            as [(Int64, Int64)])
    func sealsTimes(time: Int64, second: Int64) {
        #expect(Instant(sealing: time)?.second == second)
    }
}
