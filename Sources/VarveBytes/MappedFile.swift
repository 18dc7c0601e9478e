#if canImport(Glibc)
    internal import Glibc
#endif

/// A file of words of 64 bits that is read and written in place, or the same in memory alone.
///
/// Pages of it are the system's cache, not the process's memory: a large map may be used by a
/// process with little. What is stored survives the end of the process at once, and a crash of the
/// machine after `synchronize`. One process at a time has it open.
///
/// Invariant: `base` points to `count` words of memory that only this value maps, until it ends.
@safe
public struct MappedFile: ~Copyable, @unchecked Sendable {
    // Sendable: the mapping is owned by this value alone and moves with it.
    private let base: UnsafeMutablePointer<UInt64>
    /// Words.
    public let count: Int
    /// Open and locked as long as the value lives; -1 without a file.
    private let raw: Int32
    /// Where the file is; empty without one.
    public let path: String

    private init(base: UnsafeMutablePointer<UInt64>, count: Int, raw: Int32, path: String) {
        unsafe self.base = unsafe base
        self.count = count
        self.raw = raw
        self.path = path
    }

    deinit {
        _ = unsafe munmap(base, count * 8)
        if raw >= 0 { _ = Glibc.close(raw) }
    }

    /// Words in memory alone, all zero.
    /// - Throws: `storage` if the system has not so much memory.
    public static func anonymous(words count: Int) throws(VarveError) -> MappedFile {
        precondition(count > 0)
        let base = try unsafe map(count, MAP_PRIVATE | MAP_ANONYMOUS, -1, "memory")
        return unsafe MappedFile(base: base, count: count, raw: -1, path: "")
    }

    /// Makes a file of words that are all zero; what the file held is lost. Its space is taken at
    /// once: a full disk is reported here, not later by a signal.
    /// - Throws: `conflict` if it is open already; `storage`.
    public static func create(_ path: String, words count: Int) throws(VarveError) -> MappedFile {
        precondition(count > 0)
        let raw = try open(path, O_RDWR | O_CREAT)
        guard ftruncate(raw, 0) == 0, allocate(raw, count * 8) else {
            throw abandon(raw, "fallocate", path)
        }
        return try mapped(raw, count, path)
    }

    /// Opens a file.
    /// - Throws: `notFound`; `conflict` if it is open already; `damaged` if its size is no number
    ///   of words; `storage`.
    public static func open(_ path: String) throws(VarveError) -> MappedFile {
        let raw = try open(path, O_RDWR)
        var status = stat()
        guard unsafe fstat(raw, &status) == 0 else { throw abandon(raw, "fstat", path) }
        let size = Int(status.st_size)
        if size == 0 || size % 8 != 0 {
            _ = Glibc.close(raw)
            throw VarveError(.damaged, "the file's size is no number of words", at: path)
        }
        return try mapped(raw, size / 8, path)
    }

    // MARK: Words

    /// The word at `index`, bounds checked.
    @inlinable
    public subscript(index: Int) -> UInt64 {
        get { load(index) }
        nonmutating set { store(index, newValue) }
    }

    @usableFromInline
    func load(_ index: Int) -> UInt64 {
        precondition(index >= 0 && index < count)
        return unsafe base[index]
    }

    @usableFromInline
    func store(_ index: Int, _ value: UInt64) {
        precondition(index >= 0 && index < count)
        unsafe base[index] = value
    }

    /// Waits until all that was stored survives a crash of the machine.
    public func synchronize() throws(VarveError) {
        if raw < 0 { return }
        if unsafe msync(base, count * 8, MS_SYNC) != 0 {
            throw VarveError(SystemError(call: "msync", number: errno), at: path)
        }
        if fsync(raw) != 0 {
            throw VarveError(SystemError(call: "fsync", number: errno), at: path)
        }
    }

    // MARK: Calls

    private static func open(_ path: String, _ flags: Int32) throws(VarveError) -> Int32 {
        let raw = unsafe Glibc.open(path, flags | O_CLOEXEC, mode_t(0o600))
        guard raw >= 0 else {
            throw VarveError(SystemError(call: "open", number: errno), at: path)
        }
        if flock(raw, LOCK_EX | LOCK_NB) == 0 { return raw }
        let isTaken = errno == EWOULDBLOCK
        let error = abandon(raw, "flock", path)
        if !isTaken { throw error }
        throw VarveError(.conflict, "another process has this file open", at: path)
    }

    private static func abandon(_ raw: Int32, _ call: String, _ path: String) -> VarveError {
        let error = SystemError(call: call, number: errno)
        _ = Glibc.close(raw)
        return VarveError(error, at: path)
    }

    private static func allocate(_ raw: Int32, _ size: Int) -> Bool {
        let number = posix_fallocate(raw, 0, off_t(size))
        if number != 0 { errno = number }
        return number == 0
    }

    private static func mapped(
        _ raw: Int32, _ count: Int, _ path: String
    ) throws(VarveError) -> MappedFile {
        do throws(VarveError) {
            let base = try unsafe map(count, MAP_SHARED, raw, path)
            return unsafe MappedFile(base: base, count: count, raw: raw, path: path)
        } catch {
            _ = Glibc.close(raw)
            throw error
        }
    }

    private static func map(
        _ count: Int, _ flags: Int32, _ raw: Int32, _ path: String
    ) throws(VarveError) -> UnsafeMutablePointer<UInt64> {
        let result = unsafe mmap(nil, count * 8, PROT_READ | PROT_WRITE, flags, raw, 0)
        guard let result = unsafe result, unsafe result != MAP_FAILED else {
            throw VarveError(SystemError(call: "mmap", number: errno), at: path)
        }
        // Keys fall anywhere: reading ahead would only push other pages out.
        _ = unsafe madvise(result, count * 8, MADV_RANDOM)
        return unsafe result.bindMemory(to: UInt64.self, capacity: count)
    }
}

extension CurrentProcess {
    /// Which start of the machine this is, 16 bytes as two words; nil if the system does not tell.
    public static var bootIdentifier: (UInt64, UInt64)? {
        guard let file = try? FileDescriptor(reading: "/proc/sys/kernel/random/boot_id") else {
            return nil
        }
        var bytes = ByteWriter(capacity: 64)
        guard let count = try? file.read(into: &bytes, atMost: 64), count >= 36 else { return nil }
        var digits: [UInt64] = []
        for index in 0..<36 {
            switch bytes.bytes.byte(at: index) {
            case let byte where byte >= 0x30 && byte <= 0x39: digits.append(UInt64(byte - 0x30))
            case let byte where byte >= 0x61 && byte <= 0x66: digits.append(UInt64(byte - 0x57))
            default: continue
            }
        }
        guard digits.count == 32 else { return nil }
        return (
            digits[..<16].reduce(0) { $0 << 4 | $1 }, digits[16...].reduce(0) { $0 << 4 | $1 }
        )
    }
}

extension CurrentProcess {
    /// Whether a process of this number is alive on this machine.
    public static func isAlive(_ identifier: Int32) -> Bool {
        identifier > 0 && (kill(identifier, 0) == 0 || errno == EPERM)
    }
}
