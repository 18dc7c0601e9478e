import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// Reads every object of a store in full, and encodes it again.
///
/// The least that any verification must see: the first fault is thrown.
struct ObjectExamination {
    struct Blob {
        var type: BlobType
        var plain: [UInt8]
    }

    private(set) var blobs: [Hash256: Blob] = [:]
    private(set) var tables: [TableID: TableRecord] = [:]
    /// Trees of all pieces, with their kind and table.
    private(set) var trees: [(tree: TreeReference, kind: TreeKind, table: TableID)] = []
    private(set) var configuration: RepositoryConfiguration?
    private(set) var packCount = 0

    init(_ store: MemoryStore) throws {
        for (name, bytes) in try store.everything().sorted(by: { $0.key < $1.key }) {
            if name.hasPrefix("copied/") {
                // A copy's mark: the name says all. Source: Spec 09, first paragraph.
                guard name.hasSuffix("/" + bytes.raw.hexadecimal), bytes.count == 32 else {
                    throw VarveError(.damaged, "the mark is not what its name says", at: name)
                }
                continue
            }
            guard let object = ObjectName(path: name) else {
                throw VarveError(.damaged, "no object has such a name", at: name)
            }
            guard try encodedAgain(object, name, bytes) == bytes else {
                throw VarveError(.damaged, "the object encodes to other bytes", at: name)
            }
        }
    }

    private mutating func encodedAgain(
        _ object: ObjectName, _ name: String, _ bytes: [UInt8]
    ) throws -> [UInt8] {
        switch object {
        case .configuration:
            let record = try RepositoryConfiguration(sealed: bytes, name: name)
            configuration = record
            return try record.seal()
        case .keySlot: return try KeySlotRecord(sealed: bytes, name: name).seal()
        case .pack(let hash): return try pack(bytes, hash)
        case .index(let hash): return try index(bytes, hash)
        case .table(let id):
            let record = try TableRecord(sealed: bytes, name: name)
            tables[id] = record
            return try record.seal()
        case .commit(let id, _):
            let record = try CommitRecord(sealed: bytes, name: name)
            try inline(record.inline)
            for piece in record.pieces { add(piece, id) }
            return try record.seal()
        case .layout(let id, _):
            let record = try LayoutRecord(sealed: bytes, name: name)
            try inline(record.inline)
            for piece in record.pieces { add(piece, id) }
            return try record.seal()
        case .settings: return try SettingsRecord(sealed: bytes, name: name).seal()
        case .retention: return try RetentionRecord(sealed: bytes, name: name).seal()
        case .backup: return try BackupRecord(sealed: bytes, name: name).seal()
        case .lease: return try LeaseRecord(sealed: bytes, name: name).seal()
        case .intent: return try IntentRecord(sealed: bytes, name: name).seal()
        case .condemned: return try CondemnedRecord(sealed: bytes, name: name).seal()
        }
    }

    private mutating func add(_ piece: Piece, _ table: TableID) {
        trees.append((piece.tree, piece.kind == .image ? .image : .run, table))
    }

    private mutating func inline(_ records: [UInt8]) throws {
        for entry in try BlobRecord.entries(ofSequence: records.raw) {
            try add(records.raw.part(entry.range.lowerBound, entry.range.upperBound), entry)
        }
    }

    private mutating func add(_ record: RawSpan, _ entry: PackEntry) throws {
        var plain = ByteWriter()
        try entry.appendPlain(of: record, to: &plain)
        blobs[entry.id] = Blob(type: entry.type, plain: plain.takeBytes())
    }

    private mutating func pack(_ bytes: [UInt8], _ name: Hash256) throws -> [UInt8] {
        packCount += 1
        let entries = try PackReader.verify(bytes.raw, name: name)
        var builder = PackBuilder()
        for entry in entries.sorted(by: { $0.offset < $1.offset }) {
            let record = PackReader.record(entry, in: bytes.raw)
            try add(record, entry)
            try builder.append(record: record)
        }
        let again = builder.finish()
        #expect(again.name == name)
        return again.bytes
    }

    private func index(_ bytes: [UInt8], _ name: Hash256) throws -> [UInt8] {
        let reader = try PackIndexReader(ByteRanges(bytes), name: name)
        try reader.verify(name: name)
        var entries: [[PackEntry]] = Array(repeating: [], count: reader.packs.count)
        try reader.forEach { (pack, entry) throws(VarveError) in entries[pack].append(entry) }
        var builder = PackIndexBuilder()
        for (pack, entries) in zip(reader.packs, entries) {
            builder.add(pack: pack.name, size: pack.size, entries: entries)
        }
        return builder.finish().bytes
    }
}
