public import VarveModel

/// Changed keys between two states, in key order: some hundred kilobytes of them.
///
/// One owner at a time.
public final class DifferenceBlock {
    /// What happened to a key.
    public enum Kind: Sendable, Hashable { case added, removed, replaced }

    /// A changed key: where its rows are.
    public struct Entry: Sendable, Hashable {
        /// The row in `old`; nil if the key is new.
        public let old: Int?
        /// The row in `new`; nil if the key is gone.
        public let new: Int?

        /// What happened.
        public var kind: Kind { old == nil ? .added : new == nil ? .removed : .replaced }
    }

    /// In key order; at least one.
    public internal(set) var entries: [Entry] = []
    /// Whole rows before, of the keys that were there.
    public internal(set) var old = RowBuffer(capacity: 1 << 12)
    /// Whole rows after, of the keys that are there.
    public internal(set) var new = RowBuffer(capacity: 1 << 12)

    init() {}

    /// Bytes of its rows.
    var byteCount: Int { old.byteCount + new.byteCount }

    func add(hasOld: Bool, hasNew: Bool) {
        entries.append(
            Entry(old: hasOld ? old.count - 1 : nil, new: hasNew ? new.count - 1 : nil))
    }
}

/// Yields the changed keys between two states in key order, each once, with whole values.
public protocol DifferenceSource: AnyObject {
    /// The next changed keys, at least one; nil after the last.
    func nextBlock() throws -> DifferenceBlock?
}

extension DifferenceSource {
    /// Bytes of rows at which a block is given out.
    static var blockBytes: Int { 1 << 18 }
}
