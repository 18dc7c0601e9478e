import Foundation
import Testing
import VarveBytes
import VarveFormat
import VarveModel

/// The code, held to `Fixtures/vectors/objects` in both directions.
struct RecordVectorTests {
    @Test func configuration() throws {
        try ConfigurationFields.check(
            "configuration", spec: "09-objects.md: 1 Configuration", Samples.configurations)
    }
    @Test func table() throws {
        try TableFields.check("table", spec: "09-objects.md: 2 Table", Samples.tables)
    }
    @Test func settings() throws {
        try SettingsFields.check("settings", spec: "09-objects.md: 3 Settings", Samples.settings)
    }
    @Test func backup() throws {
        try BackupFields.check("backup", spec: "09-objects.md: 4 Backup", Samples.backups)
    }
    @Test func commit() throws {
        try CommitFields.check("commit", spec: "09-objects.md: 5 Commit", Samples.commits)
    }
    @Test func layout() throws {
        try LayoutFields.check("layout", spec: "09-objects.md: 6 Layout", Samples.layouts)
    }
    @Test func intent() throws {
        try IntentFields.check("intent", spec: "09-objects.md: 7 Intent", Samples.intents)
    }
    @Test func condemned() throws {
        try CondemnedFields.check(
            "condemned", spec: "09-objects.md: 8 Condemned list", Samples.condemned)
    }
    @Test func retention() throws {
        try RetentionFields.check(
            "retention", spec: "09-objects.md: 11 Retention", Samples.retentions)
    }
    @Test func lease() throws {
        try LeaseFields.check("lease", spec: "09-objects.md: 9 Lease", Samples.leases)
    }
    @Test func keySlot() throws {
        try KeySlotFields.check("key-slot", spec: "12-encryption.md", Samples.keySlots)
    }
}

struct PackVectorTests {
    /// The header's fields, and the blob uncompressed.
    struct BlobFields: Codable, Equatable {
        var type: UInt8
        var codec: UInt8
        var id: String
        var storedBytes: UInt32
        var plain: String
    }

    static func fields(_ record: [UInt8]) throws -> BlobFields {
        var plain = ByteWriter()
        let header = try BlobRecord.read(record.raw, into: &plain)
        return BlobFields(
            type: header.type.rawValue, codec: header.codec.rawValue,
            id: header.id.description, storedBytes: header.storedBytes,
            plain: plain.bytes.hexadecimal)
    }

    static func records() -> [(String, [UInt8])] {
        let samples: [(String, BlobType, [UInt8])] = [
            ("an outlined string, stored plain", .outlinedValue, [1, 5] + Array("hello".utf8)),
            ("one byte", .timeList, [8]),
            ("compressed", .imageLeaf, [1] + Array(repeating: 0, count: 999)),
        ]
        return samples.map { name, type, plain in
            var writer = ByteWriter()
            BlobRecord.append(plain.raw, type: type, to: &writer)
            return (name, writer.takeBytes())
        }
    }

    /// Compressed bytes are a writer's choice: only what is stored plain is encoded again.
    @Test func blobRecords() throws {
        let file = try VectorFile<BlobFields>.load(
            "blob-record", spec: "08-packs.md: Blob record"
        ) { try Self.records().map { ($0, $1, try Self.fields($1)) } }
        for sample in file.cases {
            let bytes = try parse(bytes: sample.hex)
            #expect(try Self.fields(bytes) == sample.fields, "\(sample.name)")
            if sample.fields.codec != 0 { continue }
            let plain = try parse(bytes: sample.fields.plain)
            let type = try #require(BlobType(rawValue: sample.fields.type))
            var writer = ByteWriter()
            BlobRecord.append(plain.raw, type: type, to: &writer)
            #expect(writer.takeBytes() == bytes, "\(sample.name)")
        }
    }

    struct EntryFields: Codable, Equatable {
        var id: String
        var offset: UInt32
        var storedBytes: UInt32
        var plainBytes: UInt32
        var type: UInt8
        var codec: UInt8

        init(_ entry: PackEntry) {
            id = entry.id.description
            offset = entry.offset
            storedBytes = entry.storedBytes
            plainBytes = entry.plainBytes
            type = entry.type.rawValue
            codec = entry.codec.rawValue
        }
    }

    struct PackFields: Codable, Equatable {
        /// SHA-256 of the bytes.
        var name: String
        /// Blob records in the order in which they lie.
        var records: [String]
        /// Ascending by id.
        var entries: [EntryFields]

        init(_ pack: [UInt8]) throws {
            let hash = sha256(pack.raw)
            let found = try PackReader.verify(pack.raw, name: hash)
            name = hash.description
            records = found.sorted { $0.offset < $1.offset }
                .map { pack.raw.part($0.range.lowerBound, $0.range.upperBound).hexadecimal }
            entries = found.map(EntryFields.init)
        }

        func seal() throws -> SealedPack {
            var builder = PackBuilder()
            for record in records {
                let bytes = try parse(bytes: record)
                try builder.append(record: bytes.raw)
            }
            return builder.finish()
        }
    }

