public import VarveModel

/// Rows in key order on their way through the archive: about a page of them.
///
/// One owner at a time; ownership moves from thread to thread with the reference.
public final class RowBlock {
    /// In-line rows, keys ascending.
    public var rows: RowBuffer
    /// Whether a value in it is outlined, so that its in-line form differs from its canonical one.
    public var hasOutlined = false

    public init(capacity: Int = 1 << 16) { rows = RowBuffer(capacity: capacity) }
}

/// Changes in (key, time, sequence) order on their way through the archive.
///
/// One owner at a time; ownership moves from thread to thread with the reference.
public final class ChangeBlock {
    public var changes: ChangeBuffer
    /// Whether a value in it is outlined.
    public var hasOutlined = false

    public init(capacity: Int = 1 << 16) { changes = ChangeBuffer(capacity: capacity) }
}

/// Yields rows in key order, a block at a time.
public protocol RowSource: AnyObject {
    /// The next rows, at least one; nil after the last.
    func nextBlock() throws -> RowBlock?
}

/// Yields changes in (key, time, sequence) order, a block at a time.
public protocol ChangeSource: AnyObject {
    /// The next changes, at least one; nil after the last.
    func nextBlock() throws -> ChangeBlock?
}
