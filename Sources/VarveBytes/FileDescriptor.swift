internal import CGlibc
#if canImport(Glibc)
    internal import Glibc
#endif

/// An open file, closed when the value ends: the one place that reads and writes files.
///
/// Calls that a signal interrupts are repeated. Positions beyond 2^63 − 1 do not occur.
public struct FileDescriptor: ~Copyable, Sendable {
    private let raw: Int32
    private var isOwned: Bool
    /// The path it was opened by, for messages.
    public let path: String

    private init(raw: Int32, isOwned: Bool, path: String) {
        self.raw = raw
        self.isOwned = isOwned
        self.path = path
    }

    deinit {
        if isOwned { _ = Glibc.close(raw) }
    }

    private init(path: String, flags: Int32, mode: UInt32) throws(VarveError) {
        let result = repeating { unsafe open(path, flags | O_CLOEXEC, mode_t(mode)) }
        guard result >= 0 else {
            throw VarveError(SystemError(call: "open", number: errno), at: path)
        }
        self.init(raw: result, isOwned: true, path: path)
    }

    /// Opens a file for reading.
    /// - Throws: `notFound`, or `storage`.
    public init(reading path: String) throws(VarveError) {
        try self.init(path: path, flags: O_RDONLY, mode: 0)
    }

    /// Makes a new file for writing.
    /// - Throws: `exists` if something of that name is there; `notFound` if its directory is not.
    public init(creating path: String, mode: UInt32 = 0o644) throws(VarveError) {
        try self.init(path: path, flags: O_RDWR | O_CREAT | O_EXCL, mode: mode)
    }

    /// Opens a file for writing, made if missing; what it held is lost.
    public init(overwriting path: String, mode: UInt32 = 0o644) throws(VarveError) {
        try self.init(path: path, flags: O_RDWR | O_CREAT | O_TRUNC, mode: mode)
    }

    /// Opens a file whose end is written to, made if missing; what it holds stays.
    public init(appending path: String, mode: UInt32 = 0o644) throws(VarveError) {
        try self.init(path: path, flags: O_WRONLY | O_CREAT | O_APPEND, mode: mode)
    }

    /// The process's standard input; it stays open when the value ends.
    public static var standardInput: FileDescriptor {
        FileDescriptor(raw: 0, isOwned: false, path: "standard input")
    }
    /// The process's standard output; it stays open when the value ends.
    public static var standardOutput: FileDescriptor {
        FileDescriptor(raw: 1, isOwned: false, path: "standard output")
    }
    /// The process's standard error; it stays open when the value ends.
    public static var standardError: FileDescriptor {
        FileDescriptor(raw: 2, isOwned: false, path: "standard error")
    }

    /// Whether a person sits at the other end.
    public var isTerminal: Bool { isatty(raw) == 1 }

    private func failure(_ call: String) -> VarveError {
        VarveError(SystemError(call: call, number: errno), at: path)
    }

    /// Closes the file and reports what the system noticed only now (a full disk over NFS).
    public consuming func close() throws(VarveError) {
        guard isOwned else { return }
        isOwned = false
        // After EINTR Linux has closed the descriptor: a second call could close another's.
        if Glibc.close(raw) != 0, errno != EINTR { throw failure("close") }
    }
}

// MARK: - Reading

extension FileDescriptor {
    /// Appends up to `limit` bytes from the current position, as many as come at once.
    /// - Returns: how many; 0 only at the end of the file (or if `limit` is 0).
    public func read(into output: inout ByteWriter, atMost limit: Int) throws(VarveError) -> Int {
        precondition(limit >= 0)
        let count = unsafe output.appendUninitialized(atMost: limit) { target in
            repeating { unsafe Glibc.read(raw, target, limit) }
        }
        if count < 0 { throw failure("read") }
        return count
    }

    /// Appends the `count` bytes from `offset` on, fewer only where the file ends. The current
    /// position stays; several threads may call it at once.
    /// - Returns: how many.
    public func read(
        at offset: Int, count: Int, into output: inout ByteWriter
    ) throws(VarveError) -> Int {
        precondition(offset >= 0 && count >= 0)
        var failed = false
        let total = unsafe output.appendUninitialized(atMost: count) { target in
            let (got, ok) = unsafe readFully(raw, target, count, offset)
            failed = !ok
            return got
        }
        if failed {
            let error = failure("pread")
            output.truncate(to: output.count - total)
            throw error
        }
        return total
    }

    /// The whole file. For objects and small files: the bytes are taken at once.
    public func readAll() throws(VarveError) -> [UInt8] {
        let size = try metadata().size
        var failed = false
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: size) { target, initialized in
            guard let base = target.baseAddress else { return }
            let (got, ok) = unsafe readFully(raw, UnsafeMutableRawPointer(base), size, 0)
            failed = !ok
            initialized = got
        }
        if failed { throw failure("pread") }
        return bytes
    }
}

extension FileDescriptor {
    /// Whether a read would return at once: bytes are there, or the end is.
    /// - Parameter milliseconds: how long to wait for that.
    public func isReadable(withinMilliseconds milliseconds: Int32 = 0) -> Bool {
        var request = pollfd(fd: raw, events: Int16(POLLIN), revents: 0)
        return repeating { unsafe poll(&request, 1, milliseconds) } > 0
    }

    /// Sets the position from which the next read goes on; of regular files.
    public func seek(to offset: Int) throws(VarveError) {
        precondition(offset >= 0)
        if lseek(raw, off_t(offset), SEEK_SET) < 0 { throw failure("lseek") }
    }
}

/// Reads until `count` bytes are there or the file ends; false if a call failed.
private func readFully(
    _ raw: Int32, _ target: UnsafeMutableRawPointer, _ count: Int, _ offset: Int
) -> (count: Int, ok: Bool) {
    var total = 0
    while total < count {
        let part = repeating {
            unsafe pread(raw, target + total, count - total, offset + total)
        }
        if part < 0 { return (total, false) }
        if part == 0 { break }
        total += part
    }
    return (total, true)
}

// MARK: - Writing

extension FileDescriptor {
    /// Writes all bytes at the current position.
    /// - Throws: `storage`; then a part may have been written.
    public func write(_ bytes: RawSpan) throws(VarveError) {
        let ok = unsafe bytes.withUnsafeBytes { source in
            guard let base = source.baseAddress else { return true }
            var total = 0
            while total < source.count {
                let part = repeating {
                    unsafe Glibc.write(raw, base + total, source.count - total)
                }
                if part < 0 { return false }
                total += part
            }
            return true
        }
        if !ok { throw failure("write") }
    }

    /// Asks the system to begin writing a part of the file to its disk, without waiting, so that
    /// `synchronize` has less to wait for. A system that cannot does nothing.
    public func beginSynchronizing(from offset: Int, count: Int) {
        varve_begin_writing(raw, Int64(offset), Int64(count))
    }

    /// Waits until what was written survives a crash of the machine.
    public func synchronize() throws(VarveError) {
        if repeating({ fsync(raw) }) != 0 { throw failure("fsync") }
    }

    /// What kind of file it is, its size and when it changed.
    public func metadata() throws(VarveError) -> FileMetadata {
        var status = stat()
        if unsafe fstat(raw, &status) != 0 { throw failure("fstat") }
        return FileMetadata(status)
    }
}

/// Calls again while a signal interrupts.
private func repeating<Result: SignedInteger>(_ call: () -> Result) -> Result {
    while true {
        let result = call()
        if result >= 0 || errno != EINTR { return result }
    }
}
