import Synchronization
import VarveArchive
import VarveBytes
import VarveEndpoints
import VarveModel

/// A block of a state, rendered for its target on another thread.
final class RenderedRows {
    var bytes = ByteWriter(capacity: 1 << 20)
    var part: RenderedPart
    var itemBytes: UInt64 = 0
    /// Sum of the item hashes of the rows as they were read.
    var rowDigest = Hash256.zero
    /// Sum of the item hashes of what the text says; `rowDigest` if it was not read back.
    var textDigest = Hash256.zero

    init(part: RenderedPart, bytes: consuming ByteWriter) {
        self.part = part
        self.bytes = bytes
    }
}

/// Turns blocks of a state into what a target holds, and the text back into items to prove it, on
/// any thread.
final class RowRendering: Sendable {
    /// Memory that is used again, and a parser that has learned how the items look.
    ///
    /// Sendable: a bench is in `idle`, or in the hands of the one thread that took it from there.
    private final class Bench: @unchecked Sendable {
        var parser: ItemParser
        var whole = RowBuffer(capacity: 1 << 18)
        var text = ByteWriter(capacity: 1 << 10)
        var back = RowBuffer(capacity: 1 << 18)
        var offsets: [UInt32] = []

        init(_ parser: consuming ItemParser) { self.parser = parser }
    }

    private let repository: Repository
    private let schema: KeySchema
    private let renderer: RowRenderer
    /// Whether the text is read back; else the rows' own digest must do.
    let readsBack: Bool
    /// Whether the target's bytes are compressed text.
    private let isCompressed: Bool
    /// Whether only a part of a state is restored: then there is no recorded digest.
    private let isPart: Bool
    private let idle = Mutex<[Bench]>([])

    /// - Parameter readsBack: whether the target holds DynamoDB JSON; other forms have no types to
    ///   read back.
    init(
        _ repository: Repository, schema: KeySchema, renderer: RowRenderer, readsBack: Bool,
        isCompressed: Bool, isPart: Bool
    ) {
        self.repository = repository
        self.schema = schema
        self.renderer = renderer
        self.readsBack = readsBack
        self.isCompressed = isCompressed
        self.isPart = isPart
    }

    func render(_ block: RowBlock) throws -> RenderedRows {
        let bench = idle.withLock { $0.popLast() } ?? Bench(ItemParser(schema: schema))
        defer { idle.withLock { $0.append(bench) } }
        guard block.hasOutlined else { return try render(block.rows, bench) }
        bench.whole.removeAll()
        try repository.expand(block, 0..<block.rows.count, into: &bench.whole)
        return try render(bench.whole, bench)
    }

    private func render(_ rows: borrowing RowBuffer, _ bench: Bench) throws -> RenderedRows {
        var bytes = ByteWriter(capacity: rows.byteCount * 3)
        let part = try renderer.render(rows, into: &bytes)
        let result = RenderedRows(part: part, bytes: bytes)
        if isPart { result.itemBytes = try Self.itemBytes(rows, schema) }
        // The digest of a part can only be held against that of the rows as they were read.
        if isPart || !readsBack { result.rowDigest = ItemDigest.tableDigest(of: rows) }
        result.textDigest = readsBack ? try readBack(rows, result, bench) : result.rowDigest
        return result
    }

    private func readBack(
        _ rows: borrowing RowBuffer, _ result: RenderedRows, _ bench: Bench
    ) throws -> Hash256 {
        bench.back.removeAll()
        bench.offsets.removeAll(keepingCapacity: true)
        if isCompressed {
            // The renderer is a pure function: this is the text that it compressed.
            bench.text.removeAll()
            var plain = ItemRenderer(schema: schema)
            try plain.appendLines(rows, to: &bench.text)
        }
        do throws(ParseFault) {
            if isCompressed {
                try Self.parse(bench.text, &bench.parser, &bench.back, &bench.offsets)
            } else {
                try Self.parse(result.bytes, &bench.parser, &bench.back, &bench.offsets)
            }
        } catch {
            throw VarveError(
                .proofFailed,
                "what was written of an item cannot be read back: \(error); please report this "
                    + "defect of Varve")
        }
        guard bench.back.count == rows.count else {
            throw VarveError(
                .proofFailed,
                "what was written of \(rows.count) items reads back as \(bench.back.count); "
                    + "please report this defect of Varve")
        }
        return ItemDigest.tableDigest(of: bench.back)
    }

    private static func parse(
        _ text: borrowing ByteWriter, _ parser: inout ItemParser, _ rows: inout RowBuffer,
        _ offsets: inout [UInt32]
    ) throws(ParseFault) {
        try parser.parse(lines: text.bytes, into: &rows, lineOffsets: &offsets)
    }

    private static func itemBytes(
        _ rows: borrowing RowBuffer, _ schema: KeySchema
    ) throws(VarveError) -> UInt64 {
        let codec = KeyCodec(schema)
        var sum = 0
        for index in 0..<rows.count {
            sum += try ItemMeasure.itemBytes(key: rows.key(index), value: rows.value(index), codec)
        }
        return UInt64(sum)
    }
}
