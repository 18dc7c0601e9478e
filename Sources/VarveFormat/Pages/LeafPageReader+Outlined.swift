public import VarveBytes

extension LeafPageReader {
    /// Whether a leaf page has a column of outlined values, told by its table of columns alone.
    /// Source: Spec 07, "Leaf page".
    /// - Throws: `damaged` if the page ends before its table of columns does.
    /// - Complexity: O(columns).
    public static func namesOutlined(_ page: RawSpan) throws(VarveError) -> Bool {
        var cursor = try columns(of: page)
        for _ in 0..<(try cursor.count(ofAtLeast: 3)) {
            _ = try cursor.counted()
            if try cursor.u8() == ValueTag.outlined { return true }
        }
        return false
    }

    /// Whether an attribute column of a leaf page has one of these names.
    /// - Throws: `damaged` if the page ends before its table of columns does.
    /// - Complexity: O(columns).
    public static func names(
        _ page: RawSpan, anyOf names: Set<String>
    ) throws(VarveError) -> Bool {
        var cursor = try columns(of: page)
        for _ in 0..<(try cursor.count(ofAtLeast: 3)) {
            if names.contains(try cursor.text()) { return true }
            _ = try cursor.u8()
        }
        return false
    }

    /// A cursor at a page's table of attribute columns.
    @_lifetime(copy page)
    private static func columns(of page: RawSpan) throws(VarveError) -> ByteCursor {
        var cursor = ByteCursor(page)
        let isRun = try cursor.u8() == TreeKind.run.rawValue
        try cursor.skip(1)
        let hasSort = try cursor.u8() != 0
        _ = try cursor.varint()
        for _ in 0..<(isRun ? 3 : 0) + (hasSort ? 2 : 1) { _ = try cursor.counted() }
        return cursor
    }
}
