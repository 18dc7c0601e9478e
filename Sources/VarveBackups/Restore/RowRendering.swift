import Synchronization
import VarveArchive
import VarveBytes
import VarveModel

/// Turns blocks of a state into text, and the text back into items to prove it, on any thread.
final class RowRendering: Sendable {
    /// Sendable: a bench is in `idle`, or in the hands of the one thread that took it from there.
    private final class Bench: @unchecked Sendable {
        var renderer: ItemRenderer
        var parser: ItemParser
        var whole = RowBuffer(capacity: 1 << 20)
        var back = RowBuffer(capacity: 1 << 20)
        var offsets: [UInt32] = []

        init(_ renderer: consuming ItemRenderer, _ parser: consuming ItemParser) {
            self.renderer = renderer
            self.parser = parser
        }
    }

    private let repository: Repository
    private let schema: KeySchema
    private let form: ItemForm
    private let isWrapped: Bool
    private let isLossy: Bool
    /// Whether the text is read back; else the rows' own digest must do.
    let readsBack: Bool
    private let measures: Bool
    private let idle = Mutex<[Bench]>([])

    /// - Parameter measures: whether item sizes are wanted.
    init(
        _ repository: Repository, schema: KeySchema, form: ItemForm, isWrapped: Bool,
        isLossy: Bool, measures: Bool
    ) {
        self.repository = repository
        self.schema = schema
        self.form = form
        self.isWrapped = isWrapped
        self.isLossy = isLossy
        self.measures = measures
        // Plain JSON has no types for sets and binary values: it does not read back to them.
        readsBack = form == .dynamoDB
    }

    func render(_ block: RowBlock) throws -> RenderedRows {
        let bench =
            idle.withLock { $0.popLast() }
            ?? Bench(
                ItemRenderer(schema: schema, form: form, isWrapped: isWrapped, isLossy: isLossy),
                ItemParser(schema: schema, form: form))
        defer { idle.withLock { $0.append(bench) } }
        let result = RenderedRows()
        if block.hasOutlined {
            bench.whole.removeAll()
            try repository.expand(block, 0..<block.rows.count, into: &bench.whole)
            try render(bench.whole, bench, result)
        } else {
            try render(block.rows, bench, result)
        }
        return result
    }

    private func render(
        _ rows: borrowing RowBuffer, _ bench: Bench, _ result: RenderedRows
    ) throws {
        result.items = UInt64(rows.count)
        try bench.renderer.appendLines(rows, to: &result.text)
        if measures { result.itemBytes = try Self.itemBytes(rows, schema) }
        // The digest of a part can only be held against that of the rows as they were read.
        if measures || !readsBack { result.rowDigest = ItemDigest.tableDigest(of: rows) }
        if !readsBack {
            result.textDigest = result.rowDigest
            return
        }
        bench.back.removeAll()
        bench.offsets.removeAll(keepingCapacity: true)
        do throws(ParseFault) {
            try Self.parse(result.text, bench)
        } catch {
            throw VarveError(
                .proofFailed,
                "the text made of an item cannot be read back: \(error); this is a defect of "
                    + "Varve, please report it", at: "restore")
        }
        guard bench.back.count == rows.count else {
            throw VarveError(
                .proofFailed, "the text made of \(rows.count) items reads back as "
                    + "\(bench.back.count)", at: "restore")
        }
        result.textDigest = ItemDigest.tableDigest(of: bench.back)
    }

    private static func parse(
        _ text: borrowing ByteWriter, _ bench: Bench
    ) throws(ParseFault) {
        try bench.parser.parse(
            lines: text.bytes, into: &bench.back, lineOffsets: &bench.offsets)
    }

    private static func itemBytes(
        _ rows: borrowing RowBuffer, _ schema: KeySchema
    ) throws(VarveError) -> UInt64 {
        let codec = KeyCodec(schema)
        var sum = 0
        for index in 0..<rows.count {
            sum += try ItemMeasure.keyBytes(of: rows.key(index), codec)
            sum += try ItemMeasure.itemBytes(of: rows.value(index))
        }
        return UInt64(sum)
    }
}
