import VarveBytes
import VarveEndpoints
import VarveFormat
import VarveModel

/// Everything that reads bytes from outside, each as one function of bytes: what the fuzzers drive
/// (`Tools/fuzz`), and what the stored corpus is replayed through.
enum Decoder: String, CaseIterable {
    case imageLeaf = "image-leaf"
    case runLeaf = "run-leaf"
    case imageIndex = "image-index"
    case runIndex = "run-index"
    case checkpointLeaf = "checkpoint-leaf"
    case checkpointIndex = "checkpoint-index"
    case timeList = "time-list"
    case timeListIndex = "time-list-index"
    case sealedObject = "sealed-object"
    case pack, packScan = "pack-scan", packIndex = "pack-index", lz4
    case value, item, plainItem = "plain-item", number, instant, json, settings, changes
    case manifests, position
    case headMap = "head-map"
    case storedHistory = "stored-history"

    /// What came of bytes.
    enum Outcome: Equatable {
        case refused
        case accepted
        /// Accepted, but what was read does not encode to what it was read from: a defect.
        case contradicts(String)
    }

    func decode(_ bytes: [UInt8]) -> Outcome {
        do {
            guard let fault = try contradiction(bytes) else { return .accepted }
            return .contradicts(fault)
        } catch {
            return .refused
        }
    }

    private func contradiction(_ bytes: [UInt8]) throws -> String? {
        switch self {
        case .imageLeaf: return try Self.leaf(bytes, .image)
        case .runLeaf: return try Self.leaf(bytes, .run)
        case .imageIndex: return try Self.index(bytes, .image)
        case .runIndex: return try Self.index(bytes, .run)
        case .checkpointLeaf:
            var again = ByteWriter()
            try CheckpointLeaf(bytes.raw).encode(into: &again)
            return Self.compare(again.takeBytes(), bytes)
        case .checkpointIndex: return try Self.span(bytes, .checkpoints)
        case .timeListIndex: return try Self.span(bytes, .timeList)
        case .timeList:
            // The choice of encodings is a writer's duty that readers do not check.
            let page = try TimeListPage(bytes.raw)
            var again = ByteWriter()
            page.encode(into: &again)
            return try TimeListPage(again.bytes) == page ? nil : "another page"
        case .sealedObject: return try Self.sealed(bytes)
        case .pack: return try Self.pack(bytes)
        case .packScan:
            let sound = PackScanner.scan(bytes.raw).sound
            let isWithin = sound.allSatisfy { $0.range.upperBound <= bytes.count }
            return isWithin ? nil : "a blob beyond the end"
        case .packIndex: return try Self.packIndex(bytes)
        case .lz4: return try Self.lz4(bytes)
        case .manifests: return try Self.manifests(bytes)
        case .position: return try Self.position(bytes)
        case .headMap: return try Self.headMap(bytes)
        case .storedHistory: return try StoredHistory(bytes).examine()
        case .value, .item, .plainItem, .number, .instant, .json, .settings, .changes:
            return try Self.text(self, bytes)
        }
    }

    static func compare(_ again: [UInt8], _ bytes: [UInt8]) -> String? {
        again == bytes ? nil : "\(again.count) bytes instead of \(bytes.count)"
    }
}

// MARK: - Pages

extension Decoder {
    private static func schema(_ page: [UInt8]) throws -> KeySchema {
        guard page.count > 2, let partition = AttributeType(rawValue: page[1]),
            page[1] <= 3, page[2] <= 3
        else { throw VarveError(.damaged, "no key types") }
        return KeySchema(
            partition: KeyAttribute(name: "p", type: partition),
            sort: AttributeType(rawValue: page[2]).map { KeyAttribute(name: "q", type: $0) })
    }

    /// Rows of a page as a page of them is encoded: equal rows give equal bytes.
    private static func encodedAgain(_ page: [UInt8], _ kind: TreeKind) throws -> [UInt8] {
        let schema = try schema(page)
        var reader = LeafPageReader(schema: schema)
        try reader.open(page, kind: kind)
        var changes = ChangeBuffer()
        if kind == .image {
            while try reader.next(into: &changes.rows, byteLimit: 1 << 16) > 0 {}
        } else {
            while try reader.next(into: &changes, byteLimit: 1 << 16) > 0 {}
        }
        var encoder = LeafPageEncoder(schema: schema)
        var output = ByteWriter()
        let range = 0..<changes.rows.count
        if kind == .image {
            try encoder.encodeImage(rows: changes.rows, range: range, into: &output)
        } else {
            try encoder.encodeRun(changes: changes, range: range, into: &output)
        }
        return output.takeBytes()
    }

