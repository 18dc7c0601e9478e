import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

// Records of tables: chains of commits, layouts, settings, backups.

extension Verification {
    /// The names of a table's objects, by what they are.
    struct Names {
        var hasRecord = false
        var commits: [(sequence: UInt64, name: String)] = []
        var layouts: [(number: UInt64, name: String)] = []
        var backups: [(id: BackupID, name: String)] = []
        var settings: [(ordinal: UInt64, name: String)] = []
        var retention: [(ordinal: UInt64, name: String)] = []
        var lease: String?
    }

    func checkTables(_ entries: [ObjectEntry]) {
        var names: [TableID: Names] = [:]
        for entry in entries {
            switch ObjectName(path: entry.name) {
            case .table(let table)?: names[table, default: Names()].hasRecord = true
            case .commit(let table, let sequence)?:
                names[table, default: Names()].commits.append((sequence, entry.name))
            case .layout(let table, let number)?:
                names[table, default: Names()].layouts.append((number, entry.name))
            case .backup(let table, let id)?:
                names[table, default: Names()].backups.append((id, entry.name))
            case .settings(let table, let ordinal)?:
                names[table, default: Names()].settings.append((ordinal, entry.name))
            case .retention(let table, let ordinal)?:
                names[table, default: Names()].retention.append((ordinal, entry.name))
            case .lease(let table)?: names[table, default: Names()].lease = entry.name
            default: continue
            }
        }
        var ordinals: [String: Set<UInt64>] = [:]
        for (done, table) in names.keys.sorted().enumerated() {
            tell(.tables, UInt64(done), of: UInt64(names.count))
            guard let objects = names[table], let record = checkTable(table, objects) else {
                continue
            }
            ordinals[record.name, default: []].insert(record.ordinal)
        }
        for (name, found) in ordinals {
            // Readers probe ordinals upward: behind a missing one nothing would be found.
            guard let last = found.max(), UInt64(found.count) != last &+ 1 else { continue }
            note("table \(name)", "an incarnation before \(last) is missing; the newer are hidden")
        }
        report.backups.sort {
            ($0.table, $0.instant, $0.name, $0.id) < ($1.table, $1.instant, $1.name, $1.id)
        }
        for index in tables.indices {
            let history = tables[index].history
            tables[index].backups = history.backups.map { backup in
                report.backups.firstIndex { $0.tableID == history.id && $0.id == backup.id } ?? 0
            }
        }
    }

    private func checkTable(_ id: TableID, _ names: Names) -> TableRecord? {
        let path = ObjectName.table(id).path
        guard names.hasRecord else {
            note(path, "the table record is missing, but the table has commits or backups")
            loseTable(id, names)
            return nil
        }
        for (_, name) in names.settings { _ = read(name, as: SettingsRecord.self) }
        for (_, name) in names.retention { _ = read(name, as: RetentionRecord.self) }
        checkOrdinals(names.settings, "settings")
        checkOrdinals(names.retention, "retention")
        if let lease = names.lease { _ = read(lease, as: LeaseRecord.self) }
        guard let record = read(path, as: TableRecord.self) else {
            loseTable(id, names)
            return nil
        }
        if record.id(in: repository.configuration.id) != id {
            note(path, "the table record is of another table, '\(record.name)'")
            loseTable(id, names)
            return nil
        }
        report.counts.tables += 1
        keyNames.formUnion([record.keySchema.partition, record.keySchema.sort].compactMap(\.?.name))
        let layout = checkLayouts(id, names.layouts)
        var covered: [CommitRecord.Logical] = []
        let commits = checkCommits(id, record, layout, names.commits, &covered)
        let backups = readBackups(id, record.name, names.backups)
        let history = TableHistory(
            id: id, record: record, layoutNumber: layout?.number ?? 0, layout: layout,
            commits: commits, backups: backups, blobs: repository.blobs)
        tables.append(Table(history: history, backups: [], covered: covered))
        checkPieces(history)
        for backup in backups { checkBackup(backup, history, covered) }
        return record
    }

    // MARK: Layouts and commits

    /// Reads every layout; the newest counts.
    private func checkLayouts(
        _ id: TableID, _ names: [(number: UInt64, name: String)]
    ) -> LayoutRecord? {
        var newest: LayoutRecord?
        for (number, name) in names.sorted(by: { $0.number < $1.number }) {
            guard let layout = read(name, as: LayoutRecord.self) else { continue }
            report.counts.layouts += 1
            if layout.table != id || layout.number != number {
                note(name, "the layout is of another table or number")
                continue
            }
            checkInline(layout.inline, name)
            newest = layout
        }
        return newest
    }

