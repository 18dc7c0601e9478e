import VarveBytes

/// Whole lines of a source, each an item or blank: the unit that is parsed in parallel.
final class SourceChunk: Sendable {
    let bytes: ByteWriter
    /// Where the first line stands.
    let start: RowOrigin
    /// For items cut out of a larger document: where each one stands, one a line.
    let origins: [RowOrigin]?
    /// Lines, if they were counted and the last one is ended by a line feed.
    let lineCount: Int?

    init(
        _ bytes: consuming ByteWriter, start: RowOrigin, origins: [RowOrigin]? = nil,
        lineCount: Int? = nil
    ) {
        self.bytes = bytes
        self.start = start
        self.origins = origins
        self.lineCount = lineCount
    }

    /// Plain bytes of a chunk, about.
    static let targetBytes = 1 << 20
    /// Longest line or item: 400 KB, of which JSON may make six times as much.
    static let lineBytesMax = 4 << 20
}

/// Cuts a text into chunks at line feeds.
struct LineCutter: ~Copyable {
    private let target: Int
    private var carry = ByteWriter()
    private var place: RowOrigin

    init(file: Int, at byte: Int64 = 0, target: Int = SourceChunk.targetBytes) {
        self.target = target
        place = RowOrigin(file: Int32(file), line: 1, byte: byte)
    }

    /// The next chunk, or nil behind the last.
    /// - Throws: `invalidInput` for a line that is longer than any item can be.
    mutating func next(_ input: SourceInput) throws(VarveError) -> SourceChunk? {
        var bytes = ByteWriter(capacity: target + target / 16)
        Self.move(&carry, to: &bytes)
        var searched = 0
        while true {
            if bytes.count >= target {
                if let end = Self.lastLineEnd(bytes, from: searched) {
                    Self.split(&bytes, at: end, rest: &carry)
                    return finish(bytes)
                }
                if bytes.count > SourceChunk.lineBytesMax { throw tooLong(input) }
                searched = bytes.count
            }
            let room = max(target - bytes.count, 1 << 16)
            if try input.read(into: &bytes, atMost: room) == 0 {
                return bytes.count == 0 ? nil : finish(bytes)
            }
        }
    }

    private mutating func finish(_ bytes: consuming ByteWriter) -> SourceChunk {
        let start = place
        let lineCount = Self.lineCount(bytes)
        place.line += Int64(lineCount)
        place.byte += Int64(bytes.count)
        let isWhole = bytes.bytes.byte(at: bytes.count - 1) == UInt8(ascii: "\n")
        return SourceChunk(bytes, start: start, lineCount: isWhole ? lineCount : nil)
    }

    private func tooLong(_ input: SourceInput) -> VarveError {
        VarveError(
            .invalidInput,
            "a line is longer than \(SourceChunk.lineBytesMax >> 20) MiB, more than an item takes",
            at: "\(input.name): line \(place.line), byte \(place.byte)")
    }

    private static func move(_ from: inout ByteWriter, to: inout ByteWriter) {
        to.append(from.bytes)
        from.removeAll()
    }

    private static func split(_ bytes: inout ByteWriter, at end: Int, rest: inout ByteWriter) {
        rest.append(bytes.bytes.part(end, bytes.bytes.byteCount))
        bytes.truncate(to: end)
    }

    private static func lastLineEnd(_ bytes: borrowing ByteWriter, from start: Int) -> Int? {
        let part = bytes.bytes.part(start, bytes.bytes.byteCount)
        return part.lastOffset(of: UInt8(ascii: "\n")).map { start + $0 + 1 }
    }

    private static func lineCount(_ bytes: borrowing ByteWriter) -> Int {
        bytes.bytes.count(of: UInt8(ascii: "\n"))
    }
}
