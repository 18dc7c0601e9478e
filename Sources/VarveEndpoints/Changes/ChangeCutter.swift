import VarveBytes

/// Cuts a text of change records into chunks of whole units.
///
/// From a pipe that stays open it hands out what has come as soon as nothing more is waiting.
struct ChangeCutter: ~Copyable {
    enum Mode: Sendable {
        /// Every line is a unit.
        case lines
        /// Every JSON value is a unit, on however many lines.
        case values
    }

    /// Longest unit: two images of 400 KB, of which JSON may make six times as much, or what one
    /// call of GetRecords answers with.
    static let unitBytesMax = 32 << 20
    /// How much is kept of a longer one.
    static let oversizedBytes = 64 << 10

    private let mode: Mode
    private let target: Int
    private let unitBytesMax: Int
    private var buffer = ByteWriter()
    private var searched = 0
    private var extent = UnitExtent()
    private var units: [Range<Int>] = []
    /// 0: not known.
    private var line: Int64
    private var byte: Int64
    private var isSkipping = false
    private var error: VarveError?

    /// - Parameter isResumed: lines before were not read, so that nobody knows their number.
    init(
        _ mode: Mode, at byte: Int64, isResumed: Bool = false, target: Int,
        unitBytesMax: Int = ChangeCutter.unitBytesMax
    ) {
        self.mode = mode
        self.byte = byte
        line = isResumed ? 0 : 1
        self.target = target
        self.unitBytesMax = unitBytesMax
    }

    /// The next chunk, or nil behind the last. Waits for the input only if nothing whole is there.
    /// - Throws: what the input throws, once the units before have been handed out.
    mutating func next(_ input: SourceInput) throws(VarveError) -> ChangeChunk? {
        if let error { throw error }
        while true {
            if isSkipping {
                if try !skipLine(input) { return nil }
                continue
            }
            if buffer.count >= target || buffer.count > 0 && input.isWaiting {
                if let end = boundary() { return finish(at: end) }
                if buffer.count > unitBytesMax { return oversized() }
            }
            let room = max(target - buffer.count, 1 << 16)
            var count = 0
            do {
                count = try input.read(into: &buffer, atMost: room)
            } catch {
                self.error = error
                if let end = boundary() { return finish(at: end) }
                throw error
            }
            if count == 0 {
                _ = boundary()
                return buffer.count == 0 ? nil : tail()
            }
        }
    }

    /// Behind the last whole unit in the buffer; nil if there is none.
    private mutating func boundary() -> Int? {
        switch mode {
        case .lines:
            let end = Self.lastLineEnd(buffer, from: searched)
            if end == nil { searched = buffer.count }
            return end
        case .values:
            extent.scan(buffer, into: &units)
            if extent.start == nil { return extent.scanned > 0 ? extent.scanned : nil }
            return units.last?.upperBound
        }
    }

    private mutating func finish(at end: Int) -> ChangeChunk {
        var bytes = ByteWriter(capacity: target + target / 16)
        swap(&bytes, &buffer)
        Self.split(&bytes, at: end, rest: &buffer)
        return chunk(bytes)
    }

    /// What the source ended with, without a line feed.
    private mutating func tail() -> ChangeChunk {
        var bytes = ByteWriter()
        swap(&bytes, &buffer)
        if mode == .values, let start = extent.start { units.append(start..<bytes.count) }
        return chunk(bytes, isTail: Self.lastByte(bytes) != UInt8(ascii: "\n"))
    }

    private mutating func oversized() -> ChangeChunk {
        var bytes = ByteWriter()
        swap(&bytes, &buffer)
        let chunk = ChangeChunk(
            Self.head(bytes), line: line, byte: byte,
            fault: "the record is longer than \(unitBytesMax >> 20) MiB, more than one takes; this "
                + "is its beginning")
        advance(bytes)
        isSkipping = true
        return chunk
    }

    private mutating func chunk(
        _ bytes: consuming ByteWriter, isTail: Bool = false
    ) -> ChangeChunk {
        let (line, byte) = (self.line, self.byte)
        let units = mode == .values ? self.units : nil
        advance(bytes)
        return ChangeChunk(bytes, line: line, byte: byte, units: units, isTail: isTail)
    }

    /// Counts bytes that leave the buffer.
    private mutating func advance(_ bytes: borrowing ByteWriter) {
        if line > 0 { line += Int64(ChangeChunk.lineCount(bytes, to: bytes.count)) }
        byte += Int64(bytes.count)
        searched = 0
        units = []
        if extent.scanned >= bytes.count { extent.shift(by: bytes.count) }
        if buffer.count == 0 { extent = UnitExtent() }
    }

    /// Goes on behind the next line feed; false at the end.
    private mutating func skipLine(_ input: SourceInput) throws(VarveError) -> Bool {
        var bytes = ByteWriter(capacity: 1 << 16)
        if try input.read(into: &bytes, atMost: 1 << 16) == 0 { return false }
        if let end = Self.firstLineEnd(bytes) {
            Self.split(&bytes, at: end, rest: &buffer)
            isSkipping = false
        }
        advance(bytes)
        extent = UnitExtent()
        return true
    }

    // MARK: - Bytes

    private static func split(_ bytes: inout ByteWriter, at end: Int, rest: inout ByteWriter) {
        rest.append(bytes.bytes.part(end, bytes.bytes.byteCount))
        bytes.truncate(to: end)
    }

    private static func head(_ bytes: borrowing ByteWriter) -> ByteWriter {
        var result = ByteWriter()
        result.append(bytes.bytes.part(0, min(oversizedBytes, bytes.count)))
        return result
    }

    private static func lastByte(_ bytes: borrowing ByteWriter) -> UInt8? {
        bytes.count == 0 ? nil : bytes.bytes.byte(at: bytes.count - 1)
    }

    private static func firstLineEnd(_ bytes: borrowing ByteWriter) -> Int? {
        bytes.bytes.firstOffset(of: UInt8(ascii: "\n")).map { $0 + 1 }
    }

    private static func lastLineEnd(_ bytes: borrowing ByteWriter, from start: Int) -> Int? {
        let part = bytes.bytes.part(start, bytes.bytes.byteCount)
        return part.lastOffset(of: UInt8(ascii: "\n")).map { start + $0 + 1 }
    }
}
