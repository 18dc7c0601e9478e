#if canImport(Glibc)
    internal import Glibc
#endif

/// A system call that failed: its name and its error number.
public struct SystemError: Error, Sendable, Hashable, CustomStringConvertible {
    public let call: String
    /// The value of `errno`.
    public let number: Int32

    public init(call: String, number: Int32) {
        self.call = call
        self.number = number
    }

    public var description: String {
        let text = unsafe strerror(number).map { unsafe String(cString: $0) }
        return "\(call): \(text ?? "error \(number)")"
    }

    /// Whether nothing of that name is there (ENOENT, ENOTDIR).
    public var isNotFound: Bool { number == ENOENT || number == ENOTDIR }
    /// Whether a file was expected and a directory is there (EISDIR).
    public var isDirectory: Bool { number == EISDIR }
    /// Whether the name is taken (EEXIST).
    public var isExists: Bool { number == EEXIST }
}

extension VarveError {
    /// The error of a failed system call on `path`: `notFound`, `exists`, or `storage` with a
    /// message that says what to do.
    public init(_ error: SystemError, at path: String) {
        switch error.number {
        case ENOENT, ENOTDIR:
            self.init(.notFound, "there is no such file or directory", at: path, cause: error)
        case EEXIST:
            self.init(.exists, "a file of that name is there already", at: path, cause: error)
        default:
            self.init(.storage, VarveError.advice(error), at: path, cause: error)
        }
    }

    private static func advice(_ error: SystemError) -> String {
        switch error.number {
        case ENOSPC: "the disk is full; free some space and try again"
        case EDQUOT: "the disk quota is used up; free some space and try again"
        case EFBIG: "the file grows beyond what the file system or ulimit allows"
        case EACCES, EPERM:
            error.call == "link"
                ? "hard links are not allowed here; use a file system that has them"
                : "permission denied; check the owner and the mode of the file and its directories"
        case EROFS: "the file system is mounted read-only"
        case EIO: "the disk failed to read or write; check the system's log and the disk"
        case EMFILE, ENFILE: "too many files are open; raise the limit (ulimit -n)"
        case EXDEV: "the two names lie on different file systems; keep a repository on one"
        case EMLINK, EOPNOTSUPP, ENOSYS:
            "the file system lacks what is needed; use one with hard links, such as ext4 or xfs"
        case EISDIR: "it is a directory, not a file"
        case ENOTEMPTY: "the directory is not empty"
        case ENAMETOOLONG: "the path is too long"
        case ELOOP: "too many symbolic links"
        case ENOMEM: "the system has no memory left"
        case EPIPE: "whoever reads the output has gone away"
        default: "the file system failed"
        }
    }

    /// The system call behind this error, if there is one.
    public var systemError: SystemError? { cause as? SystemError }
}
