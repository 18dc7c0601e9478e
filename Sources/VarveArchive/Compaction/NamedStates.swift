import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// States that were named as backups while a layout came to be that has dropped them.
///
/// An announcement (`DropAnnouncement`) sees to it that there are none, unless somebody deleted it,
/// or a backup's record was created and its writer died. So whoever drops states looks once more
/// for new backups when the layout is published, and whoever replaces a layout beside which older
/// ones are left does so for the one who left them. Source: Spec 11, Collection.
struct NamedStates {
    static let attemptsMax = 8

    let repository: Repository
    let id: TableID
    let record: TableRecord

    /// Brings the states of backups that only older layouts tell of back into a further layout,
    /// each as an image.
    /// - Parameter known: backups that the newest layout was made with; they are not looked at.
    /// - Returns: the number of the newest layout.
    /// - Complexity: two listings; more only where there are older layouts and new backups.
    @discardableResult
    func bringBack(known: Set<BackupID> = []) throws -> UInt64 {
        var passedOver = known
        var attempts = 0
        while attempts < Self.attemptsMax {
            let numbers = try repository.layouts(of: id)
            guard let newest = numbers.last else { return 0 }
            if numbers.count == 1, try !hasCommits(before: newest) { return newest }
            let now = try repository.history(id, record)
            let named = now.backups.filter { !passedOver.contains($0.id) }
            let lost = try named.first { backup throws(VarveError) in
                try !now.tells(ofStateAt: backup.instant)
            }
            guard let lost else { return newest }
            guard let before = try bearer(of: lost, numbers.dropLast()) else {
                passedOver.insert(lost.id)
                continue
            }
            do {
                if try !publish(lost, of: before, beside: now) { attempts += 1 }
            } catch let error as VarveError {
                // A state that is damaged holds up nobody: verifying tells of it.
                guard [.damaged, .proofFailed, .refused].contains(error.code) else { throw error }
                passedOver.insert(lost.id)
            }
        }
        throw VarveError(
            .conflict, "other writers kept changing table \(record.name); run this again")
    }

    /// Whether commits that a layout covers are still there.
    private func hasCommits(before number: UInt64) throws(VarveError) -> Bool {
        let path = ObjectName.layout(id, number: number).path
        guard let first = try repository.store.list(ObjectName.commitsPrefix(of: id)).first,
            case .commit(_, let sequence)? = ObjectName(path: first.name),
            let bytes = try repository.store.readIfPresent(path)
        else { return false }
        return try LayoutRecord(sealed: bytes, name: path).nextSequence > sequence
    }

    /// The history as the newest of older layouts has it that tells of a state.
    private func bearer(
        of backup: BackupRecord, _ numbers: ArraySlice<UInt64>
    ) throws(VarveError) -> TableHistory? {
        for number in numbers.reversed() {
            let path = ObjectName.layout(id, number: number).path
            guard let bytes = try repository.store.readIfPresent(path),
                let layout = try? LayoutRecord(sealed: bytes, name: path)
            else { continue }
            let before = try history(layout)
            if try before.tells(of: backup) { return before }
        }
        // The newest layout may be the first.
        let before = try history(nil)
        return try before.tells(of: backup) ? before : nil
    }

    /// With the commits after a layout as far as they are still there.
    private func history(_ layout: LayoutRecord?) throws(VarveError) -> TableHistory {
        let commits = try commits(from: layout?.nextSequence ?? 0)
        repository.blobs.addInline(layout?.inline ?? [])
        for commit in commits { repository.blobs.addInline(commit.inline) }
        return TableHistory(
            id: id, record: record, layoutNumber: layout?.number ?? 0, layout: layout,
            commits: commits, backups: [], blobs: repository.blobs)
    }

    /// Commits that are still there, from a sequence on.
    private func commits(from first: UInt64) throws(VarveError) -> [CommitRecord] {
        var commits: [CommitRecord] = []
        for entry in try repository.store.list(ObjectName.commitsPrefix(of: id)) {
            guard case .commit(_, let sequence)? = ObjectName(path: entry.name),
                sequence >= first,
                let bytes = try repository.store.readIfPresent(entry.name),
                let commit = try? CommitRecord(sealed: bytes, name: entry.name)
            else { continue }
            commits.append(commit)
        }
        return commits
    }

    /// Adds a backup's state to the newest layout.
    /// - Parameters:
    ///   - before: tells of the state.
    ///   - source: where its pages are; nil: in this repository.
    ///   - closesEnd: whether nothing may go on from a state that is the last one now.
    /// - Returns: false if another layout was faster.
    func publish(
        _ backup: BackupRecord, of before: TableHistory, beside now: TableHistory,
        from source: Repository? = nil, closesEnd: Bool = false
    ) throws -> Bool {
        guard var next = now.layout, next.number == now.layoutNumber else { return false }
        next.number = now.layoutNumber + 1
        next.written = repository.now()
        let keeper = LayoutWriter(repository, before, purpose: "prune")
        do {
            try keeper.writer.announce()
            try next.keep([backup], of: before, by: keeper, from: source)
            let last = next.ranges.indices.max { next.ranges[$0].to < next.ranges[$1].to }
            if closesEnd, let last, next.ranges[last].to == backup.instant {
                next.ranges[last].isClosed = true
            }
            let name = ObjectName.layout(id, number: next.number).path
            let isFirst = try repository.store.createIfAbsent(name, try next.seal())
            if isFirst {
                try keeper.writer.confirm()
                try keeper.small.confirm()
            }
            try keeper.writer.end()
            try keeper.small.end()
            return isFirst
        } catch {
            keeper.abandon()
            throw error
        }
    }
}

extension TableHistory {
    func tells(of backup: BackupRecord) throws(VarveError) -> Bool {
        if try !tells(ofStateAt: backup.instant) { return false }
        return try holds(backup)
    }
}
