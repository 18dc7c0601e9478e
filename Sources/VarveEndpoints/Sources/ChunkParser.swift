import Synchronization
import VarveBytes
import VarveModel

/// A chunk's rows; none if all its lines are blank.
struct ParsedChunk: Sendable {
    let file: Int
    let batch: RowBatch?
    /// The first row that does not follow the one before it; nil: all ascend.
    let disorder: Int?
}

/// Parses chunks on several threads, with parsers that are used again: they learn how items look.
final class ChunkParser: Sendable {
    private let schema: KeySchema
    private let form: ItemForm
    private let files: SourceFileNames
    private let order: RowOrder
    private let idle = Mutex<[Box]>([])

    /// A parser, held by one thread at a time.
    ///
    /// Sendable: a box is in `idle`, or in the hands of the one thread that took it from there.
    private final class Box: @unchecked Sendable {
        var parser: ItemParser

        init(_ parser: consuming ItemParser) { self.parser = parser }
    }

    init(schema: KeySchema, form: ItemForm, files: SourceFileNames, order: RowOrder) {
        self.schema = schema
        self.form = form
        self.files = files
        self.order = order
    }

    func parse(_ chunk: SourceChunk) throws(VarveError) -> ParsedChunk {
        let box =
            idle.withLock { $0.popLast() } ?? Box(ItemParser(schema: schema, form: form))
        defer { idle.withLock { $0.append(box) } }
        var rows = RowBuffer(capacity: chunk.bytes.count)
        var lineOffsets: [UInt32] = []
        do throws(ParseFault) {
            try Self.parse(chunk.bytes, &box.parser, &rows, &lineOffsets)
        } catch {
            throw located(error, in: chunk)
        }
        let file = Int(chunk.start.file)
        if lineOffsets.isEmpty { return ParsedChunk(file: file, batch: nil, disorder: nil) }
        let origins = chunk.origins(of: lineOffsets)
        let disorder = rows.firstDisorder()
        // Rows that are to be sorted move on without.
        if order == .asFound, disorder == nil { rows.takeHashes() }
        let batch = RowBatch(rows: rows, origins: origins, files: files)
        return ParsedChunk(file: file, batch: batch, disorder: disorder)
    }

    private static func parse(
        _ bytes: borrowing ByteWriter, _ parser: inout ItemParser, _ rows: inout RowBuffer,
        _ lineOffsets: inout [UInt32]
    ) throws(ParseFault) {
        try parser.parse(lines: bytes.bytes, into: &rows, lineOffsets: &lineOffsets)
    }

    private func located(_ fault: ParseFault, in chunk: SourceChunk) -> VarveError {
        let place = files.place(chunk.origin(ofByte: fault.offset))
        return VarveError(.invalidInput, fault.message, at: place.description)
    }
}

extension SourceChunk {
    /// Where the lines at these ascending offsets stand in the source.
    fileprivate func origins(of lineOffsets: [UInt32]) -> RowOrigins {
        if origins == nil, lineCount == lineOffsets.count {
            // No line is blank.
            return .lines(start: start, offsets: lineOffsets)
        }
        var result: [RowOrigin] = []
        result.reserveCapacity(lineOffsets.count)
        var line = 0
        var at = 0
        for offset in lineOffsets {
            while at < Int(offset) {
                at = Self.lineEnd(bytes, from: at)
                line += 1
            }
            if let origins {
                result.append(origins[min(line, origins.count - 1)])
            } else {
                var origin = start
                origin.line += Int64(line)
                origin.byte += Int64(offset)
                result.append(origin)
            }
        }
        return .each(result)
    }

    /// Where the byte at an offset of the chunk stands in the source.
    fileprivate func origin(ofByte offset: Int) -> RowOrigin {
        var line = 0
        var at = 0
        while true {
            let next = Self.lineEnd(bytes, from: at)
            if next > offset || next == bytes.count { break }
            at = next
            line += 1
        }
        if let origins {
            var origin = origins[min(line, origins.count - 1)]
            origin.byte += Int64(offset - at)
            return origin
        }
        var origin = start
        origin.line += Int64(line)
        origin.byte += Int64(offset)
        return origin
    }

    /// Behind the next line feed, or the end.
    private static func lineEnd(_ bytes: borrowing ByteWriter, from start: Int) -> Int {
        let hit = bytes.bytes.firstOffset(of: UInt8(ascii: "\n"), from: start)
        return hit.map { $0 + 1 } ?? bytes.bytes.byteCount
    }
}