    /// Reads every commit and holds each to the one before.
    /// - Parameter covered: gets those that the layout covers, as far as they are still there.
    /// - Returns: the readable ones that the layout does not cover.
    private func checkCommits(
        _ id: TableID, _ record: TableRecord, _ layout: LayoutRecord?,
        _ names: [(sequence: UInt64, name: String)], _ covered: inout [CommitRecord.Logical]
    ) -> [CommitRecord] {
        let first = layout?.nextSequence ?? 0
        var commits: [CommitRecord] = []
        /// Hash of the commit before, unless that one cannot be read.
        var before: Hash256? = layout?.before ?? record.hash
        var expected = first
        var end = ChainEnd(layout)
        for (sequence, name) in names.sorted(by: { $0.sequence < $1.sequence }) {
            let isCovered = sequence < first
            if !isCovered, sequence != expected {
                note(
                    ObjectName.commit(id, sequence: expected).path,
                    "the commit is missing; \(sequence) follows, which no reader reaches")
                before = nil
                end.lose()
            }
            if !isCovered { expected = sequence &+ 1 }
            guard let commit = read(name, as: CommitRecord.self), isOf(id, sequence, commit, name)
            else {
                if !isCovered {
                    before = nil
                    end.lose()
                }
                continue
            }
            report.counts.commits += 1
            // Readers pass over what the layout covers, and it need not be a chain: a writer that
            // was killed as it lost a race may have left a commit under a sequence that was free
            // again.
            if isCovered {
                if let layout { checkCovered(commit, layout, id) }
                if covered.last?.isFollowed(by: commit.logical) == false { covered = [] }
                covered.append(commit.logical)
                continue
            }
            if let before, before != commit.logical.before {
                note(name, "the commit does not follow from the one before")
            }
            before = commit.hash
            checkInline(commit.inline, name)
            checkCommit(commit, name)
            checkPieces(of: commit, name)
            end.goOn(with: commit.logical)
            checkOrder(commit, end, name)
            end.add(commit.logical)
            commits.append(commit)
        }
        // Others may be what a writer left that lost a race.
        if covered.last?.sequence != layout.map({ $0.nextSequence &- 1 })
            || covered.last?.hash != layout?.before
        {
            covered = []
        }
        return commits
    }

    /// Ordinals run from 0 without a gap: behind one a record is lost, and with it a promise.
    private func checkOrdinals(_ names: [(ordinal: UInt64, name: String)], _ title: String) {
        for (place, entry) in names.sorted(by: { $0.ordinal < $1.ordinal }).enumerated()
        where entry.ordinal != UInt64(place) {
            note(entry.name, "a record of the table's \(title) before it is missing")
            return
        }
    }

    private func isOf(
        _ id: TableID, _ sequence: UInt64, _ commit: CommitRecord, _ name: String
    ) -> Bool {
        if commit.logical.table == id, commit.logical.sequence == sequence { return true }
        note(name, "the commit is of another table or sequence")
        return false
    }

    /// A commit's parts must agree with each other.
    private func checkCommit(_ commit: CommitRecord, _ name: String) {
        let logical = commit.logical
        if let last = logical.checkpoints.last, last.instant.microseconds == logical.to,
            last.items != logical.items || last.bytes != logical.bytes
                || last.digest != logical.digest
        {
            note(name, "the last checkpoint is not the state after the last change")
        }
        let runs = commit.pieces.filter { $0.kind == .run }
        let sum = runs.reduce(Hash256.zero) { $0 &+ $1.tree.digest }
        if !runs.isEmpty, sum != logical.changeDigest {
            note(name, "the runs do not add up to the change digest")
        }
        for piece in commit.pieces where piece.kind == .image {
            guard
                let checkpoint = logical.checkpoints.first(where: {
                    $0.instant.microseconds == piece.to
                })
            else { continue }
            if piece.tree.entries != checkpoint.items || piece.tree.digest != checkpoint.digest {
                note(name, "the image does not have the items or the digest of its checkpoint")
            }
        }
    }

