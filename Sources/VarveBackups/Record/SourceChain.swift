import VarveArchive
import VarveBytes
import VarveEndpoints

/// Recognises files that were read before, so that recording goes on behind what is recorded.
///
/// The name of a source position in commits is the file's mark and its path. The mark is a hash of
/// the file's first bytes and of all the files that were read before it in the same run: if it is
/// the same, all of those have been recorded whole. Pipes have no mark and are not gone on with.
struct SourceChain {
    /// Bytes that are hashed of a file's beginning.
    private static let headBytes = 512

    private let sources: [ChangeInput]
    /// Of each source, the hash of all before it; nil behind a pipe.
    private var before: [Hash256?] = []

    /// - Throws: `noSource` if one is not there, or may not be read.
    static func sources(_ paths: [String]) throws(VarveError) -> [ChangeInput] {
        var sources: [ChangeInput] = []
        for path in paths {
            sources += try FullBackupOperation.opened { () throws(VarveError) in
                try ChangeInput.find(path)
            }
        }
        return sources
    }

    /// - Throws: `noSource` if one cannot be read.
    init(_ sources: [ChangeInput]) throws(VarveError) {
        self.sources = sources
        var chain: Hash256? = Hash256.zero
        for source in sources {
            before.append(chain)
            guard let known = chain, let size = source.storedBytes else {
                chain = nil
                continue
            }
            let head = try FullBackupOperation.opened { () throws(VarveError) in
                try Self.head(source, Self.headBytes)
            }
            chain = Self.hash(known, head ?? [], size)
        }
    }

    /// The name by which commits remember a source.
    func name(_ index: Int) throws(VarveError) -> String {
        let source = sources[index]
        guard source.kind == .file, let before = before[index],
            let head = try Self.head(source, Self.headBytes)
        else { return source.path }
        return "\(Self.mark(before, head)) \(head.count) \(source.path)"
    }

    /// Where to go on after a position; nil if it is of none of the sources.
    func resumption(_ position: SourcePosition) throws(VarveError) -> (index: Int, offset: Int64)? {
        let parts = position.name.split(separator: " ", maxSplits: 2)
        guard parts.count == 3, let size = Int(parts[1]), 0...Self.headBytes ~= size,
            let offset = Int64(exactly: position.offset)
        else { return nil }
        for index in sources.indices.reversed() {
            guard sources[index].kind == .file, let before = before[index],
                let head = try Self.head(sources[index], size), head.count == size,
                Self.mark(before, head) == parts[0]
            else { continue }
            // A file that was changed in its middle is read from its beginning.
            return (index, try Self.isBoundary(sources[index], offset) ? offset : 0)
        }
        return nil
    }

    /// Whether a record may begin at an offset of a file; of a gzip file nobody knows.
    private static func isBoundary(
        _ source: ChangeInput, _ offset: Int64
    ) throws(VarveError) -> Bool {
        if offset == 0 { return true }
        let file = try FileDescriptor(reading: source.path)
        var bytes = ByteWriter(capacity: 16)
        _ = try file.read(at: 0, count: 2, into: &bytes)
        if bytes.bytes.byteCount == 2, bytes.bytes.byte(at: 0) == 0x1f,
            bytes.bytes.byte(at: 1) == 0x8b
        {
            return true
        }
        bytes.removeAll()
        _ = try file.read(at: Int(clamping: offset - 1), count: 1, into: &bytes)
        guard bytes.count == 1 else { return false }
        let last = bytes.bytes.byte(at: 0)
        return last <= 0x20 || last == UInt8(ascii: "}") || last == UInt8(ascii: "]")
    }

    private static func head(
        _ source: ChangeInput, _ limit: Int
    ) throws(VarveError) -> [UInt8]? {
        guard source.kind == .file else { return nil }
        let file = try FileDescriptor(reading: source.path)
        var bytes = ByteWriter(capacity: limit)
        _ = try file.read(at: 0, count: limit, into: &bytes)
        return bytes.takeBytes()
    }

    private static func mark(_ before: Hash256, _ head: [UInt8]) -> String {
        String(hash(before, head, -1).description.prefix(16))
    }

    private static func hash(_ before: Hash256, _ head: [UInt8], _ size: Int64) -> Hash256 {
        var input = ByteWriter()
        input.append(before)
        input.append(i64: size)
        input.append(head)
        return sha256(input.bytes)
    }
}

extension ArraySlice<ChangeInput> {
    /// Their bytes as they are stored; 0 if one of them does not say.
    var storedBytes: Int64 {
        var sum: Int64 = 0
        for source in self {
            guard let size = source.storedBytes else { return 0 }
            sum += size
        }
        return sum
    }
}
