internal import Synchronization
public import VarveBytes

/// A store over another one that it leaves alone: what is written and deleted goes into a layer
/// above. So one sees what an operation would do.
///
/// Of two writers one layer shows each what it wrote itself; so it is for one operation alone.
public final class OverlayStore: ObjectStore {
    private let base: any ObjectStore
    private let layer: any ObjectStore
    /// Objects of the base that are deleted.
    private let deleted = Mutex<Set<String>>([])
    public var location: String { base.location }

    /// - Parameter layer: an empty store.
    public init(over base: any ObjectStore, layer: any ObjectStore = MemoryStore()) {
        self.base = base
        self.layer = layer
    }

    private func isDeleted(_ name: String) -> Bool { deleted.withLock { $0.contains(name) } }

    /// The store that has an object, if any has.
    private func bearer(of name: String) throws(VarveError) -> any ObjectStore {
        if try layer.metadataIfPresent(name) != nil { return layer }
        if isDeleted(name) {
            throw VarveError(.notFound, "there is no such object", at: name)
        }
        return base
    }

    public func create(_ name: String, _ bytes: [UInt8]) throws(VarveError) {
        if !isDeleted(name), try base.metadataIfPresent(name) != nil {
            throw VarveError(.exists, "an object of that name is there already", at: name)
        }
        try layer.create(name, bytes)
    }

    public func replace(_ name: String, _ bytes: [UInt8]) throws(VarveError) {
        try layer.replace(name, bytes)
    }

    public func read(_ name: String) throws(VarveError) -> [UInt8] {
        try bearer(of: name).read(name)
    }

    public func read(
        _ name: String, _ range: Range<Int>, into output: inout ByteWriter
    ) throws(VarveError) {
        try bearer(of: name).read(name, range, into: &output)
    }

    public func metadata(_ name: String) throws(VarveError) -> ObjectMetadata {
        try bearer(of: name).metadata(name)
    }

    public func list(_ prefix: String, after name: String?) throws(VarveError) -> [ObjectEntry] {
        let own = try layer.list(prefix, after: name)
        let hidden = deleted.withLock { $0 }.union(own.map(\.name))
        let below = try base.list(prefix, after: name).filter { !hidden.contains($0.name) }
        // Names are ASCII: the order of strings is the order of bytes.
        return (own + below).sorted { $0.name < $1.name }
    }

    public func delete(_ name: String) throws(VarveError) {
        _ = try metadata(name)
        try layer.deleteIfPresent(name)
        deleted.withLock { _ = $0.insert(name) }
    }

    /// The layer's clock: to ask that of the base may write to it.
    public func now() throws(VarveError) -> Int64 { try layer.now() }
}
