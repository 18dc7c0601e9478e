import VarveBytes
import VarveFormat
import VarveStorage

// States that were given up before a replica was at hand: those of backups come back.

extension RepositoryRepair {
    /// Brings back the states of backups that the layouts here no longer tell of and a replica
    /// has, each as an image. Seconds between them do not come back so. Source: Spec 11, Repair.
    func bringBackStates(_ repository: Repository) throws {
        guard let other, isReplica(of: repository.configuration.id) else { return }
        for (id, record) in try repository.catalog(for: .reading).tables {
            let states = NamedStates(repository: repository, id: id, record: record)
            let before = try other.history(id, record, for: .reading)
            var failed: Set<BackupID> = []
            while true {
                try checkStop()
                let now = try repository.history(id, record, for: .reading)
                // What is not laid out anew may have more to lose than a state.
                guard now.damage.isEmpty, now.layout != nil, lostParts[id] == nil else { break }
                let lost = try now.backups.first { backup in
                    try !failed.contains(backup.id) && !now.tells(ofStateAt: backup.instant)
                        && has(backup, before, other) && now.hasRoom(for: backup)
                }
                guard let lost else { break }
                do {
                    let isFirst = try states.publish(
                        lost, of: before, beside: now, from: other, closesEnd: true)
                    if isFirst {
                        note(
                            .laidOutTable, "table \(record.name)",
                            "with the state of backup \(lost.name), taken from "
                                + other.store.location)
                        continue
                    }
                } catch let error as VarveError {
                    guard [.damaged, .proofFailed, .refused].contains(error.code) else {
                        throw error
                    }
                }
                failed.insert(lost.id)
            }
            let now = try repository.history(id, record, for: .reading)
            if now.damage.isEmpty, let layout = now.layout, layout.number == now.layoutNumber {
                try LayoutWriter.clean(repository, id, layout.number, layout.nextSequence)
            }
        }
    }

    /// Whether the replica can put a state together.
    private func has(
        _ backup: BackupRecord, _ history: TableHistory, _ other: Repository
    ) throws -> Bool {
        guard try history.tells(of: backup) else { return false }
        return try other.missingPage(in: history.plan(of: backup), .indexPages) == nil
    }
}

extension TableHistory {
    /// Whether a state may come into the layout: it does not lie in or behind commits that go on
    /// from the layout's end.
    fileprivate func hasRoom(for backup: BackupRecord) -> Bool {
        let time = backup.instant.microseconds
        return commits.allSatisfy { $0.logical.beginsRange || $0.logical.from >= time }
    }
}
