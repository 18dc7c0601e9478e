public import VarveBytes

/// What a store knows of an object.
public struct ObjectMetadata: Hashable, Sendable {
    /// Bytes.
    public let size: Int
    /// Time of the last change, in microseconds since 1970, by the store's clock.
    public let modified: Int64

    public init(size: Int, modified: Int64) {
        self.size = size
        self.modified = modified
    }
}

/// An object as a listing shows it.
public struct ObjectEntry: Hashable, Sendable {
    public let name: String
    public let metadata: ObjectMetadata
    /// Bytes.
    public var size: Int { metadata.size }
    /// Time of the last change, in microseconds since 1970, by the store's clock.
    public var modified: Int64 { metadata.modified }

    public init(name: String, metadata: ObjectMetadata) {
        self.name = name
        self.metadata = metadata
    }
}

/// Objects by name: what a repository lies in. Source: Spec 02, "What the store must promise".
///
/// Names are ASCII letters, digits, `-`, `_`, `.` and `/` (see `ObjectStoreName`). Every method may
/// be called from several threads at once. Beside the errors named, any may throw `storage` (a full
/// disk, a permission, a lost connection), with a message that says what to do, and `invalidInput`
/// for a name that no object can have. An implementation proves itself by `StoreConformance` of the
/// tests.
public protocol ObjectStore: Sendable {
    /// Where the store is, for messages: a path or an address.
    var location: String { get }

    /// Makes ready for objects whose names begin with these prefixes: whoever creates the first of
    /// them need not wait for it. Objects of other names, too, may be created at any time.
    func prepare(_ prefixes: [String]) throws(VarveError)

    /// Creates an object, whole or not at all; durable, readable and listed when this returns.
    /// - Throws: `exists` if the name is taken. Of several concurrent creators one succeeds.
    func create(_ name: String, _ bytes: [UInt8]) throws(VarveError)

    /// Begins an object whose name will be known when its bytes are written: a large one need not
    /// be held in memory.
    func draft() throws(VarveError) -> any ObjectDraft

    /// Creates an object or replaces it whole; readable and listed when this returns.
    ///
    /// For intents and leases only: nothing else changes. It need not be durable: a crash that
    /// loses it, or its bytes, also ends the writer that it speaks for.
    func replace(_ name: String, _ bytes: [UInt8]) throws(VarveError)

    /// The whole object.
    /// - Throws: `notFound`.
    func read(_ name: String) throws(VarveError) -> [UInt8]

    /// Appends a part of an object to `output`.
    /// - Throws: `notFound`; `damaged` if the object ends before the range does, with `output`
    ///   as it was.
    func read(
        _ name: String, _ range: Range<Int>, into output: inout ByteWriter
    ) throws(VarveError)

    /// Size and time of last change.
    /// - Throws: `notFound`.
    func metadata(_ name: String) throws(VarveError) -> ObjectMetadata

    /// The objects whose names begin with `prefix` and follow `name`, ascending by the bytes of
    /// their names; every object that existed throughout the call is among them.
    /// - Parameter name: leaves out all up to this one; nil leaves out none.
    func list(_ prefix: String, after name: String?) throws(VarveError) -> [ObjectEntry]

    /// Deletes an object. It may return, after a crash, so nothing may depend on its absence.
    /// - Throws: `notFound`.
    func delete(_ name: String) throws(VarveError)

    /// Microseconds since 1970 by the clock that also stamps objects.
    func now() throws(VarveError) -> Int64
}

extension ObjectStore {
    public func prepare(_ prefixes: [String]) throws(VarveError) {}

    /// All objects whose names begin with `prefix`, ascending by name.
    public func list(_ prefix: String) throws(VarveError) -> [ObjectEntry] {
        try list(prefix, after: nil)
    }

    /// A part of an object.
    /// - Throws: as `read(_:_:into:)`.
    public func read(_ name: String, _ range: Range<Int>) throws(VarveError) -> [UInt8] {
        var output = ByteWriter(capacity: range.count)
        try read(name, range, into: &output)
        return output.takeBytes()
    }

    /// The object's metadata, or nil if it is not there.
    public func metadataIfPresent(_ name: String) throws(VarveError) -> ObjectMetadata? {
        do {
            return try metadata(name)
        } catch let error where error.code == .notFound {
            return nil
        }
    }

    /// The whole object, or nil if it is not there.
    public func readIfPresent(_ name: String) throws(VarveError) -> [UInt8]? {
        do {
            return try read(name)
        } catch let error where error.code == .notFound {
            return nil
        }
    }

    /// Deletes an object; that it is not there is not an error.
    public func deleteIfPresent(_ name: String) throws(VarveError) {
        do {
            try delete(name)
        } catch let error where error.code == .notFound {
            return
        }
    }
}
