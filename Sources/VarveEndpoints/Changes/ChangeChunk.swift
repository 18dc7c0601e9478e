import VarveBytes

/// Whole units of a source of changes: what is parsed in parallel. A unit is a line, or a JSON
/// value that takes several lines.
final class ChangeChunk: Sendable {
    let bytes: ByteWriter
    /// Line, from 1 on, and offset in the source of the first byte.
    let line: Int64
    let byte: Int64
    /// Where the units are; nil: each line is one.
    let units: [Range<Int>]?
    /// Whether the source ended within or right behind the last unit, without a line feed.
    let isTail: Bool
    /// Why all of it is one record that cannot be read; of a record too long to be held.
    let fault: String?

    init(
        _ bytes: consuming ByteWriter, line: Int64, byte: Int64, units: [Range<Int>]? = nil,
        isTail: Bool = false, fault: String? = nil
    ) {
        self.bytes = bytes
        self.line = line
        self.byte = byte
        self.units = units
        self.isTail = isTail
        self.fault = fault
    }

    /// Line feeds in a part of the chunk.
    func lineCount(from start: Int, to end: Int) -> Int {
        Self.lineCount(bytes, from: start, to: end)
    }

    static func lineCount(_ bytes: borrowing ByteWriter, from start: Int = 0, to end: Int) -> Int {
        var count = 0
        var at = start
        while let hit = bytes.bytes.firstOffset(of: UInt8(ascii: "\n"), from: at), hit < end {
            count += 1
            at = hit + 1
        }
        return count
    }

    /// A part of the bytes.
    func copy(_ start: Int, _ end: Int) -> [UInt8] {
        Self.copy(bytes, start, end)
    }

    private static func copy(_ bytes: borrowing ByteWriter, _ start: Int, _ end: Int) -> [UInt8] {
        bytes.bytes.part(start, end).copyBytes()
    }
}
