import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// Brings one table into a replica. Source: Spec 11, Copying.
///
/// Packs and their index first, then the table's record, settings, a layout if the replica lags
/// behind the source's, the commits after it in order, and the backups last: at every moment the
/// target is a repository that ends at some commit of the source.
struct TableCopy {
    /// Times that it begins anew because the source or the target was changed meanwhile.
    private static let attemptsMax = 8

    let source: Repository
    let target: Repository
    let id: TableID
    let record: TableRecord
    let request: RepositoryCopy.Request
    let progress: (CopyProgress) -> Void

    init(
        from source: Repository, to target: Repository, id: TableID, record: TableRecord,
        request: RepositoryCopy.Request, progress: @escaping (CopyProgress) -> Void
    ) {
        self.source = source
        self.target = target
        self.id = id
        self.record = record
        self.request = request
        self.progress = progress
    }

    /// What both have, and what is to be done.
    struct Step {
        var from: TableHistory
        /// The target's history; of a table that it does not have an empty one.
        var to: TableHistory
        var isNew: Bool
        /// The layout to be taken.
        var layout: LayoutRecord?
        /// The commits to be created, by sequence.
        var commits: [CommitRecord]
        /// Settings that the target lacks: names of objects.
        var settings: [String]
        /// Retention records that the target lacks; none if it has promises of its own.
        var retention: [String] = []
        /// Backups that the target lacks and will be able to restore.
        var backups: [BackupRecord]
        /// Backups whose states the target has pruned.
        var leftOut: [BackupRecord] = []
        /// Why the commits end before the source's do: it lacks pages of the next one.
        var cut: VarveError?
        /// Backups whose states the source cannot give for that.
        var lacking: [BackupRecord] = []

        /// Commits that the target has and will have, without a layout.
        var after: [CommitRecord] { to.commits + commits }

        /// What the target has and will have after a layout.
        func commits(after layout: LayoutRecord) -> [CommitRecord] {
            to.commits.filter { $0.logical.sequence >= layout.nextSequence } + commits
        }

        /// What follows the last commit that the target will have.
        var nextSequence: UInt64 {
            if cut == nil { return from.nextSequence }
            if let last = commits.last { return last.logical.sequence + 1 }
            return max(layout?.nextSequence ?? 0, to.nextSequence)
        }

        /// The hash of that last commit.
        var head: Hash256 {
            if cut == nil { return from.head }
            if let last = commits.last { return last.hash }
            guard let layout, layout.nextSequence > to.nextSequence else { return to.head }
            return layout.before
        }

        var isEmpty: Bool {
            !isNew && layout == nil && commits.isEmpty && settings.isEmpty && retention.isEmpty
                && backups.isEmpty
        }
    }

    func run() throws -> CopyReport.Table {
        var total = CopyReport.Table(id, name: record.name)
        for attempt in 1... {
            var from: TableHistory?
            do {
                var step = try plan()
                from = step.from
                if step.isEmpty || request.isDryRun {
                    try estimate(step, &total)
                    total.leftOut = step.leftOut
                    total.head = step.from.head
                    if !request.isDryRun { try target.mark(step.to.head, of: id) }
                    return total
                }
                let writer = BlobWriter(
                    target, purpose: "copy \(record.name)", inlineBytesMax: 0)
                do {
                    // From here on no collector deletes what it does not condemn from here on.
                    try writer.announce()
                    step = try plan()
                    from = step.from
                    try bring(&step, writer, &total)
                    try writer.end()
                } catch {
                    writer.abandon()
                    throw error
                }
                if try isDone(step, &total) {
                    try target.mark(step.head, of: id)
                    return total
                }
            } catch let error as VarveError {
                guard attempt < Self.attemptsMax, try hasMoved(error, since: from) else {
                    throw error
                }
                try source.blobs.reload()
                try target.blobs.reload()
            }
            if attempt == Self.attemptsMax { break }
        }
        throw VarveError(
            .conflict, "others keep changing table \(record.name); run this again")
    }

    /// Whether an error may come from a change of source or target: then another attempt is worth
    /// its while.
    private func hasMoved(_ error: VarveError, since from: TableHistory?) throws -> Bool {
        if error.code == .conflict { return true }
        guard error.code == .damaged || error.code == .notFound, let from else { return false }
        return try source.newestLayout(of: id) != from.layoutNumber
    }

    // MARK: Bringing

