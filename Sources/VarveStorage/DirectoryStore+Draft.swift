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

    init(_ store: DirectoryStore, _ temporary: consuming TemporaryFile) {
        self.store = store
        path = temporary.path
        file = temporary.takeFile()
    }

    deinit { store.discard(path) }

    func append(_ bytes: RawSpan) throws(VarveError) { try file?.write(bytes) }

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
