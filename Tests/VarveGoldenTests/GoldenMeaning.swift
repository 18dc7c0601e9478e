import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// What the objects of a repository say, without what depends on the compressor: sizes of what is
/// stored, and how blobs lie in packs.
struct GoldenMeaning {
    /// By the object's name: the records; by the blob's id: the plain blobs.
    private var parts: [String: [UInt8]] = [:]

    init(_ store: MemoryStore) throws {
        for (name, bytes) in try store.everything() {
            switch ObjectName(path: name) {
            case .pack(let hash)?: try add(pack: bytes, hash)
            case .index?: continue
            case .commit?:
                var record = try CommitRecord(sealed: bytes, name: name)
                try add(sequence: record.inline)
                record.inline = []
                record.pieces = record.pieces.map(Self.unmeasured)
                parts[name] = try record.seal()
            case .layout?:
                var record = try LayoutRecord(sealed: bytes, name: name)
                try add(sequence: record.inline)
                record.inline = []
                record.pieces = record.pieces.map(Self.unmeasured)
                parts[name] = try record.seal()
            default: parts[name] = bytes
            }
        }
    }

    /// Names of the parts that only one has, or that are not the same.
    func difference(from other: GoldenMeaning) -> [String] {
        Set(parts.keys).union(other.parts.keys).filter { parts[$0] != other.parts[$0] }.sorted()
    }

    private static func unmeasured(_ piece: Piece) -> Piece {
        var result = piece
        result.tree.storedBytes = piece.tree.isEmpty ? 0 : 1
        return result
    }

    private mutating func add(pack bytes: [UInt8], _ name: Hash256) throws {
        for entry in try PackReader.verify(bytes.raw, name: name) {
            try add(PackReader.record(entry, in: bytes.raw), entry)
        }
    }

    private mutating func add(sequence bytes: [UInt8]) throws {
        for entry in try BlobRecord.entries(ofSequence: bytes.raw) {
            try add(bytes.raw.part(entry.range.lowerBound, entry.range.upperBound), entry)
        }
    }

    private mutating func add(_ record: RawSpan, _ entry: PackEntry) throws {
        var plain = ByteWriter()
        try entry.appendPlain(of: record, to: &plain)
        parts["blob \(entry.id) \(entry.type)"] = plain.takeBytes()
    }
}

extension MemoryStore {
    /// A copy with all blobs compressed harder, as another library might.
    func compressedOtherwise() throws -> MemoryStore {
        let copy = MemoryStore(clock: ManualTime(GoldenBuilder.start))
        for (name, bytes) in try everything() {
            switch ObjectName(path: name) {
            case .pack(let hash)?:
                var builder = PackBuilder()
                for entry in try PackReader.verify(bytes.raw, name: hash) {
                    let record = try Self.again(PackReader.record(entry, in: bytes.raw), entry)
                    try builder.append(record: record.raw)
                }
                let pack = builder.finish()
                try copy.create(ObjectName.pack(pack.name).path, pack.bytes)
            case .index?: continue
            case .commit?:
                var record = try CommitRecord(sealed: bytes, name: name)
                record.inline = try Self.again(record.inline)
                try copy.create(name, try record.seal())
            case .layout?:
                var record = try LayoutRecord(sealed: bytes, name: name)
                record.inline = try Self.again(record.inline)
                try copy.create(name, try record.seal())
            default: try copy.create(name, bytes)
            }
        }
        return copy
    }

    private static func again(_ sequence: [UInt8]) throws -> [UInt8] {
        try BlobRecord.entries(ofSequence: sequence.raw).flatMap { entry in
            let record = sequence.raw.part(entry.range.lowerBound, entry.range.upperBound)
            return try again(record, entry)
        }
    }

    private static func again(_ record: RawSpan, _ entry: PackEntry) throws -> [UInt8] {
        var plain = ByteWriter()
        try entry.appendPlain(of: record, to: &plain)
        var output = ByteWriter()
        BlobRecord.append(
            plain.bytes, type: entry.type, effort: .high, id: entry.id, to: &output)
        return output.takeBytes()
    }
}
