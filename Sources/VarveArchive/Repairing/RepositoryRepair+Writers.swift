import VarveBytes
import VarveFormat
import VarveStorage

// Other writers: what they are about to name would look like what nothing names.

extension RepositoryRepair {
    /// - Throws: `refused` if another writer is at work, or may be.
    func checkAlone() throws {
        let writers = try writersAtWork()
        if writers.isEmpty { return }
        throw VarveError(
            .refused,
            "something else writes into the repository, or did so when it was cut off: "
                + writers.joined(separator: "; ")
                + ". Stop it, or wait until it has ended, and run this again; if you know that "
                + "it is gone, use --force", at: store.location)
    }

    /// Those whose intent or lease is live, unless their process is known to be gone.
    private func writersAtWork() throws -> [String] {
        let now = try store.now()
        var found: [String] = []
        for entry in try store.list(ObjectName.intentsPrefix) {
            guard case .intent? = ObjectName(path: entry.name),
                now - entry.modified < Intent.lifetime,
                let bytes = try store.readIfPresent(entry.name)
            else { continue }
            // One that cannot be read still says that it was written not long ago.
            guard let intent = try? IntentRecord(sealed: bytes, name: entry.name) else {
                found.append("a writer whose intent cannot be read (\(entry.name))")
                continue
            }
            if WriterProcess.isGone(intent.process, seenFrom: environment.writer) { continue }
            found.append(
                "\(intent.purpose), process \(intent.process), last heard of at "
                    + Self.secondText(entry.modified))
        }
        for entry in try store.list(ObjectName.tablesPrefix) {
            guard case .lease(let id)? = ObjectName(path: entry.name),
                let bytes = try store.readIfPresent(entry.name),
                let lease = try? LeaseRecord(sealed: bytes, name: entry.name),
                !lease.hasEnded(now, seenFrom: environment.writer)
            else { continue }
            found.append(
                "a recorder of table \(title(of: id)), process \(lease.process), last heard of at "
                    + Self.secondText(lease.written))
        }
        return found
    }

    private static func secondText(_ time: Int64) -> String {
        Instant.text(time - time % 1_000_000)
    }
}
