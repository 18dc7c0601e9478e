import VarveBytes
import VarveFormat
import VarveModel

/// Decodes pages to the last value and encodes them again: a page is a pure function of what it
/// holds (Spec 07), so that any difference is a writer's fault.
enum PageProof {
    /// - Returns: whether the blob is a page at all.
    /// - Throws: `damaged`.
    static func prove(_ plain: RawSpan, _ type: BlobType) throws(VarveError) -> Bool {
        switch type {
        case .imageLeaf: try proveLeaf(plain, .image)
        case .runLeaf: try proveLeaf(plain, .run)
        case .imageIndex: try proveIndex(plain, .image)
        case .runIndex: try proveIndex(plain, .run)
        case .outlinedValue: try proveValue(plain)
        case .checkpointLeaf: _ = try CheckpointLeaf(plain)
        case .checkpointIndex: _ = try SpanIndexPage(plain, kind: .checkpoints)
        case .timeList: _ = try TimeListPage(plain)
        case .timeListIndex: _ = try SpanIndexPage(plain, kind: .timeList)
        }
        return type != .outlinedValue
    }

    /// The key types that a leaf page states itself.
    static func schema(of plain: RawSpan) throws(VarveError) -> KeySchema {
        var cursor = ByteCursor(plain)
        try cursor.skip(1)
        let partition = try keyType(try cursor.u8(), cursor)
        let sortTag = try cursor.u8()
        let sort = sortTag == 0 ? nil : try keyType(sortTag, cursor)
        return KeySchema(
            partition: KeyAttribute(name: "partition", type: partition),
            sort: sort.map { KeyAttribute(name: "sort", type: $0) })
    }

    private static func keyType(
        _ tag: UInt8, _ cursor: borrowing ByteCursor
    ) throws(VarveError) -> AttributeType {
        guard (1...3).contains(tag), let type = AttributeType(rawValue: tag) else {
            throw cursor.fault("a key attribute is not of type S, N or B")
        }
        return type
    }

    private static func proveLeaf(_ plain: RawSpan, _ kind: TreeKind) throws(VarveError) {
        let schema = try schema(of: plain)
        var page = LeafPageReader(schema: schema)
        try page.open(plain.copyBytes(), kind: kind)
        var again = ByteWriter(capacity: plain.byteCount)
        var encoder = LeafPageEncoder(schema: schema)
        switch kind {
        case .image:
            var rows = RowBuffer(capacity: plain.byteCount * 4)
            _ = try page.next(into: &rows)
            try encoder.encodeImage(rows: rows, range: 0..<rows.count, into: &again)
        case .run:
            var changes = ChangeBuffer(capacity: plain.byteCount * 4)
            _ = try page.next(into: &changes)
            try encoder.encodeRun(changes: changes, range: 0..<changes.count, into: &again)
        }
        try compare(plain, again)
    }

    private static func proveIndex(_ plain: RawSpan, _ kind: TreeKind) throws(VarveError) {
        var again = ByteWriter(capacity: plain.byteCount)
        try IndexPage(plain, kind: kind).encode(into: &again)
        try compare(plain, again)
    }

    private static func proveValue(_ plain: RawSpan) throws(VarveError) {
        var cursor = ByteCursor(plain)
        try CanonicalValue.validate(&cursor)
        try cursor.end()
    }

    private static func compare(
        _ plain: RawSpan, _ again: borrowing ByteWriter
    ) throws(VarveError) {
        if !plain.equals(again.bytes) {
            throw VarveError(
                .damaged, "what the page holds is encoded in another form than it must be")
        }
    }
}
