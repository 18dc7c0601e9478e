import VarveBytes
import VarveFormat
import VarveStorage

/// Says that a table is being recorded, so that a second recorder does not start in vain. It
/// protects nothing: the name of the next commit does. Source: Spec 09, Lease.
final class RecorderLease {
    /// How long it is meant to last; seconds.
    static let seconds: UInt64 = 20

    private let repository: Repository
    private let name: String
    private var record: LeaseRecord
    /// When it was written last, by this machine's clock; microseconds.
    private var refreshed: Int64

    /// Takes the lease.
    /// - Throws: `conflict` if another recorder has it.
    init(_ repository: Repository, _ table: TableID, _ tableName: String) throws {
        self.repository = repository
        name = ObjectName.lease(table).path
        let now = try repository.store.now()
        // One that cannot be read is nobody's: it protects nothing.
        if let bytes = try repository.store.readIfPresent(name),
            let other = try? LeaseRecord(sealed: bytes, name: name),
            !other.hasEnded(now, seenFrom: repository.environment.writer)
        {
            throw VarveError(
                .conflict,
                "table \(tableName) is being recorded by another process (\(other.process)); "
                    + "stop it, or wait \(other.seconds) seconds if it is gone")
        }
        record = LeaseRecord(
            holder: repository.environment.randomID(), written: now, seconds: Self.seconds,
            process: repository.environment.writer)
        refreshed = repository.now()
        try repository.store.replace(name, try record.seal())
    }

    func refreshIfDue() throws {
        let now = repository.now()
        let age = now - refreshed
        if age >= 0, age < Int64(Self.seconds) * 500_000 { return }
        refreshed = now
        record.written = try repository.store.now()
        try repository.store.replace(name, try record.seal())
    }

    /// Gives it back, unless another has taken it.
    func end() throws {
        guard let bytes = try repository.store.readIfPresent(name),
            let found = try? LeaseRecord(sealed: bytes, name: name),
            found.holder == record.holder
        else { return }
        try repository.store.deleteIfPresent(name)
    }
}

extension LeaseRecord {
    /// Whether it has run out, or its process is known to be gone.
    /// - Parameter now: by the store's clock, microseconds.
    func hasEnded(_ now: Int64, seenFrom own: String) -> Bool {
        let age = now - written
        if age < 0 || age / 1_000_000 >= min(seconds, 86_400) { return true }
        return WriterProcess.isGone(process, seenFrom: own)
    }
}