    /// Other choices of encodings are read too; the page that the rows give is the fixed point.
    private static func leaf(_ bytes: [UInt8], _ kind: TreeKind) throws -> String? {
        let again = try encodedAgain(bytes, kind)
        do {
            return compare(try encodedAgain(again, kind), again)
        } catch {
            return "the page of its rows is refused: \(error)"
        }
    }

    private static func index(_ bytes: [UInt8], _ kind: TreeKind) throws -> String? {
        var again = ByteWriter()
        try IndexPage(bytes.raw, kind: kind).encode(into: &again)
        return compare(again.takeBytes(), bytes)
    }

    private static func span(_ bytes: [UInt8], _ kind: SpanIndexPage.Kind) throws -> String? {
        var again = ByteWriter()
        try SpanIndexPage(bytes.raw, kind: kind).encode(into: &again)
        return compare(again.takeBytes(), bytes)
    }
}

// MARK: - Objects

extension Decoder {
    /// A type and a body; the checksum around them is made here, for no fuzzer finds it.
    private static func sealed(_ bytes: [UInt8]) throws -> String? {
        guard let first = bytes.first, let type = ObjectType(rawValue: first) else {
            throw VarveError(.damaged, "no type")
        }
        let sealed = try SealedObject.seal(type) { (writer) throws(VarveError) in
            writer.append(bytes.raw.part(1, bytes.count))
        }
        func again<Record: SealedRecord>(_: Record.Type) throws -> String? {
            compare(try Record(sealed: sealed, name: "fuzz").seal(), sealed)
        }
        switch type {
        case .configuration: return try again(RepositoryConfiguration.self)
        case .table: return try again(TableRecord.self)
        case .settings: return try again(SettingsRecord.self)
        case .backup: return try again(BackupRecord.self)
        case .commit: return try again(CommitRecord.self)
        case .layout: return try again(LayoutRecord.self)
        case .intent: return try again(IntentRecord.self)
        case .condemned: return try again(CondemnedRecord.self)
        case .lease: return try again(LeaseRecord.self)
        case .keySlot: return try again(KeySlotRecord.self)
        case .retention: return try again(RetentionRecord.self)
        }
    }

    /// A pack whose index gets the checksum that it needs.
    private static func pack(_ bytes: [UInt8]) throws -> String? {
        var pack = bytes
        if pack.count >= Pack.footerSize {
            let footer = pack.count - Pack.footerSize
            let start = Int(clamping: pack.raw.word(at: footer))
            if start <= footer {
                let checksum = crc32(pack.raw.part(start, footer))
                for byte in 0..<4 {
                    pack[footer + 12 + byte] = UInt8(truncatingIfNeeded: checksum >> (8 * byte))
                }
            }
        }
        let entries = try PackReader.verify(pack.raw, name: sha256(pack.raw))
        var builder = PackBuilder()
        for entry in entries.sorted(by: { $0.offset < $1.offset }) {
            try builder.append(record: PackReader.record(entry, in: pack.raw))
        }
        return compare(builder.finish().bytes, pack)
    }

    /// An index without the hash at its end, which is made here.
    private static func packIndex(_ bytes: [UInt8]) throws -> String? {
        let index = bytes + sha256(bytes.raw).bytes
        let reader = try PackIndexReader(ByteRanges(index))
        var entries: [[PackEntry]] = Array(repeating: [], count: reader.packs.count)
        try reader.forEach { (pack, entry) throws(VarveError) in
            entries[pack].append(entry)
            if try reader.location(of: entry.id) == nil {
                throw VarveError(.invalidInput, "a blob is not found")
            }
        }
        try reader.verify(name: sha256(index.raw))
        var builder = PackIndexBuilder()
        for (pack, entries) in zip(reader.packs, entries) {
            builder.add(pack: pack.name, size: pack.size, entries: entries)
        }
        return compare(builder.finish().bytes, index)
    }

    /// Two bytes of plain size, then a block.
    private static func lz4(_ bytes: [UInt8]) throws -> String? {
        guard bytes.count >= 2 else { throw VarveError(.damaged, "no size") }
        let size = Int(bytes[0]) | Int(bytes[1]) << 8
        var plain = ByteWriter()
        try LZ4.decompress(bytes.raw.part(2, bytes.count), plainSize: size, into: &plain)
        if plain.count != size { return "another length" }
        var block = ByteWriter()
        guard LZ4.compress(plain.bytes, into: &block) != nil else { return nil }
        var back = ByteWriter()
        try LZ4.decompress(block.bytes, plainSize: size, into: &back)
        return compare(back.takeBytes(), plain.takeBytes())
    }
}

