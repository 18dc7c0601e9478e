import VarveBytes
import VarveModel

/// What a restore hands to its target: some rows in key order, rendered on another thread.
final class RenderedRows {
    var text = ByteWriter(capacity: 1 << 20)
    var items: UInt64 = 0
    var itemBytes: UInt64 = 0
    /// Sum of the item hashes of the rows as they were read.
    var rowDigest = Hash256.zero
    /// Sum of the item hashes of what the text says; equal to `rowDigest` if it was not read back.
    var textDigest = Hash256.zero
}

/// A file of lines that comes into being whole, or not at all: it is written beside its place under
/// another name, and linked to its name when it has been proven.
final class PendingFile {
    let path: String
    private let temporary: String
    private let file: FileDescriptor
    private(set) var byteCount: UInt64 = 0
    private var isDone = false

    /// - Throws: `exists` if there is something already.
    init(_ path: String) throws(VarveError) {
        if (try? FileSystem.metadata(path)) != nil {
            throw VarveError(
                .exists, "there is something already; give another target, or remove it", at: path)
        }
        self.path = path
        let name = path.split(separator: "/").last.map(String.init) ?? path
        let directory = FileSystem.parent(of: path)
        let tag = String(UInt64.random(in: 0 ... .max), radix: 16)
        temporary = "\(directory)/.\(name.prefix(200)).\(tag).varve-restore"
        do {
            file = try FileDescriptor(creating: temporary)
        } catch let error where error.code == .notFound {
            throw VarveError(.notFound, "there is no such directory", at: directory)
        }
    }

    deinit { abandon() }

    func write(_ bytes: RawSpan) throws(VarveError) {
        try file.write(bytes)
        byteCount += UInt64(bytes.byteCount)
    }

    /// Gives the file its name.
    /// - Throws: `exists` if something took the name meanwhile.
    func publish() throws(VarveError) {
        try file.synchronize()
        do {
            try FileSystem.link(temporary, as: path)
        } catch let error where error.code == .storage {
            // A file system without hard links: the check above must do.
            if (try? FileSystem.metadata(path)) != nil { throw error }
            try FileSystem.rename(temporary, to: path)
            isDone = true
            return
        }
        abandon()
        try FileSystem.synchronizeDirectory(FileSystem.parent(of: path))
    }

    /// Removes what was written under the other name.
    func abandon() {
        if isDone { return }
        isDone = true
        _ = try? FileSystem.remove(temporary)
    }
}
