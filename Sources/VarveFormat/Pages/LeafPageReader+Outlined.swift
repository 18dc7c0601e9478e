public import VarveBytes

extension LeafPageReader {
    /// Whether a leaf page has a column of outlined values, told by its table of columns alone.
    /// Source: Spec 07, "Leaf page".
    /// - Throws: `damaged` if the page ends before its table of columns does.
    /// - Complexity: O(columns).
    public static func namesOutlined(_ page: RawSpan) throws(VarveError) -> Bool {
        var cursor = ByteCursor(page)
        let isRun = try cursor.u8() == TreeKind.run.rawValue
        try cursor.skip(1)
        let hasSort = try cursor.u8() != 0
        _ = try cursor.varint()
        for _ in 0..<(isRun ? 3 : 0) + (hasSort ? 2 : 1) { _ = try cursor.counted() }
        for _ in 0..<(try cursor.count(ofAtLeast: 3)) {
            _ = try cursor.counted()
            if try cursor.u8() == ValueTag.outlined { return true }
        }
        return false
    }
}
