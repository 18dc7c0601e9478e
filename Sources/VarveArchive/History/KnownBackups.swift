import Synchronization
import VarveBytes
import VarveFormat
import VarveStorage

/// Backups that were read before: their records never change, so each is read once, however often
/// the history of its table is. Every time they are listed, so that forgotten ones are gone.
///
/// Memory: some 500 bytes a backup. Sendable: its state is behind a lock.
final class KnownBackups: Sendable {
    private struct Known {
        let metadata: ObjectMetadata
        let record: BackupRecord
    }

    /// What became of one that was listed.
    private enum Reading: Sendable {
        case record(ObjectEntry, BackupRecord)
        /// It was forgotten since it was listed.
        case gone
        case damaged(VarveError)
    }

    /// Backups that one thread reads at a time. Less is not worth a thread.
    private static let partCount = 64
    /// Threads that read: they wait for the store more than they work.
    private static let threadCount = 8

    private let known = Mutex<[TableID: [String: Known]]>([:])

    /// The backups of a table, in no order, and what is wrong with others.
    /// - Parameter isConcurrent: read on several threads.
    /// - Complexity: one listing, and one read for each backup that has come since the last time.
    func read(
        of id: TableID, in store: any ObjectStore, isConcurrent: Bool
    ) throws(VarveError) -> (records: [BackupRecord], damage: [VarveError]) {
        let before = known.withLock { $0[id] ?? [:] }
        var now: [String: Known] = [:]
        var records: [BackupRecord] = []
        var unread: [ObjectEntry] = []
        for entry in try store.list(ObjectName.backupsPrefix(of: id)) {
            guard case .backup? = ObjectName(path: entry.name) else { continue }
            if let old = before[entry.name], old.metadata == entry.metadata {
                now[entry.name] = old
                records.append(old.record)
            } else {
                unread.append(entry)
            }
        }
        var damage: [VarveError] = []
        var next = 0
        let threads = isConcurrent && unread.count > Self.partCount ? Self.threadCount : 1
        try Workers(count: threads).orderedMap(
            next: { () throws(VarveError) -> ArraySlice<ObjectEntry>? in
                if next == unread.count { return nil }
                let part = unread[next..<min(next + Self.partCount, unread.count)]
                next = part.endIndex
                return part
            },
            transform: { (part) throws(VarveError) -> [Reading] in
                part.map { Self.read($0, of: id, in: store) }
            },
            consume: { (readings) throws(VarveError) in
                for reading in readings {
                    switch reading {
                    case .record(let entry, let record):
                        now[entry.name] = Known(metadata: entry.metadata, record: record)
                        records.append(record)
                    case .gone: break
                    case .damaged(let error): damage.append(error)
                    }
                }
            })
        let found = now
        known.withLock { $0[id] = found }
        return (records, damage)
    }

    private static func read(
        _ entry: ObjectEntry, of id: TableID, in store: any ObjectStore
    ) -> Reading {
        do throws(VarveError) {
            guard let bytes = try store.readIfPresent(entry.name) else { return .gone }
            let record = try BackupRecord(sealed: bytes, name: entry.name)
            if ObjectName.backup(id, record.id).path != entry.name {
                throw VarveError(.damaged, "the backup has another id", at: entry.name)
            }
            return .record(entry, record)
        } catch {
            return .damaged(error.location == nil ? error.located(in: entry.name) : error)
        }
    }
}
