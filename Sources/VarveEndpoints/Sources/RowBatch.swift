import VarveBytes
public import VarveModel

/// Rows as a source delivers them, in key order: about a mebibyte of them, and their places.
///
/// Sendable: it has one owner at a time, and the ownership moves from thread to thread with the
/// reference. The stream keeps nothing of a batch that it has handed out.
public final class RowBatch: @unchecked Sendable {
    /// The rows; their owner may move them out.
    public var rows: RowBuffer
    let origins: RowOrigins
    let files: SourceFileNames

    init(rows: consuming RowBuffer, origins: RowOrigins, files: SourceFileNames) {
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

    /// The last row's key.
    func lastKeyBytes() -> [UInt8] { key(count - 1).copyBytes() }

    /// Whether the first row's key comes behind `key`.
    func follows(_ key: RawSpan) -> Bool { key.precedes(self.key(0)) }

    /// Whether the first row's key is `key`.
    func begins(withKey key: RawSpan) -> Bool { key.equals(self.key(0)) }

    func sameKey(_ index: Int, as other: Int) -> Bool { key(index).equals(key(other)) }
}
