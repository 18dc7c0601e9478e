import VarveBytes
import VarveFormat
import VarveModel

/// Decodes pages to the last value and encodes them again: a page is a pure function of what it
/// holds (Spec 07), so that any difference is a writer's fault.
struct PageProof: Sendable {
    /// Where outlined values are.
    let blobs: BlobStore
    /// Names of the key attributes of all tables.
    let keyNames: Set<String>
    /// By which pages are cut; nil if the leaves are not put side by side.
    var cutHash: CutHash?

    /// - Parameter id: the blob's.
    /// - Returns: of a leaf what it holds, unless an outlined value cannot be read.
    /// - Throws: `damaged`.
    func prove(
        _ plain: RawSpan, _ type: BlobType, _ id: Hash256
    ) throws(VarveError) -> LeafSummary? {
        switch type {
        case .imageLeaf: return try summarize(plain, .image, id)
        case .runLeaf: return try summarize(plain, .run, id)
        case .imageIndex: try Self.proveIndex(plain, .image)
        case .runIndex: try Self.proveIndex(plain, .run)
        case .outlinedValue: try Self.proveValue(plain)
        case .checkpointLeaf: _ = try CheckpointLeaf(plain)
        case .checkpointIndex: _ = try SpanIndexPage(plain, kind: .checkpoints)
        case .timeList: _ = try TimeListPage(plain)
        case .timeListIndex: _ = try SpanIndexPage(plain, kind: .timeList)
        }
        return nil
    }

    private func summarize(
        _ plain: RawSpan, _ kind: TreeKind, _ id: Hash256
    ) throws(VarveError) -> LeafSummary? {
        let schema = try Self.schema(of: plain)
        guard let facts = try proveLeaf(plain, kind, schema, id) else { return nil }
        let mayHoldKey = try LeafPageReader.names(plain, anyOf: keyNames)
        return LeafSummary(facts, kind, schema, mayHoldKey: mayHoldKey)
    }

    /// The key types that a leaf page states itself; no attribute has an empty name as these keys.
    static func schema(of plain: RawSpan) throws(VarveError) -> KeySchema {
        var cursor = ByteCursor(plain)
        try cursor.skip(1)
        let partition = try keyType(try cursor.u8(), cursor)
        let sortTag = try cursor.u8()
        let sort = sortTag == 0 ? nil : try keyType(sortTag, cursor)
        return KeySchema(
            partition: KeyAttribute(name: "", type: partition),
            sort: sort.map { KeyAttribute(name: "", type: $0) })
    }

    private static func keyType(
        _ tag: UInt8, _ cursor: borrowing ByteCursor
    ) throws(VarveError) -> AttributeType {
        guard (1...3).contains(tag), let type = AttributeType(rawValue: tag) else {
            throw cursor.fault("a key attribute is not of type S, N or B")
        }
        return type
    }

    /// Proves a leaf page of a table with these keys.
    /// - Returns: nil if an outlined value cannot be read.
    func proveLeaf(
        _ plain: RawSpan, _ kind: TreeKind, _ schema: KeySchema, _ id: Hash256
    ) throws(VarveError) -> LeafFacts? {
        var page = LeafPageReader(schema: schema)
        try page.open(plain.copyBytes(), kind: kind)
        var again = ByteWriter(capacity: plain.byteCount)
        var encoder = LeafPageEncoder(schema: schema)
        var changes = ChangeBuffer(capacity: plain.byteCount * 4)
        switch kind {
        case .image:
            _ = try page.next(into: &changes.rows)
            try encoder.encodeImage(
                rows: changes.rows, range: 0..<changes.rows.count, into: &again)
        case .run:
            _ = try page.next(into: &changes)
            try encoder.encodeRun(changes: changes, range: 0..<changes.count, into: &again)
        }
        try Self.compare(plain, again)
        return try facts(changes, kind, schema, id)
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
