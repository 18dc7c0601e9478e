public import VarveBytes
public import VarveFormat
public import VarveModel
import VarveStorage

// Which tables a repository has, and how their history is read.

extension Repository {
    /// Every incarnation of every table, by name and incarnation.
    /// - Complexity: one listing and one read a table.
    public func tables() throws(VarveError) -> [(id: TableID, record: TableRecord)] {
        var result: [(id: TableID, record: TableRecord)] = []
        for entry in try store.list(ObjectName.tablesPrefix) {
            guard case .table(let id)? = ObjectName(path: entry.name) else { continue }
            result.append((id, try tableRecord(id)))
        }
        return result.sorted {
            ($0.record.name, $0.record.ordinal) < ($1.record.name, $1.record.ordinal)
        }
    }

    func tableRecord(_ id: TableID) throws(VarveError) -> TableRecord {
        let name = ObjectName.table(id).path
        let record = try TableRecord(sealed: try store.read(name), name: name)
        if record.id(in: configuration.id) != id {
            throw VarveError(
                .damaged, "the table record is of another table, '\(record.name)'", at: name)
        }
        return record
    }

    /// The newest incarnation of a table name; nil if there is none.
    public func newestTable(
        _ name: String
    ) throws(VarveError) -> (id: TableID, record: TableRecord)? {
        var found: (id: TableID, record: TableRecord)?
        var ordinal: UInt64 = 0
        while true {
            let id = TableID(
                repository: configuration.id, name: name, ordinal: ordinal)
            let path = ObjectName.table(id).path
            guard let bytes = try store.readIfPresent(path) else { return found }
            found = (id, try TableRecord(sealed: bytes, name: path))
            ordinal += 1
        }
    }

    /// The history of the newest incarnation of a table name.
    /// - Throws: `notFound`, naming the tables that there are.
    public func history(of name: String) throws(VarveError) -> TableHistory {
        if let table = try newestTable(name) { return try history(table.id, table.record) }
        let known = Set(try tables().map(\.record.name)).sorted().joined(separator: ", ")
        throw VarveError(
            .notFound,
            "no table '\(name)' in this repository"
                + (known.isEmpty ? "; it has none yet" : "; it has: \(known)"))
    }

    /// Reads a table's newest layout, the commits after it, and its backups. Source: Spec 11.
    public func history(_ id: TableID, _ record: TableRecord) throws(VarveError) -> TableHistory {
        // Another layout may come in between, and what it covers go: read again then. Without the
        // second look at the layouts, commits that are gone would look like the end of the chain.
        for _ in 0..<Self.historyAttempts - 1 {
            do throws(VarveError) {
                let history = try readHistory(id, record)
                if try newestLayout(of: id) == history.layoutNumber { return history }
            } catch {
                guard error.code == .notFound else { throw error }
            }
        }
        do throws(VarveError) {
            return try readHistory(id, record)
        } catch {
            // What is still missing has not moved: it is lost.
            guard error.code == .notFound else { throw error }
            throw VarveError(.damaged, error.message, at: error.location)
        }
    }

    private static let historyAttempts = 8

    private func readHistory(
        _ id: TableID, _ record: TableRecord
    ) throws(VarveError) -> TableHistory {
        let number = try newestLayout(of: id)
        var layout: LayoutRecord?
        if number > 0 {
            let path = ObjectName.layout(id, number: number).path
            layout = try LayoutRecord(sealed: try store.read(path), name: path)
            if layout?.table != id || layout?.number != number {
                throw VarveError(.damaged, "the layout is of another table or number", at: path)
            }
            blobs.addInline(layout?.inline ?? [])
        }
        let commits = try readCommits(
            id, from: layout?.nextSequence ?? 0, before: layout?.before ?? record.hash)
        var backups: [BackupRecord] = []
        for entry in try store.list(ObjectName.backupsPrefix(of: id)) {
            guard case .backup(_, let backup)? = ObjectName(path: entry.name),
                let bytes = try store.readIfPresent(entry.name)
            else { continue }
            let record = try BackupRecord(sealed: bytes, name: entry.name)
            if record.id != backup {
                throw VarveError(.damaged, "the backup has another id", at: entry.name)
            }
            backups.append(record)
        }
        if let lost = backups.first(where: {
            $0.commitSequence >= (layout?.nextSequence ?? 0) + UInt64(commits.count)
        }) {
            throw Self.missing(
                commit: lost.commitSequence, of: id, "backup '\(lost.name)' names it")
        }
        backups.sort { ($0.instant, $0.name, $0.created) < ($1.instant, $1.name, $1.created) }
        // Full copies are the only source of history so far: what a layout covers and still
        // promises is what its backups name, with digests in full.
        let next = layout?.nextSequence ?? 0
        // The ends of ranges have theirs in the layout.
        var covered = (layout?.ranges ?? []).map {
            Checkpoint(
                instant: $0.to, changes: 0, items: $0.items, bytes: $0.bytes, digest: $0.digest)
        }
        covered += backups.filter { $0.commitSequence < next }.map {
            Checkpoint(
                instant: $0.instant, changes: 0, items: $0.items, bytes: $0.bytes,
                digest: $0.digest)
        }
        return TableHistory(
            id: id, record: record, layoutNumber: layout?.number ?? 0, layout: layout,
            commits: commits, backups: backups, coveredCheckpoints: covered)
    }

    /// A commit that must be there is not: history would end before it in silence, and the next
    /// backup would take its place.
    private static func missing(
        commit sequence: UInt64, of id: TableID, _ reason: String
    ) -> VarveError {
        VarveError(
            .notFound, "the commit is missing: \(reason); run 'varve verify'",
            at: ObjectName.commit(id, sequence: sequence).path)
    }

    /// Reads commits from a sequence on, and checks that they are a chain.
    /// - Throws: `notFound` if one is missing before the last; a listing beside a writer may lack
    ///   it.
    private func readCommits(
        _ id: TableID, from first: UInt64, before: Hash256
    ) throws(VarveError) -> [CommitRecord] {
        var commits: [CommitRecord] = []
        var expected = before
        for entry in try store.list(ObjectName.commitsPrefix(of: id)) {
            guard case .commit(_, let sequence)? = ObjectName(path: entry.name),
                sequence >= first
            else { continue }
            let next = first + UInt64(commits.count)
            if sequence != next {
                throw Self.missing(commit: next, of: id, "commit \(sequence) follows")
            }
            let commit = try CommitRecord(sealed: try store.read(entry.name), name: entry.name)
            if commit.logical.table != id || commit.logical.sequence != sequence
                || commit.logical.before != expected
            {
                throw VarveError(
                    .damaged, "the commit does not follow from the one before", at: entry.name)
            }
            expected = commit.hash
            blobs.addInline(commit.inline)
            commits.append(commit)
        }
        return commits
    }

    // MARK: Making tables

    /// Records a new incarnation of a table name.
    /// - Throws: `conflict` if another writer made it at the same time.
    public func makeTable(
        name: String, schema: KeySchema, arn: String, serviceID: String
    ) throws(VarveError) -> TableHistory {
        try TableName.check(name)
        let ordinal = (try newestTable(name)?.record.ordinal).map { $0 + 1 } ?? 0
        let record = TableRecord(
            name: name, ordinal: ordinal, arn: arn, serviceID: serviceID, created: now(),
            keySchema: schema)
        let id = TableID(repository: configuration.id, name: name, ordinal: ordinal)
        if try !store.createIfAbsent(ObjectName.table(id).path, try record.seal()) {
            throw VarveError(
                .conflict, "another writer has just made the table '\(name)'; run this again")
        }
        return try history(id, record)
    }
}
