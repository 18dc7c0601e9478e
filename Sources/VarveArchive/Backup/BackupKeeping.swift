public import VarveBytes
public import VarveFormat
import VarveStorage

extension Repository {
    /// Gives a checkpoint a name and a retention. Constant time; copies nothing.
    ///
    /// - Parameters:
    ///   - keepUntil: microseconds since 1970; nil: until deleted.
    ///   - arn: the backup's; empty makes one of the table's ARN, if it has one.
    public func makeBackup(
        _ history: TableHistory, name: String, checkpoint: Checkpoint, commitSequence: UInt64,
        commitHash: Hash256, keepUntil: Int64?, arn: String = "", source: String
    ) throws(VarveError) -> BackupRecord {
        guard TableName.isValid(name) else {
            throw VarveError(
                .invalidInput,
                "a backup's name has 1 to 255 letters, digits, '_', '.' and '-', and is not '.' or "
                    + "'..'; this one is '\(name)'")
        }
        let created = now()
        let id: BackupID = environment.randomID()
        var backupARN = arn
        if backupARN.isEmpty, !history.record.arn.isEmpty {
            let stamp = String(created / 1_000)
            let padded = String(repeating: "0", count: max(0, 14 - stamp.count)) + stamp
            backupARN = "\(history.record.arn)/backup/\(padded)-\(id.description.prefix(8))"
        }
        let record = BackupRecord(
            id: id, name: name, arn: backupARN, kind: .user, created: created,
            instant: checkpoint.instant, keepUntil: keepUntil, commitSequence: commitSequence,
            commitHash: commitHash, digest: checkpoint.digest, items: checkpoint.items,
            bytes: checkpoint.bytes, source: source)
        let path = ObjectName.backup(history.id, id).path
        let sealed = try record.seal()
        // So that no record of a lost state stays if this process dies before it looks again.
        try checkTold(record, history)
        do throws(VarveError) {
            try store.create(path, sealed)
            try NamedStates(repository: self, id: history.id, record: history.record)
                .holdAgainstDrops()
            try checkTold(record, history)
        } catch {
            try takeBack(record, path, error)
        }
        return record
    }

    /// A failure was told, or is about to be: then there is no backup, also if it was the
    /// acknowledgement alone that failed. Source: Spec 11, Order of writing.
    private func takeBack(
        _ record: BackupRecord, _ path: String, _ error: VarveError
    ) throws(VarveError) -> Never {
        // Then it is another's.
        if error.code == .exists { throw error }
        do throws(VarveError) {
            try store.deleteIfPresent(path)
        } catch let second {
            throw VarveError(
                second.code,
                "\(error.message); backup \(record.name) may be there all the same, with the id "
                    + "\(record.id.description.prefix(8)), and could not be deleted "
                    + "(\(second.message)): look at 'varve backups', and forget it",
                at: error.location, cause: error)
        }
        throw error
    }

    /// The state of a backup must still be there. After its record was created: a collector that
    /// did not see it has published its layout before now, or said that it is about to.
    private func checkTold(_ backup: BackupRecord, _ history: TableHistory) throws(VarveError) {
        if try newestLayout(of: history.id) == history.layoutNumber { return }
        let now = try self.history(history.id, history.record)
        if try now.tells(ofStateAt: backup.instant) { return }
        throw VarveError(
            .conflict, "the state at \(backup.instant) was pruned meanwhile; run this again")
    }

    /// The backups of a table that are past the time until which they were to be kept.
    /// - Parameter now: microseconds since 1970.
    public func expiredBackups(_ history: TableHistory, now: Int64) -> [BackupRecord] {
        history.backups.filter { backup in backup.keepUntil.map { $0 < now } ?? false }
    }

    /// Deletes backups. Their pages stay until `prune`.
    public func forget(_ table: TableID, _ backups: [BackupRecord]) throws(VarveError) {
        for backup in backups {
            try store.deleteIfPresent(ObjectName.backup(table, backup.id).path)
        }
    }
}
