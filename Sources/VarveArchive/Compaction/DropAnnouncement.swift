import VarveBytes
import VarveFormat
import VarveStorage

/// Who publishes a layout that tells of fewer states says so before, by an intent, and then looks
/// for new backups; who names a recorded state creates its record, and then looks for such intents.
/// So one of the two sees the other before anything is dropped, and it does not matter who of them
/// dies. Source: Spec 11, Collection.
struct DropAnnouncement {
    let repository: Repository
    let id: TableID
    let record: TableRecord

    /// What the intent says.
    private var purpose: String { "drop states of \(record.name)" }

    /// Announces a layout, looks whether backups have come that its maker does not know, and
    /// publishes it if none has.
    /// - Parameter known: backups whose states the layout tells of.
    /// - Returns: what `publish` returns; false if there are other backups: plan anew.
    func publish(
        knowing known: [BackupRecord], _ publish: () throws -> Bool
    ) throws -> Bool {
        let intent = try Intent.begin(in: repository, purpose: purpose)
        do {
            let isPublished = try isAll(known) && publish()
            // From here on the layout's number tells as much.
            try intent.end()
            return isPublished
        } catch {
            // That it may stay costs the next who names a state one look more.
            _ = try? intent.end()
            throw error
        }
    }

    private func isAll(_ known: [BackupRecord]) throws(VarveError) -> Bool {
        let ids = Set(known.map(\.id))
        for entry in try repository.store.list(ObjectName.backupsPrefix(of: id)) {
            if case .backup(_, let backup)? = ObjectName(path: entry.name),
                !ids.contains(backup)
            {
                return false
            }
        }
        return true
    }

    /// The announcements of this table that are there, of however long ago: names of objects.
    /// - Complexity: one listing, and one read for each writer at work.
    func all() throws(VarveError) -> [String] {
        var found: [String] = []
        for entry in try repository.store.list(ObjectName.intentsPrefix) {
            guard case .intent? = ObjectName(path: entry.name),
                let bytes = try repository.store.readIfPresent(entry.name)
            else { continue }
            // One that cannot be read may be one.
            let intent = try? IntentRecord(sealed: bytes, name: entry.name)
            if intent?.purpose ?? purpose == purpose { found.append(entry.name) }
        }
        return found
    }
}

extension NamedStates {
    /// After the records of backups were created: makes every layout fail that is announced to drop
    /// states and whose maker may have looked for backups before, by taking its number away. Then
    /// that maker plans anew, and sees them.
    /// - Throws: `conflict` if layouts kept coming.
    /// - Complexity: as `DropAnnouncement.all`; a layout more where one is announced.
    func holdAgainstDrops() throws(VarveError) {
        let announcement = DropAnnouncement(repository: repository, id: id, record: record)
        let announced = try announcement.all()
        if announced.isEmpty { return }
        for _ in 0..<Self.attemptsMax where try publishAgain() {
            // What they announced can no longer be published under the number planned. A maker
            // that plans anew announces itself anew.
            for name in announced { try repository.store.deleteIfPresent(name) }
            return
        }
        throw VarveError(
            .conflict, "other writers kept changing table \(record.name); run this again")
    }

    /// Publishes the newest layout under the next number; without one, a layout that covers
    /// nothing.
    /// - Returns: false if another was faster.
    private func publishAgain() throws(VarveError) -> Bool {
        let number = try repository.newestLayout(of: id)
        var layout = LayoutRecord(
            table: id, number: 0, written: 0, nextSequence: 0, before: record.hash, ranges: [],
            pieces: [], checkpoints: nil, inline: [])
        if number > 0 {
            let path = ObjectName.layout(id, number: number).path
            guard let bytes = try repository.store.readIfPresent(path) else { return false }
            layout = try LayoutRecord(sealed: bytes, name: path)
        }
        layout.number = number + 1
        layout.written = repository.now()
        let path = ObjectName.layout(id, number: layout.number).path
        guard try repository.store.createIfAbsent(path, try layout.seal()) else { return false }
        return try repository.newestLayout(of: id) == layout.number
    }
}
