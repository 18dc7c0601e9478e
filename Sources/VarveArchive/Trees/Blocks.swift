public import VarveModel

/// Rows in key order on their way through the archive: about a page of them.
///
/// Nothing of it changes once it is made, so that threads may share it, and reading a row of it
/// costs no check of who else has access.
public final class RowBlock: Sendable {
    /// In-line rows, keys ascending.
    public let rows: RowBuffer
    /// Whether a value in it is outlined, so that its in-line form differs from its canonical one.
    public let hasOutlined: Bool

    public init(_ rows: consuming RowBuffer, hasOutlined: Bool = false) {
        self.rows = rows
        self.hasOutlined = hasOutlined
    }

    /// No rows.
    convenience init() { self.init(RowBuffer(capacity: 32)) }
}

/// Changes in (key, time, sequence) order on their way through the archive. As `RowBlock`, nothing
/// of it changes.
public final class ChangeBlock: Sendable {
    public let changes: ChangeBuffer
    /// Whether a value in it is outlined.
    public let hasOutlined: Bool

    public init(_ changes: consuming ChangeBuffer, hasOutlined: Bool = false) {
        self.changes = changes
        self.hasOutlined = hasOutlined
    }

    /// No changes.
    convenience init() { self.init(ChangeBuffer(capacity: 32)) }
}

/// A change where it lies.
struct ChangePlace {
    let block: ChangeBlock
    let index: Int

    var stamp: ChangeStamp { block.changes.stamps[index] }
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
