/// Bounds of an external sort.
public struct SortOptions: Sendable, Hashable {
    /// Memory for rows that wait to be sorted, with what belongs to them, in bytes.
    public var memoryBytes: Int
    /// Directory of the temporary file; nil: `TMPDIR`, or else `/tmp`.
    public var directory: String?
    /// Sorted runs merged at once: more are merged in several passes.
    public var mergeWidth: Int
    /// Plain bytes of a block of the temporary file; each run being merged holds one.
    public var blockBytes: Int

    public init(
        memoryBytes: Int = 48 << 20, directory: String? = nil, mergeWidth: Int = 64,
        blockBytes: Int = 128 << 10
    ) {
        precondition(memoryBytes > 0 && mergeWidth >= 2 && blockBytes > 0)
        self.memoryBytes = memoryBytes
        self.directory = directory
        self.mergeWidth = mergeWidth
        self.blockBytes = blockBytes
    }
}
