internal import Synchronization
public import VarveBytes

/// A store in memory: deterministic, with an injected clock. For tests and simulations.
public final class MemoryStore: ObjectStore {
    private struct Object {
        var bytes: [UInt8]
        var modified: Int64
    }

    private let objects: Mutex<[String: Object]>
    private let clock: any TimeSource
    public let location = "memory"

    /// An empty store.
    /// - Parameter clock: stamps the objects.
    public init(clock: any TimeSource = SystemTime()) {
        objects = Mutex([:])
        self.clock = clock
    }

    private init(copying other: MemoryStore) {
        objects = Mutex(other.objects.withLock { $0 })
        clock = other.clock
    }

    /// A store of its own with what this one holds now, under the same clock.
    public func snapshot() -> MemoryStore { MemoryStore(copying: self) }

    public func create(_ name: String, _ bytes: [UInt8]) throws(VarveError) {
        try ObjectStoreName.check(name)
        let modified = clock.now()
        let created = objects.withLock { objects in
            if objects[name] != nil { return false }
            objects[name] = Object(bytes: bytes, modified: modified)
            return true
        }
        if !created {
            throw VarveError(.exists, "an object of that name is there already", at: name)
        }
    }

    public func replace(_ name: String, _ bytes: [UInt8]) throws(VarveError) {
        try ObjectStoreName.check(name)
        let object = Object(bytes: bytes, modified: clock.now())
        objects.withLock { $0[name] = object }
    }

    private func object(_ name: String) throws(VarveError) -> Object {
        try ObjectStoreName.check(name)
        guard let object = objects.withLock({ $0[name] }) else {
            throw VarveError(.notFound, "there is no such object", at: name)
        }
        return object
    }

    public func read(_ name: String) throws(VarveError) -> [UInt8] { try object(name).bytes }

    public func read(
        _ name: String, _ range: Range<Int>, into output: inout ByteWriter
    ) throws(VarveError) {
        let bytes = try object(name).bytes
        guard range.lowerBound >= 0, range.upperBound <= bytes.count else {
            throw .objectTooShort(name, size: bytes.count, range)
        }
        output.append(bytes.raw.part(range.lowerBound, range.upperBound))
    }

    public func metadata(_ name: String) throws(VarveError) -> ObjectMetadata {
        let object = try object(name)
        return ObjectMetadata(size: object.bytes.count, modified: object.modified)
    }

    public func list(_ prefix: String, after name: String?) throws(VarveError) -> [ObjectEntry] {
        try ObjectStoreName.check(prefix: prefix)
        var entries: [ObjectEntry] = []
        objects.withLock { objects in
            for (key, object) in objects where key.hasPrefix(prefix) {
                if let name, key <= name { continue }
                entries.append(
                    ObjectEntry(
                        name: key,
                        metadata: ObjectMetadata(
                            size: object.bytes.count, modified: object.modified)))
            }
        }
        // Names are ASCII: the order of strings is the order of bytes.
        return entries.sorted { $0.name < $1.name }
    }

    public func delete(_ name: String) throws(VarveError) {
        try ObjectStoreName.check(name)
        guard objects.withLock({ $0.removeValue(forKey: name) }) != nil else {
            throw VarveError(.notFound, "there is no such object", at: name)
        }
    }

    public func now() throws(VarveError) -> Int64 { clock.now() }

    /// Damages an object on purpose: replaces its bytes whatever its name. For tests.
    public func corrupt(_ name: String, _ change: (inout [UInt8]) -> Void) throws(VarveError) {
        var object = try object(name)
        change(&object.bytes)
        objects.withLock { $0[name] = object }
    }
}

extension VarveError {
    /// A ranged read beyond an object's end.
    static func objectTooShort(_ name: String, size: Int, _ range: Range<Int>) -> VarveError {
        VarveError(
            .damaged,
            "the object has \(size) bytes; bytes \(range.lowerBound) to \(range.upperBound) were "
                + "expected", at: name)
    }
}