    /// Proves the blobs that an object carries.
    private func checkInline(_ records: [UInt8], _ name: String) {
        if records.isEmpty { return }
        repository.blobs.addInline(records)
        attempt(name) {
            var cursor = ByteCursor(records.raw)
            var plain = ByteWriter(capacity: 1 << 16)
            while cursor.remaining > 0 {
                let header = try BlobRecord(header: &cursor)
                let stored = try cursor.take(Int(header.storedBytes))
                plain.removeAll()
                try header.appendPlain(of: stored, to: &plain)
                inlineBlobs.insert(header.id)
                carriedValues += try Outlining.outlinedIDs(of: plain.bytes, header.type)
                report.counts.inlineBlobs += 1
                report.counts.plainBytes += UInt64(plain.count)
                proveCarried(plain.bytes, header.type, header.id, name)
            }
        }
    }

    /// The pieces of a layout must hold the changes that its ranges have.
    private func checkPieces(_ history: TableHistory) {
        guard let layout = history.layout else { return }
        let name = ObjectName.layout(history.id, number: layout.number).path
        checkRuns(layout, name)
        for range in layout.ranges {
            let runs = layout.ranges.runs(of: range, in: layout.pieces)
            if runs.changeDigest != range.changeDigest {
                note(name, "the runs up to \(range.to) do not add up to their change digest")
            }
            let image = layout.pieces.first {
                $0.kind == .image && $0.to == range.to.microseconds
            }
            if let image, image.tree.digest != range.digest || image.tree.entries != range.items {
                note(name, "the image of \(range.to) does not have the digest of its range")
            }
        }
    }

    // MARK: Backups

    /// Those that can be read; of the others it tells that their records are damaged.
    func readBackups(
        _ id: TableID, _ table: String, _ names: [(id: BackupID, name: String)]
    ) -> [BackupRecord] {
        var backups: [BackupRecord] = []
        for (backup, name) in names {
            guard let found = read(name, as: BackupRecord.self) else {
                loseBackup(backup, id, table)
                continue
            }
            report.counts.backups += 1
            if found.id != backup {
                note(name, "the backup has another id")
                loseBackup(backup, id, table)
                continue
            }
            backups.append(found)
            report.backups.append(
                VerificationReport.Backup(
                    table: table, tableID: id, id: found.id, name: found.name,
                    instant: found.instant))
        }
        backups.sort { ($0.instant, $0.name, $0.created) < ($1.instant, $1.name, $1.created) }
        return backups
    }

    /// A backup must name a commit and a checkpoint that are there, with the very digest.
    private func checkBackup(
        _ backup: BackupRecord, _ history: TableHistory, _ covered: [CommitRecord.Logical]
    ) {
        let name = ObjectName.backup(history.id, backup.id).path
        func fault(_ message: String) {
            note(name, message)
            spoil(backup.id, of: history.id)
        }
        if backup.commitSequence < history.layout?.nextSequence ?? 0 {
            checkCovered(backup, history, fault)
            let commit = covered.first { $0.sequence == backup.commitSequence }
            if let commit, commit.hash != backup.commitHash { fault("it names another commit") }
            return
        }
        guard
            let commit = history.commits.first(where: {
                $0.logical.sequence == backup.commitSequence
            })
        else {
            fault("its commit \(backup.commitSequence) is missing or damaged")
            return
        }
        if commit.hash != backup.commitHash { fault("it names another commit") }
        guard let point = commit.logical.checkpoints.first(where: { $0.instant == backup.instant })
        else {
            fault("its commit has no checkpoint at \(backup.instant)")
            return
        }
        if point.digest != backup.digest || point.items != backup.items
            || point.bytes != backup.bytes
        {
            fault("its digest or counts are not those of the checkpoint at \(backup.instant)")
        }
    }

    private func checkCovered(
        _ backup: BackupRecord, _ history: TableHistory, _ fault: (String) -> Void
    ) {
        let ranges = history.layout?.ranges ?? []
        guard
            let range = ranges.first(where: {
                $0.from <= backup.instant && backup.instant <= $0.to
            })
        else {
            fault("no range of the layout has its instant \(backup.instant)")
            return
        }
        if range.lastSequence == backup.commitSequence, range.lastHash != backup.commitHash {
            fault("it names another commit than its range")
        }
        if range.to == backup.instant, range.digest != backup.digest {
            fault("its digest is not that of its range at \(backup.instant)")
        }
    }

    /// Marks a backup as affected.
    func spoil(_ id: BackupID, of table: TableID) {
        for index in report.backups.indices
        where report.backups[index].id == id && report.backups[index].tableID == table {
            report.backups[index].isAffected = true
        }
    }
}