// MARK: - Values and text

extension Decoder {
    /// An export's summary on the first line, and its list of data files on those behind it.
    private static func manifests(_ bytes: [UInt8]) throws -> String? {
        let end = bytes.firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
        let (summary, list) = (Array(bytes[..<end]), Array(bytes[end...]))
        let files: [String]
        if let export = try? ExportManifests.checkIncremental(summary: summary, files: list) {
            let window = export.window
            if window.from >= window.to || window.itemCount < 0 { return "no window" }
            files = export.files
        } else {
            files = try ExportManifests.check(summary: summary, files: list).files
        }
        let isWithin = files.allSatisfy {
            $0.hasPrefix("export/data/") && !$0.dropFirst(12).contains("/")
        }
        return isWithin ? nil : "a file that lies elsewhere"
    }

    private static func text(_ decoder: Decoder, _ bytes: [UInt8]) throws -> String? {
        switch decoder {
        case .value: return try value(bytes)
        case .item: return try items(bytes, .dynamoDB)
        case .plainItem: return try items(bytes, .plain)
        case .number:
            let number = try DecimalNumber.parse(bytes.raw)
            let again = try DecimalNumber.parse(Array(number.text.utf8).raw)
            return again == number ? nil : "\(again) instead of \(number)"
        case .instant:
            let instant = try Instant(parsing: String(decoding: bytes, as: UTF8.self))
            let again = try Instant(parsing: instant.description)
            return again == instant ? nil : "\(again) instead of \(instant)"
        case .changes: return try changes(bytes)
        case .json:
            let found = try JSONValue.parse(bytes.raw)
            let again = try JSONValue.parse(Array(found.compactText.utf8).raw)
            return again == found ? nil : "other JSON"
        default:
            var settings = TableSettings()
            try settings.add(bytes.raw, at: "fuzz")
            let again = try TableSettings(documents: settings.documents)
            return again == settings ? nil : "other settings"
        }
    }

    /// Change records, read again by a parser that has learned from them, and as records that
    /// were written anew.
    private static func changes(_ bytes: [UInt8]) throws -> String? {
        let schema = KeySchema(
            partition: KeyAttribute(name: "id", type: .string),
            sort: KeyAttribute(name: "at", type: .number))
        let tables: [ChangeTables] = [
            .one(schema, name: "T"),
            .named({ (name) throws(VarveError) in name.utf8.count < 3 ? schema : nil }),
        ]
        var count = 0
        for tables in tables {
            var text = ChangeText(tables)
            let parcels = [text.parse(bytes), text.parse(bytes)]
            for parcel in parcels {
                if let fault = parcel.contradiction { return fault }
                count += parcel.tables.reduce(0) { $0 + $1.batch.count }
            }
            // The order of the tables is no part of what was read.
            let rows = parcels.map { parcel in
                parcel.tables.map { ($0.table ?? "", $0.batch.changes.rows.bytes.copyBytes()) }
                    .sorted { $0.0 < $1.0 }.map(\.1)
            }
            if rows[0] != rows[1] { return "other changes the second time" }
        }
        guard count > 0 else { throw VarveError(.invalidInput, "no changes") }
        return nil
    }

    private static func value(_ bytes: [UInt8]) throws -> String? {
        var cursor = ByteCursor(bytes.raw)
        try CanonicalValue.validate(&cursor)
        try cursor.end()
        var again = ByteCursor(bytes.raw)
        return compare(try AttributeValue(canonical: &again).canonicalBytes, bytes)
    }

    /// Rows are rendered and read again, also by a parser that has learned from them.
    private static func items(_ bytes: [UInt8], _ form: ItemForm) throws -> String? {
        let schema = KeySchema(
            partition: KeyAttribute(name: "id", type: .string),
            sort: KeyAttribute(name: "at", type: .number))
        var parser = ItemParser(schema: schema, form: form)
        var rows = RowBuffer()
        var offsets: [UInt32] = []
        try parser.parse(lines: bytes.raw, into: &rows, lineOffsets: &offsets)
        var text = ByteWriter()
        var renderer = ItemRenderer(schema: schema)
        try renderer.appendLines(rows, to: &text)
        var learned = ItemParser(schema: schema)
        for _ in 0..<2 {
            var again = RowBuffer()
            do {
                try learned.parse(lines: text.bytes, into: &again, lineOffsets: &offsets)
            } catch {
                return "what was written is not read: \(error)"
            }
            if again.bytes.copyBytes() != rows.bytes.copyBytes() { return "other rows" }
        }
        for index in 0..<rows.count { try CanonicalValue.validate(item: rows.value(index)) }
        return nil
    }
}
