public import VarveBytes
public import VarveModel

/// What restored rows are written as.
public enum TargetFormat: Sendable, Hashable {
    /// DynamoDB JSON, `{"Item":{…}}` a line.
    case lines
    /// Plain JSON, an item a line. Sets, binaries and what else plain JSON has no type for is
    /// refused, or with `isLossy` written as arrays and base64 text.
    case plainLines(isLossy: Bool)
    /// CSV with a header of these top-level attributes: see `CSVRenderer`.
    case csv(columns: [String])
}

/// A stretch of rendered rows: what belongs to their bytes.
public struct RenderedPart: Sendable {
    public let itemCount: Int
    /// DynamoDB's own size of the items; 0 unless the target needs it.
    let itemBytes: Int64
    let gzip: GzipWriter.Part?
    let plainCount: Int
}

/// Renders rows for a target: a pure function, so that any number of threads may render while one
/// writes.
public struct RowRenderer: Sendable {
    let schema: KeySchema
    let format: TargetFormat
    let isGzip: Bool
    /// Whether to measure items as DynamoDB does.
    let measures: Bool

    /// Appends what stands for some rows; parts follow one another in the target.
    /// - Throws: `refused` if the format would lose something; `damaged` if a row is malformed.
    public func render(
        _ rows: borrowing RowBuffer, _ range: Range<Int>, into output: inout ByteWriter
    ) throws(VarveError) -> RenderedPart {
        var itemBytes: Int64 = 0
        if measures { itemBytes = try measure(rows, range) }
        if !isGzip {
            let start = output.count
            try renderPlain(rows, range, into: &output)
            return RenderedPart(
                itemCount: range.count, itemBytes: itemBytes, gzip: nil,
                plainCount: output.count - start)
        }
        var plain = ByteWriter(capacity: 2 * rows.byteCount)
        try renderPlain(rows, range, into: &plain)
        let part = GzipWriter.deflate(plain.bytes, into: &output)
        return RenderedPart(
            itemCount: range.count, itemBytes: itemBytes, gzip: part,
            plainCount: part.plainCount)
    }

    /// Appends what stands for all rows.
    public func render(
        _ rows: borrowing RowBuffer, into output: inout ByteWriter
    ) throws(VarveError) -> RenderedPart {
        try render(rows, 0..<rows.count, into: &output)
    }

    private func renderPlain(
        _ rows: borrowing RowBuffer, _ range: Range<Int>, into output: inout ByteWriter
    ) throws(VarveError) {
        switch format {
        case .lines:
            var renderer = ItemRenderer(schema: schema)
            try renderer.appendLines(rows, range, to: &output)
        case .plainLines(let isLossy):
            var renderer = ItemRenderer(
                schema: schema, form: .plain, isWrapped: false, isLossy: isLossy)
            try renderer.appendLines(rows, range, to: &output)
        case .csv(let columns):
            var renderer = CSVRenderer(schema: schema, columns: columns)
            for index in range {
                try renderer.append(
                    key: rows.key(index), value: rows.value(index), to: &output)
            }
        }
    }

    private func measure(
        _ rows: borrowing RowBuffer, _ range: Range<Int>
    ) throws(VarveError) -> Int64 {
        let codec = KeyCodec(schema)
        var sum = 0
        for index in range {
            sum += try ItemMeasure.itemBytes(key: rows.key(index), value: rows.value(index), codec)
        }
        return Int64(sum)
    }
}
