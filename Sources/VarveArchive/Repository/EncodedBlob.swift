import VarveBytes
import VarveFormat

/// A blob as packs and commits hold it: header and compressed bytes. Source: Spec 08.
struct EncodedBlob: Sendable {
    var id: Hash256
    /// The blob record.
    var bytes: [UInt8]
    var plainBytes: Int

    /// Compresses a blob.
    init(_ type: BlobType, plain: RawSpan, effort: LZ4.Effort = .fast) {
        var room = ByteWriter()
        self.init(type, plain: plain, effort: effort, in: &room)
    }

    /// Compresses a blob in memory that is used again: compressing asks for as much as the plain
    /// bytes take, and keeps little of it.
    init(
        _ type: BlobType, plain: RawSpan, effort: LZ4.Effort, in room: inout ByteWriter
    ) {
        room.removeAll()
        let record = BlobRecord.append(plain, type: type, effort: effort, to: &room)
        id = record.id
        plainBytes = plain.byteCount
        bytes = room.copyBytes()
    }

    init(id: Hash256, record: [UInt8], plainBytes: Int) {
        self.id = id
        bytes = record
        self.plainBytes = plainBytes
    }
}

/// A pack in the store, with what it holds.
struct StoredPack: Sendable {
    var name: Hash256
    var size: UInt64
    var entries: [PackEntry]
}

/// Where a blob was found.
struct FoundBlob: Sendable {
    var pack: Hash256
    var entry: PackEntry
    /// Whether no index lists the pack: an interrupted operation left it.
    var isUnindexed: Bool
}
