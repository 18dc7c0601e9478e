import VarveBytes

/// What can still be read of a damaged pack.
public struct PackScan: Sendable {
    /// Blobs whose bytes fit their ids, in the order in which they lie.
    public var sound: [PackEntry] = []
    /// Blobs whose header stands but whose bytes do not fit it.
    public var damaged: [PackEntry] = []
}

/// Finds the blobs of a damaged pack by their magic and checksum, without its index.
/// Source: Spec 08.
public enum PackScanner {
    /// Scans all bytes, whatever they are. Complexity: O(bytes); every blob found is decompressed
    /// and hashed.
    public static func scan(_ pack: RawSpan) -> PackScan {
        var scan = PackScan()
        var plain = ByteWriter(capacity: 1 << 18)
        var at = 0
        // Headers that a forger stacked to overlap must not make the scan quadratic.
        var work = 0
        let workMax = 16 * pack.byteCount
        let firstByte = UInt8(truncatingIfNeeded: BlobRecord.magic)
        while let hit = pack.firstOffset(of: firstByte, from: at) {
            at = hit + 1
            guard pack.byteCount - hit > BlobRecord.headerSize, hit < Pack.sizeLimit,
                UInt32(truncatingIfNeeded: pack.word(at: hit)) == BlobRecord.magic,
                let record = header(pack.part(hit, hit + BlobRecord.headerSize))
            else { continue }
            let entry = PackEntry(record, offset: UInt32(hit))
            let end = hit + record.size
            plain.removeAll()
            work += record.size
            if end <= pack.byteCount, work <= workMax, isSound(record, pack.part(hit, end), &plain)
            {
                scan.sound.append(entry)
                at = end
            } else {
                // Bytes may be missing: the next record may begin before this one should end.
                scan.damaged.append(entry)
                at = hit + BlobRecord.headerSize
            }
        }
        return scan
    }

    private static func header(_ bytes: RawSpan) -> BlobRecord? {
        var cursor = ByteCursor(bytes)
        do {
            return try BlobRecord(header: &cursor)
        } catch {
            return nil  // Not a header, or a damaged one: the scan goes on behind it.
        }
    }

    private static func isSound(
        _ record: BlobRecord, _ bytes: RawSpan, _ plain: inout ByteWriter
    ) -> Bool {
        do {
            try record.appendPlain(
                of: bytes.part(BlobRecord.headerSize, bytes.byteCount), to: &plain)
            return true
        } catch {
            return false
        }
    }
}
