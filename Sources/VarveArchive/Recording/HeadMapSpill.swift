import VarveBytes

/// Entries on their way into a new head map, sorted by the part of the map that they belong in.
///
/// Keys fall anywhere: put down as they come, each entry touches another page, and of a map that is
/// larger than memory each page is read and written again and again. So entries go to a file first,
/// a part's together, and then into the map part by part.
///
/// Memory: a buffer for each part, 14 MiB at most. Complexity: O(entries), each written and read
/// once.
final class HeadMapSpill {
    /// Bytes of the map that are filled at a time, unless it has more than `partsMax` such parts.
    static let partBytes = 32 << 20
    private static let partBitsMax = 8
    private static let bufferedEntries = 1024
    // Fingerprint, hash, size.
    private static let entryWords = 7

    /// Entries of one part.
    private final class Part {
        var bytes = ByteWriter(capacity: 1 << 12)
        /// Where buffers were written.
        var places: [Int] = []
    }

    private let file: FileDescriptor
    private let path: String
    private let parts: [Part]
    private let shift: UInt64
    private var size = 0

    /// - Parameters:
    ///   - path: of the file, which has a name only while it is opened.
    ///   - bits: of the map.
    /// - Returns: nil if the map is a single part: then entries can go there as they come.
    init?(
        _ path: String, bits: Int, partBytes: Int = HeadMapSpill.partBytes
    ) throws(VarveError) {
        var partBits = 0
        while partBits < Self.partBitsMax,
            HeadMap.wordCount(bits: bits) * 8 >> partBits > partBytes
        {
            partBits += 1
        }
        if partBits == 0 || path.isEmpty { return nil }
        file = try FileDescriptor(overwriting: path, mode: 0o600)
        try FileSystem.remove(path)
        self.path = path
        parts = (0..<1 << partBits).map { _ in Part() }
        shift = UInt64(64 - partBits)
    }

    func append(_ key: HeadMap.Fingerprint, _ entry: HeadMap.Entry) throws(VarveError) {
        let part = parts[Int(truncatingIfNeeded: key.first >> shift)]
        Self.write(key, entry, to: &part.bytes)
        guard part.bytes.count == Self.bufferedEntries * Self.entryWords * 8 else { return }
        try Self.write(part.bytes, to: file)
        part.places.append(size)
        size += part.bytes.count
        part.bytes.removeAll()
    }

    private static func write(
        _ key: HeadMap.Fingerprint, _ entry: HeadMap.Entry, to bytes: inout ByteWriter
    ) {
        bytes.append(u64: key.first)
        bytes.append(u64: key.second)
        let hash = entry.hash.words
        bytes.append(u64: hash.0)
        bytes.append(u64: hash.1)
        bytes.append(u64: hash.2)
        bytes.append(u64: hash.3)
        bytes.append(u64: UInt64(entry.size))
    }

    private static func write(
        _ bytes: borrowing ByteWriter, to file: borrowing FileDescriptor
    ) throws(VarveError) {
        try file.write(bytes.bytes)
    }

    /// Puts all entries into the map.
    func drain(into map: inout HeadMap) throws(VarveError) {
        let count = Self.bufferedEntries * Self.entryWords * 8
        for part in parts {
            for place in part.places {
                var bytes = ByteWriter(capacity: count)
                guard try file.read(at: place, count: count, into: &bytes) == count else {
                    throw VarveError(
                        .storage, "the bytes read are not those written; check the disk",
                        at: path)
                }
                try Self.put(bytes, into: &map)
            }
            try Self.put(part.bytes, into: &map)
        }
    }

    private static func put(
        _ bytes: borrowing ByteWriter, into map: inout HeadMap
    ) throws(VarveError) {
        for start in stride(from: 0, to: bytes.count, by: entryWords * 8) {
            let words = bytes.bytes.part(start, start + entryWords * 8)
            let entry = HeadMap.Entry(
                hash: Hash256(
                    words: (
                        words.word(at: 16), words.word(at: 24), words.word(at: 32),
                        words.word(at: 40)
                    )),
                size: UInt32(truncatingIfNeeded: words.word(at: 48)))
            try map.set(
                HeadMap.Fingerprint(first: words.word(at: 0), second: words.word(at: 8)), entry)
        }
    }
}
