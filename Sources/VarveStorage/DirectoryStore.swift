internal import Synchronization
public import VarveBytes

/// A store whose objects are the files of a directory. Source: Spec 02.
///
/// A new object is written under `temporary/`, synchronized, and linked to its name: `link(2)`
/// fails if the name is taken, whoever else writes, and needs a file system with hard links. One
/// directory may be used by several processes at once, and over NFS.
///
/// Opening touches nothing. The first write removes temporary files that are a day old.
public final class DirectoryStore: ObjectStore {
    /// Age at which a temporary file cannot belong to a writer that is still at work, in
    /// microseconds.
    static let staleTemporaryAge: Int64 = 86_400_000_000

    /// The directory, without a slash at the end.
    public let path: String
    public var location: String { path }

    private struct State {
        var sequence: UInt64 = 0
        var isPrepared = false
    }
    private let state = Mutex(State())
    /// Tells this writer's temporary files from those of all others.
    private let token: String

    /// - Parameters:
    ///   - path: a directory; it need not be there before the first write.
    ///   - random: gives the writer's temporary files names of their own.
    public init(_ path: String, random: any RandomSource = SystemRandom()) {
        var trimmed = path
        while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
        self.path = trimmed.isEmpty ? "." : trimmed
        token = "\(CurrentProcess.identifier)-\(String(random.next(), radix: 16))"
    }

    func filePath(_ name: String) throws(VarveError) -> String {
        try ObjectStoreName.check(name)
        return path + "/" + name
    }

    /// Whether there is no directory, or one that holds nothing but what making a repository leaves
    /// when it is cut off: places for probes, drafts and objects, and no object.
    /// - Throws: what listing throws.
    public func isUnfinished() throws(VarveError) -> Bool {
        let names: [String]
        do throws(VarveError) {
            names = try FileSystem.names(in: path)
        } catch {
            if error.code == .notFound { return true }
            throw error
        }
        // Of a directory without anything nobody knows: a disk may not be mounted there.
        let leftover = [ObjectStoreName.temporary, StoreProbe.prefix]
        guard names.contains(where: leftover.contains) else { return false }
        return try list("").allSatisfy { $0.name.hasPrefix(StoreProbe.prefix + "/") }
    }

    /// Names in the directory, ascending, that the making of a repository does not leave when it is
    /// cut off: none if there is no directory.
    /// - Parameter places: names of directories that the making of a repository makes.
    /// - Throws: what listing throws.
    public func foreignNames(besides places: [String]) throws(VarveError) -> [String] {
        let names: [String]
        do throws(VarveError) {
            names = try FileSystem.names(in: path)
        } catch {
            if error.code == .notFound { return [] }
            throw error
        }
        // File systems make this one at their root.
        let known = [ObjectStoreName.temporary, StoreProbe.prefix, "lost+found"] + places
        return names.filter { !known.contains($0) }.sorted()
    }

    private var temporaryDirectory: String { path + "/" + ObjectStoreName.temporary }
}

// MARK: - Writing

extension DirectoryStore {
    /// Makes the directories.
    public func prepare(_ prefixes: [String]) throws(VarveError) {
        for prefix in prefixes {
            try FileSystem.makeDirectories(FileSystem.parent(of: try filePath(prefix + "name")))
        }
    }

    public func create(_ name: String, _ bytes: [UInt8]) throws(VarveError) {
        let target = try filePath(name)
        let temporary = try writeTemporary(bytes, isDurable: true)
        defer { discard(temporary) }
        try link(temporary, as: target)
    }

    /// Gives a durable temporary file its name, durably.
    /// - Throws: `exists` if the name is taken.
    func link(_ temporary: String, as target: String) throws(VarveError) {
        // The lowest first: with it, a file system with a journal writes those above, too.
        var changed = [FileSystem.parent(of: target)]
        do {
            do {
                try FileSystem.link(temporary, as: target)
            } catch let error where error.code == .notFound {
                changed += try FileSystem.makeMissingDirectories(changed[0])
                try FileSystem.link(temporary, as: target)
            }
        } catch let error where error.code == .exists {
            throw VarveError(.exists, "an object of that name is there already", at: target)
        } catch let error where error.code == .notFound {
            throw VarveError(
                .storage,
                "the file under \(ObjectStoreName.temporary)/ went away while it was "
                    + "written; let nothing else clean that directory and try again",
                at: target, cause: error)
        }
        for directory in changed { try FileSystem.synchronizeDirectory(directory) }
    }

    public func replace(_ name: String, _ bytes: [UInt8]) throws(VarveError) {
        let target = try filePath(name)
        let temporary = try writeTemporary(bytes, isDurable: false)
        var isRenamed = false
        defer { if !isRenamed { discard(temporary) } }
        do {
            try FileSystem.rename(temporary, to: target)
        } catch let error where error.code == .notFound {
            try FileSystem.makeDirectories(FileSystem.parent(of: target))
            try FileSystem.rename(temporary, to: target)
        }
        isRenamed = true
    }

