#if canImport(Glibc)
    internal import Glibc
#endif

/// What the file system knows of a file.
public struct FileMetadata: Hashable, Sendable {
    public enum Kind: Sendable { case file, directory, other }

    public let kind: Kind
    /// Bytes.
    public let size: Int
    /// Time of the last change of the contents, in microseconds since 1970, by the file system.
    public let modified: Int64
    /// Together they tell a file from any other.
    fileprivate let device: UInt64
    fileprivate let number: UInt64

    init(_ status: stat) {
        switch status.st_mode & S_IFMT {
        case S_IFREG: kind = .file
        case S_IFDIR: kind = .directory
        default: kind = .other
        }
        size = Int(status.st_size)
        device = UInt64(status.st_dev)
        number = UInt64(status.st_ino)
        modified = Int64(status.st_mtim.tv_sec) * 1_000_000 + Int64(status.st_mtim.tv_nsec / 1000)
    }
}

/// Calls on paths. All throw `notFound`, `exists` or `storage`; links are followed.
public enum FileSystem {
    private static func check(
        _ result: Int32, _ call: String, _ path: String
    ) throws(VarveError) {
        if result != 0 { throw VarveError(SystemError(call: call, number: errno), at: path) }
    }

    public static func metadata(_ path: String) throws(VarveError) -> FileMetadata {
        var status = Glibc.stat()
        try check(unsafe stat(path, &status), "stat", path)
        return FileMetadata(status)
    }

    /// Names in a directory, without `.` and `..`, in no order. Names that are not UTF-8 are left
    /// out: nothing of Varve's has such a name.
    public static func names(in directory: String) throws(VarveError) -> [String] {
        guard let stream = unsafe opendir(directory) else {
            throw VarveError(SystemError(call: "opendir", number: errno), at: directory)
        }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = unsafe readdir(stream) else {
                if errno == 0 { return names }
                throw VarveError(SystemError(call: "readdir", number: errno), at: directory)
            }
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                unsafe tuple.withMemoryRebound(to: CChar.self, capacity: 256) { characters in
                    unsafe String(validatingCString: characters)
                }
            }
            if let name, name != ".", name != ".." { names.append(name) }
        }
    }

    /// Makes one directory. It is durable once its parent is synchronized.
    public static func makeDirectory(
        _ path: String, mode: UInt32 = 0o755
    ) throws(VarveError) {
        try check(unsafe mkdir(path, mode_t(mode)), "mkdir", path)
    }

    /// Makes a directory and those above it that are missing, each durable when this returns. That
    /// it is there already is not an error.
    public static func makeDirectories(_ path: String) throws(VarveError) {
        for directory in try makeMissingDirectories(path) {
            try synchronizeDirectory(directory)
        }
    }

    /// Makes a directory and those above it that are missing. That it is there already is not an
    /// error.
    /// - Returns: the directories that have a new entry, the lowest first: what was made is
    ///   durable once they are synchronized.
    public static func makeMissingDirectories(_ path: String) throws(VarveError) -> [String] {
        let above = parent(of: path)
        var changed: [String] = []
        do {
            try makeDirectory(path)
        } catch let error where error.code == .exists {
            guard try metadata(path).kind == .directory else { throw error }
            return []
        } catch let error where error.code == .notFound {
            if above == path { throw error }
            changed = try makeMissingDirectories(above)
            do {
                try makeDirectory(path)
            } catch let error where error.code == .exists {
                return changed
            }
        }
        return [above] + changed
    }

    /// Makes the entries of a directory durable.
    public static func synchronizeDirectory(_ path: String) throws(VarveError) {
        try FileDescriptor(reading: path).synchronize()
    }

    /// Gives a file a second name, unless that is taken: then `exists`.
    public static func link(_ path: String, as newPath: String) throws(VarveError) {
        try check(unsafe Glibc.link(path, newPath), "link", newPath)
    }

    /// Renames a file; one that had the new name is replaced.
    public static func rename(_ path: String, to newPath: String) throws(VarveError) {
        try check(unsafe Glibc.rename(path, newPath), "rename", newPath)
    }

    /// Removes a file.
    public static func remove(_ path: String) throws(VarveError) {
        try check(unsafe unlink(path), "unlink", path)
    }

    /// Removes an empty directory.
    public static func removeDirectory(_ path: String) throws(VarveError) {
        try check(unsafe rmdir(path), "rmdir", path)
    }

    /// Removes a directory and all in it. Links are removed, not followed.
    public static func removeTree(_ path: String) throws(VarveError) {
        for name in try names(in: path) {
            let inner = path + "/" + name
            if unsafe unlink(inner) != 0 {
                guard errno == EISDIR || errno == EPERM else {
                    throw VarveError(SystemError(call: "unlink", number: errno), at: inner)
                }
                try removeTree(inner)
            }
        }
        try removeDirectory(path)
    }

    /// Makes a new directory under the system's directory for temporary files.
    /// - Parameter prefix: how its name begins.
    public static func makeTemporaryDirectory(prefix: String) throws(VarveError) -> String {
        let base = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
        let value = UInt64.random(in: 0 ... .max)
        let path = "\(base)/\(prefix)-\(String(value, radix: 16))"
        try makeDirectory(path, mode: 0o700)
        return path
    }

    /// Whether two paths lead to the same file or directory.
    public static func isSame(_ one: String, _ other: String) -> Bool {
        if one == other { return true }
        guard let first = try? metadata(one), let second = try? metadata(other) else {
            return false
        }
        return first.device == second.device && first.number == second.number
    }

    /// The path up to its last component: `.` for a name alone, `/` for the root.
    public static func parent(of path: String) -> String {
        var trimmed = path[...]
        while trimmed.count > 1, trimmed.last == "/" { trimmed.removeLast() }
        guard let slash = trimmed.lastIndex(of: "/") else { return "." }
        while trimmed.endIndex > slash { trimmed.removeLast() }
        while trimmed.count > 1, trimmed.last == "/" { trimmed.removeLast() }
        return trimmed.isEmpty ? "/" : String(trimmed)
    }
}