    private func bring(
        _ step: inout Step, _ writer: BlobWriter, _ total: inout CopyReport.Table
    ) throws {
        let states = NamedStates(repository: target, id: id, record: record)
        let transfer = transfer(step, isThere: writer.relies, put: writer.add)
        try bringBlobs(&step, transfer)
        _ = try writer.finish()
        total.blobs += transfer.blobCount
        total.blobBytes += transfer.storedBytes
        if step.isNew {
            try create(ObjectName.table(id).path, try record.seal())
            total.isNew = true
        }
        // What is promised stays promised, before anything goes.
        for name in step.retention {
            let bytes = try source.store.read(name)
            _ = try RetentionRecord(sealed: bytes, name: name)
            try create(name, bytes)
            total.retention += 1
        }
        for name in step.settings {
            // Another layout of the source does not move settings: one that is listed stays.
            let bytes = try source.store.read(name)
            _ = try SettingsRecord(sealed: bytes, name: name)
            if try target.store.createIfAbsent(name, bytes) { total.settings += 1 }
        }
        if let layout = step.layout {
            try publish(layout, step)
            total.takesLayout = true
        }
        for commit in step.commits {
            let name = ObjectName.commit(id, sequence: commit.logical.sequence).path
            try create(name, try commit.seal())
            total.commits += 1
        }
        try writer.confirm()
        if let layout = step.layout {
            let number = try states.bringBack(known: Set(step.to.backups.map(\.id)))
            try LayoutWriter.clean(target, id, number, layout.nextSequence)
        }
        for backup in step.backups {
            try create(ObjectName.backup(id, backup.id).path, try backup.seal())
            total.backups.append(backup)
        }
        if !step.backups.isEmpty { try states.holdAgainstDrops() }
    }

    private func bringBlobs(_ step: inout Step, _ transfer: BlobTransfer) throws {
        if let layout = step.layout {
            do {
                try transfer.bring(
                    layout.pieces, checkpoints: layout.checkpoints, inline: layout.inline)
            } catch let error as VarveError where error.code == .damaged {
                if try hasMoved(error, since: step.from) { throw error }
                try goWithoutLayout(&step, error)
            }
        }
        for (index, commit) in step.commits.enumerated() {
            do {
                try transfer.bring(commit.pieces, inline: commit.inline)
            } catch let error as VarveError where error.code == .damaged {
                if try hasMoved(error, since: step.from) { throw error }
                try cut(&step, at: index, error)
                return
            }
        }
    }

    private func transfer(
        _ step: Step, isThere: @escaping (Hash256) throws -> Bool,
        put: @escaping BlobTransfer.Sink
    ) -> BlobTransfer {
        let (target, history) = (target, step.to)
        let transfer = BlobTransfer(
            from: source.blobs, schema: record.keySchema,
            known: {
                // What a collector has condemned, or is lost, must be looked up blob by blob.
                guard target.condemned.isEmpty, (try? target.blobs.lackPacks()) == false
                else { return [] }
                return KnownPages(target, history).ids
            },
            isThere: isThere, put: put)
        transfer.onBlob = { [request, progress, record, unowned transfer] in
            if request.isStopping() {
                throw VarveError(.stopped, "interrupted; run this again to go on")
            }
            progress(
                CopyProgress(
                    table: record.name, blobs: transfer.blobCount, bytes: transfer.storedBytes))
        }
        return transfer
    }

    /// What a dry run tells.
    private func estimate(_ step: Step, _ total: inout CopyReport.Table) throws {
        if step.isEmpty { return }
        var step = step
        let target = target
        let transfer = transfer(
            step, isThere: { try target.blobs.location(of: $0) != nil }, put: { _ in })
        try bringBlobs(&step, transfer)
        total.failure = step.cut
        total.lacking = step.lacking
        total.blobs = transfer.blobCount
        total.blobBytes = transfer.storedBytes
        total.isNew = step.isNew
        total.commits = step.commits.count
        total.takesLayout = step.layout != nil
        total.settings = step.settings.count
        total.retention = step.retention.count
        total.backups = step.backups
    }

    /// Creates an object; that the very same is there is fine: another copy was faster.
    func create(_ name: String, _ bytes: [UInt8]) throws {
        if try target.store.createIfAbsent(name, bytes) { return }
        if try target.store.readIfPresent(name) == bytes { return }
        throw VarveError(
            .conflict, "another program writes to the target at the same time; run this again",
            at: name)
    }

    // MARK: Afterwards

    /// Reads what came of it: the target must go on from the source's commits, and every backup
    /// must be restorable.
    /// - Returns: false if someone changed the target meanwhile.
    private func isDone(_ step: Step, _ total: inout CopyReport.Table) throws -> Bool {
        let now = try target.history(id, record)
        let isAhead = now.nextSequence > step.nextSequence
        if !isAhead, now.nextSequence != step.nextSequence || now.head != step.head {
            return false
        }
        // A collector of the target may have dropped the state before the backup named it.
        var gone: [BackupRecord] = []
        for backup in step.backups where now.backups.contains(backup) {
            if try !now.holds(backup) { gone.append(backup) }
        }
        try target.forget(id, gone)
        total.backups.removeAll { gone.contains($0) }
        total.leftOut = step.leftOut + gone
        total.head = step.head
        total.failure = step.cut
        total.lacking = step.lacking
        return true
    }
}