    static func packs() throws -> [(String, [UInt8])] {
        let records = records().map(\.1)
        return [
            ("one blob", try pack(Array(records[..<1]))), ("three blobs", try pack(records)),
        ]
    }

    private static func pack(_ records: [[UInt8]]) throws -> [UInt8] {
        var builder = PackBuilder()
        for record in records { try builder.append(record: record.raw) }
        return builder.finish().bytes
    }

    @Test func packs() throws {
        try VectorFile<PackFields>.check(
            "pack", spec: "08-packs.md: Pack",
            samples: { try Self.packs().map { ($0, $1, try PackFields($1)) } },
            decode: { try PackFields($0) }, encode: { try $0.seal().bytes })
    }

    struct IndexFields: Codable, Equatable {
        struct Pack: Codable, Equatable {
            var name: String
            var bytes: String
        }

        /// SHA-256 of the bytes.
        var name: String
        /// Ascending by name.
        var packs: [Pack]
    }

    /// The index of all packs of the vectors; the packs' entries must be its entries.
    @Test func indexes() throws {
        let packs = try Self.packs().map { name, bytes in
            let entries = try PackReader.entries(of: bytes.raw)
            return SealedPackFields(name: sha256(bytes.raw), bytes: bytes, entries: entries)
        }.sorted { $0.name < $1.name }
        try VectorFile<IndexFields>.check(
            "pack-index", spec: "08-packs.md: Pack index",
            samples: {
                let fields = packs.map {
                    IndexFields.Pack(name: $0.name.description, bytes: $0.bytes.raw.hexadecimal)
                }
                let bytes = try Self.index(fields).bytes
                let name = sha256(bytes.raw).description
                return [("two packs", bytes, IndexFields(name: name, packs: fields))]
            },
            decode: { bytes in
                let name = sha256(bytes.raw)
                let reader = try PackIndexReader(ByteRanges(bytes), name: name)
                var found: [Int: [PackEntry]] = [:]
                try reader.forEach { (pack, entry) throws(VarveError) in
                    found[pack, default: []].append(entry)
                }
                #expect(packs.indices.allSatisfy { found[$0] == packs[$0].entries })
                #expect(reader.packs.map(\.size) == packs.map(\.bytes.count))
                return IndexFields(
                    name: name.description,
                    packs: zip(reader.packs, packs).map {
                        IndexFields.Pack(
                            name: $0.name.description, bytes: $1.bytes.raw.hexadecimal)
                    })
            },
            encode: { try Self.index($0.packs).bytes })
    }

    struct SealedPackFields {
        var name: Hash256
        var bytes: [UInt8]
        var entries: [PackEntry]
    }

    static func index(_ packs: [IndexFields.Pack]) throws -> SealedIndex {
        var builder = PackIndexBuilder()
        for pack in packs {
            let bytes = try parse(bytes: pack.bytes)
            builder.add(
                pack: try parse(hash: pack.name), size: bytes.count,
                entries: try PackReader.entries(of: bytes.raw))
        }
        return builder.finish()
    }
}

struct NameVectorTests {
    struct TableIDFields: Codable, Equatable {
        var repositoryID: String
        var name: String
        var ordinal: UInt64
    }

    @Test func tableIDs() throws {
        let file = try VectorFile<TableIDFields>.load("table-id", spec: "02-repository.md") {
            let samples: [(String, UInt64)] = [("orders", 0), ("orders", 1), ("A.b-c_1", 300)]
            return try samples.map { name, ordinal in
                let fields = TableIDFields(
                    repositoryID: Samples.repository.description, name: name, ordinal: ordinal)
                return ("\(name) \(ordinal)", try Self.id(fields).bytes, fields)
            }
        }
        for sample in file.cases {
            #expect(try Self.id(sample.fields).description == sample.hex)
        }
    }

    static func id(_ fields: TableIDFields) throws -> TableID {
        TableID(
            repository: try parse(identifier: fields.repositoryID), name: fields.name,
            ordinal: fields.ordinal)
    }
}

/// The worked examples of Spec are the first vectors.
struct SpecExampleTests {
    @Test(arguments: [("08-packs", "pack"), ("09-objects", "commit")])
    func equalsTheVector(page: String, vector: String) throws {
        struct Nothing: Codable, Equatable {}
        let file = try VectorFile<Nothing>.load(vector, spec: nil)
        #expect(try Self.example(page) == file.cases[0].hex)
    }

    /// The bytes of the first block of a page whose lines are an offset, bytes and a comment.
    static func example(_ page: String) throws -> String {
        let text = try String(
            contentsOf: VectorFile<String>.root
                .appendingPathComponent("Spec/\(page).md"), encoding: .utf8)
        let blocks = text.components(separatedBy: "```")
        let block = try #require(blocks.first { $0.hasPrefix("\n  0  ") })
        var hex = ""
        for line in block.split(separator: "\n") {
            let offset = line.prefix(4).trimmingCharacters(in: .whitespaces)
            #expect(Int(offset) == hex.count / 2, "\(line)")
            let rest = line.dropFirst(5)
            let end = rest.range(of: "  ")?.lowerBound ?? rest.endIndex
            hex += rest[..<end].replacingOccurrences(of: " ", with: "")
        }
        return hex
    }
}
