import VarveBytes
public import VarveModel

/// Rows as a source delivers them, in key order: about a mebibyte of them, and their places.
public final class RowBatch: Sendable {
    public let rows: RowBuffer
    let origins: [RowOrigin]
    let files: SourceFileNames

    init(rows: consuming RowBuffer, origins: [RowOrigin], files: SourceFileNames) {
        precondition(rows.count == origins.count)
        self.rows = rows
        self.origins = origins
        self.files = files
    }

    /// How many rows there are; at least one.
    public var count: Int { origins.count }

    /// Where a row stood in the source.
    public func place(of index: Int) -> SourcePlace { files.place(origins[index]) }
}

extension RowBuffer {
    /// The first row whose key does not follow the one before it, or nil: then all ascend.
    func firstDisorder() -> Int? {
        guard count > 1 else { return nil }
        for index in 1..<count where !key(index - 1).precedes(key(index)) { return index }
        return nil
    }

    /// Whether the last row's key comes before the first of `next`; both hold rows.
    func leads(to next: borrowing RowBuffer) -> Bool {
        key(count - 1).precedes(next.key(0))
    }

    /// Whether the last row's key is that of the first of `next`; both hold rows.
    func ends(withFirstKeyOf next: borrowing RowBuffer) -> Bool {
        key(count - 1).equals(next.key(0))
    }

    func sameKey(_ index: Int, as other: Int) -> Bool { key(index).equals(key(other)) }
}
