public import VarveBytes

extension DirectoryStore {
    public func draft() throws(VarveError) -> any ObjectDraft {
        DirectoryDraft(self, try makeTemporary())
    }
}

/// A draft that grows in a temporary file, which gets its name at the end.
final class DirectoryDraft: ObjectDraft {
    private let store: DirectoryStore
    private let path: String
    private var file: FileDescriptor?
    private var byteCount = 0
    /// Up to where the system was asked to write to the disk.
    private var begunCount = 0
    /// Enough at a time for the disk to write in one go.
    private static let begunBytes = 1 << 20

    init(_ store: DirectoryStore, _ temporary: consuming TemporaryFile) {
        self.store = store
        path = temporary.path
        file = temporary.takeFile()
    }

    deinit { store.discard(path) }

    func append(_ bytes: RawSpan) throws(VarveError) {
        try file?.write(bytes)
        byteCount += bytes.byteCount
        if byteCount - begunCount < Self.begunBytes { return }
        // Left to the end, a journal would hold up every other object until all of it is written.
        file?.beginSynchronizing(from: begunCount, count: byteCount - begunCount)
        begunCount = byteCount
    }

    func contents() throws(VarveError) -> [UInt8] {
        try FileDescriptor(reading: path).readAll()
    }

    func publish(as name: String) throws(VarveError) -> Bool {
        let target = try store.filePath(name)
        guard let file = file.take() else { preconditionFailure("a draft is published once") }
        try file.synchronize()
        try file.close()
        do throws(VarveError) {
            try store.link(path, as: target)
            return true
        } catch {
            guard error.code == .exists else { throw error }
            return false
        }
    }
}
