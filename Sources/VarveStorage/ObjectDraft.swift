public import VarveBytes

/// An object that is written part by part before its name is known: nothing of it is seen before
/// `publish`.
///
/// Belongs to one thread. One that is let go of leaves nothing.
public protocol ObjectDraft: AnyObject {
    /// Appends bytes.
    func append(_ bytes: RawSpan) throws(VarveError)

    /// All that was appended.
    func contents() throws(VarveError) -> [UInt8]

    /// Creates the object with what was appended, as `ObjectStore.create` does, unless there is
    /// one of that name. The last call of a draft.
    /// - Returns: whether this call created it.
    func publish(as name: String) throws(VarveError) -> Bool
}

extension ObjectStore {
    /// A draft that is kept in memory: for stores that need an object's name first.
    public func draft() throws(VarveError) -> any ObjectDraft { MemoryDraft(self) }
}

/// A draft for any store.
final class MemoryDraft: ObjectDraft {
    private let store: any ObjectStore
    private var bytes: [UInt8] = []

    init(_ store: any ObjectStore) { self.store = store }

    func append(_ part: RawSpan) throws(VarveError) { bytes += part.copyBytes() }

    func contents() throws(VarveError) -> [UInt8] { bytes }

    func publish(as name: String) throws(VarveError) -> Bool {
        try store.createIfAbsent(name, bytes)
    }
}