    public func delete(_ name: String) throws(VarveError) {
        let target = try filePath(name)
        do {
            try FileSystem.remove(target)
        } catch let error where error.code == .notFound {
            throw VarveError(.notFound, "there is no such object", at: target, cause: error)
        } catch let error where error.systemError?.isDirectory == true {
            throw VarveError(.notFound, "there is no such object", at: target, cause: error)
        }
    }

    /// Writes bytes to a new temporary file.
    /// - Parameter isDurable: waits until they are durable.
    private func writeTemporary(
        _ bytes: [UInt8], isDurable: Bool
    ) throws(VarveError) -> String {
        let temporary = try makeTemporary()
        do {
            let file = temporary.file
            try file.write(bytes.raw)
            if isDurable { try file.synchronize() }
            try file.close()
        } catch {
            discard(temporary.path)
            throw error
        }
        return temporary.path
    }

    /// Makes an empty temporary file.
    func makeTemporary() throws(VarveError) -> TemporaryFile {
        let (sequence, isPrepared) = state.withLock { state in
            defer { state.sequence += 1 }
            return (state.sequence, state.isPrepared)
        }
        if !isPrepared {
            try FileSystem.makeDirectories(temporaryDirectory)
            state.withLock { $0.isPrepared = true }
            try removeStaleTemporaries()
        }
        let name = "\(temporaryDirectory)/\(token)-\(sequence)"
        do {
            return TemporaryFile(path: name, file: try FileDescriptor(creating: name))
        } catch let error where error.code == .notFound {
            try FileSystem.makeDirectories(temporaryDirectory)
            return TemporaryFile(path: name, file: try FileDescriptor(creating: name))
        }
    }

    /// Removes a temporary file. If that fails it stays until it is stale; nothing reads it.
    func discard(_ path: String) {
        do { try FileSystem.remove(path) } catch {}
    }

    /// Removes temporary files that have not changed for a day: what crashed writers left.
    public func removeStaleTemporaries() throws(VarveError) {
        let now = try now()
        for name in try FileSystem.names(in: temporaryDirectory) {
            let path = temporaryDirectory + "/" + name
            do {
                let metadata = try FileSystem.metadata(path)
                let isStale = now - metadata.modified > DirectoryStore.staleTemporaryAge
                if metadata.kind == .file, isStale { try FileSystem.remove(path) }
            } catch let error where error.code == .notFound {
                continue  // Its writer, or another cleaner, was faster.
            }
        }
    }

    /// Asks the file system for the time that it would stamp a file with.
    public func now() throws(VarveError) -> Int64 {
        let probe = try makeTemporary()
        let metadata: FileMetadata
        do {
            metadata = try probe.file.metadata()
        } catch {
            discard(probe.path)
            throw error
        }
        discard(probe.path)
        return metadata.modified
    }
}

/// A file under `temporary/` that is being written.
struct TemporaryFile: ~Copyable {
    let path: String
    let file: FileDescriptor

    consuming func takeFile() -> FileDescriptor { file }
}

// MARK: - Reading

extension DirectoryStore {
    private func open(_ name: String) throws(VarveError) -> FileDescriptor {
        let target = try filePath(name)
        do {
            return try FileDescriptor(reading: target)
        } catch let error where error.code == .notFound {
            throw VarveError(.notFound, "there is no such object", at: target, cause: error)
        }
    }

    public func read(_ name: String) throws(VarveError) -> [UInt8] {
        let file = try open(name)
        try check(try file.metadata(), file.path)
        return try file.readAll()
    }

    public func read(
        _ name: String, _ range: Range<Int>, into output: inout ByteWriter
    ) throws(VarveError) {
        let file = try open(name)
        let before = output.count
        // Take no memory for bytes that are not there.
        let metadata = try file.metadata()
        try check(metadata, file.path)
        guard range.lowerBound >= 0, range.upperBound <= metadata.size else {
            throw .objectTooShort(file.path, size: metadata.size, range)
        }
        let count = try file.read(at: range.lowerBound, count: range.count, into: &output)
        if count != range.count {
            output.truncate(to: before)
            throw .objectTooShort(file.path, size: range.lowerBound + count, range)
        }
    }

    public func metadata(_ name: String) throws(VarveError) -> ObjectMetadata {
        let target = try filePath(name)
        do {
            let metadata = try FileSystem.metadata(target)
            try check(metadata, target)
            return ObjectMetadata(size: metadata.size, modified: metadata.modified)
        } catch let error where error.code == .notFound {
            throw VarveError(.notFound, "there is no such object", at: target, cause: error)
        }
    }

    private func check(_ metadata: FileMetadata, _ path: String) throws(VarveError) {
        if metadata.kind == .file { return }
        throw VarveError(.notFound, "there is no such object", at: path)
    }
}
