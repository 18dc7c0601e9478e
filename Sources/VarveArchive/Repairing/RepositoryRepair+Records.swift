import VarveBytes
import VarveFormat
import VarveStorage

// Sealed objects: those of tables, and condemned lists.

extension RepositoryRepair {
    /// Takes damaged records, and commits that are missing, from a replica; sets aside what no
    /// replica has.
    func repairRecords(_ repository: Repository) throws {
        let isReplica = isReplica(of: repository.configuration.id)
        for entry in try store.list("") {
            try checkStop()
            if let mark = CopyMark(path: entry.name) { try repair(mark) }
            guard let name = ObjectName(path: entry.name), name.isRecord,
                let bytes = try store.readIfPresent(entry.name),
                let fault = name.fault(in: bytes, of: repository.configuration.id)
            else { continue }
            if let right = SealedCorrection.corrected(bytes),
                name.fault(in: right, of: repository.configuration.id) == nil
            {
                try correct(entry.name, bytes, right, name.title)
                continue
            }
            // What this program does not know it must not touch.
            if fault.code != .damaged { throw fault }
            if case .layout = name {
                // Another repository's layouts have numbers of their own.
                try lose(name, entry.name, bytes)
                continue
            }
            if isReplica, let found = try sound(name, repository.configuration.id) {
                try setAside(entry.name, bytes)
                try store.replace(entry.name, found)
                note(.takenRecord, entry.name, name.title)
                continue
            }
            try lose(name, entry.name, bytes)
        }
        if isReplica {
            try takeMissingTables(repository)
            for id in try tableIDs() { try takeMissingCommits(id, repository) }
        }
        try rebuildTableRecords(repository)
        for id in try tableIDs() {
            try fillGaps(id) { isReplica ? try sound($0, repository.configuration.id) : nil }
        }
    }

    /// A damaged mark says nothing. What it should say nobody knows: its name may be what is wrong.
    private func repair(_ mark: CopyMark) throws {
        guard let bytes = try store.readIfPresent(mark.path), bytes != mark.bytes else { return }
        try setAside(mark.path, bytes)
        try store.deleteIfPresent(mark.path)
        note(.setAsideRecord, mark.path, "mark of a copy; the next copy leaves another")
    }

    /// Puts the bytes in place that an object had before one of them went wrong.
    func correct(
        _ path: String, _ wrong: [UInt8], _ right: [UInt8], _ title: String
    ) throws {
        try setAside(path, wrong)
        try store.replace(path, right)
        note(.correctedRecord, path, "\(title): one byte was wrong")
    }

    /// The bytes of a record in the other repository, if they are sound.
    private func sound(_ name: ObjectName, _ id: RepositoryID) throws -> [UInt8]? {
        guard let bytes = try other?.store.readIfPresent(name.path) else { return nil }
        return name.fault(in: bytes, of: id) == nil ? bytes : nil
    }

    /// Sets aside a record that no one can mend.
    private func lose(_ name: ObjectName, _ path: String, _ bytes: [UInt8]) throws {
        switch name {
        case .table: return  // It is made anew, or told of as lost, when all have been read.
        case .backup(let id, let backup):
            report.losses.append(
                RepairReport.Loss(
                    table: title(of: id),
                    text: "the record of backup \(backup.description.prefix(8))"))
        case .settings(let id, _):
            report.losses.append(
                RepairReport.Loss(table: title(of: id), text: "a record of its settings"))
        case .retention(let id, let ordinal):
            try setAside(path, bytes)
            // It may have promised more than the others do.
            let all = RetentionRecord(written: environment.time.now())
            try store.replace(path, try all.seal())
            note(
                .setAsideRecord, path,
                "retention \(ordinal) of table \(title(of: id)); everything stays until "
                    + "'varve retention' says otherwise")
            return
        default: break
        }
        try setAside(path, bytes)
        try store.deleteIfPresent(path)
        note(.setAsideRecord, path, name.title)
    }

    /// A table's name if its record can be read, else its id.
    func title(of id: TableID) -> String {
        let name = ObjectName.table(id).path
        // Whatever is wrong with it, whoever needs the record itself says so.
        let record = try? TableRecord(sealed: try store.read(name), name: name)
        return record?.name ?? id.description
    }

    /// The tables of which there is anything.
    func tableIDs() throws -> [TableID] {
        var ids: Set<TableID> = []
        for entry in try store.list(ObjectName.tablesPrefix) {
            switch ObjectName(path: entry.name) {
            case .table(let id)?, .commit(let id, _)?, .layout(let id, _)?, .backup(let id, _)?:
                ids.insert(id)
            default: continue
            }
        }
        return ids.sorted()
    }

    // MARK: Table records

    /// Makes those records of tables anew that are lost here and in the replica.
    private func rebuildTableRecords(_ repository: Repository) throws {
        for id in try tableIDs() {
            let name = ObjectName.table(id)
            let remains = try store.readIfPresent(name.path)
            if let remains, name.fault(in: remains, of: repository.configuration.id) == nil {
                continue
            }
            try checkStop()
            let rebuild = TableRecordRebuild(repository: repository, isStopping: isStopping)
            let record: TableRecord
            let text: String
            switch try rebuild.rebuild(id, remains: remains, statements) {
            case .unknown(let reason):
                report.losses.append(RepairReport.Loss(table: id.description, text: reason))
                continue
            case .proven(let found):
                (record, text) = (found, "made anew, as the first commit proves it")
            case .likely(let found):
                (record, text) = (found, "made anew; only its time of creation is not known")
            }
            if let remains { try setAside(name.path, remains) }
            try store.replace(name.path, try record.seal())
            note(.madeRecord, name.path, "record of table \(record.title): \(text)")
        }
    }

    // MARK: What is missing

    private func takeMissingTables(_ repository: Repository) throws {
        for id in try tableIDs() {
            let name = ObjectName.table(id)
            guard try store.metadataIfPresent(name.path) == nil,
                let bytes = try sound(name, repository.configuration.id)
            else { continue }
            _ = try store.createIfAbsent(name.path, bytes)
            note(.takenRecord, name.path, name.title)
        }
    }

    /// Takes the commits that follow from the last one here. What the replica tells of later
    /// history in another way is a copy's business.
    func takeTrailingCommits(_ repository: Repository) throws {
        guard let other, isReplica(of: repository.configuration.id) else { return }
        for (id, record) in try repository.catalog(for: .reading).tables {
            let history = try repository.history(id, record, for: .reading)
            // What is missing before, or was closed here, nothing may go on from.
            if !history.damage.isEmpty || history.isEmpty { continue }
            var (sequence, head) = (history.nextSequence, history.head)
            var closed = history.chainHead.isClosed
            while true {
                let name = ObjectName.commit(id, sequence: sequence)
                guard let bytes = try sound(name, repository.configuration.id) else { break }
                let commit = try CommitRecord(sealed: bytes, name: name.path)
                if commit.logical.before != head || closed && !commit.logical.beginsRange { break }
                guard try store.createIfAbsent(name.path, bytes) else { break }
                note(.takenRecord, name.path, name.title)
                (sequence, head, closed) = (sequence &+ 1, commit.hash, commit.logical.closesRange)
            }
            try tellOfMore(than: sequence, id, record, other)
        }
    }

    private func tellOfMore(
        than sequence: UInt64, _ id: TableID, _ record: TableRecord, _ other: Repository
    ) throws {
        guard let theirs = try? other.history(id, record, for: .reading),
            theirs.nextSequence > sequence, let end = theirs.ranges.map(\.to).max()
        else { return }
        report.notes.append(
            "the other repository has the history of table \(record.name) up to \(end), "
                + "\(theirs.nextSequence - sequence) commits more than this one; run 'varve copy "
                + "--from \(other.store.location)' to bring it")
    }

    /// Commits that must be there: between others, before the first, and those that backups name.
    private func takeMissingCommits(_ id: TableID, _ repository: Repository) throws {
        var present: Set<UInt64> = []
        var last: UInt64?
        for entry in try store.list("\(ObjectName.tablesPrefix)\(id)/") {
            switch ObjectName(path: entry.name) {
            case .commit(_, let sequence)?:
                present.insert(sequence)
                last = max(last ?? 0, sequence)
            case .backup?:
                // One that is damaged has been set aside before, and told of.
                guard let bytes = try store.readIfPresent(entry.name),
                    let backup = try? BackupRecord(sealed: bytes, name: entry.name)
                else { continue }
                last = max(last ?? 0, backup.commitSequence)
            default: continue
            }
        }
        guard let last else { return }
        let first = try newestSoundLayout(id, in: store)?.nextSequence ?? 0
        if first > last { return }
        for sequence in first...last where !present.contains(sequence) {
            let name = ObjectName.commit(id, sequence: sequence)
            guard let bytes = try sound(name, repository.configuration.id) else { continue }
            _ = try store.createIfAbsent(name.path, bytes)
            note(.takenRecord, name.path, name.title)
        }
    }

    func newestSoundLayout(_ id: TableID, in store: any ObjectStore) throws -> LayoutRecord? {
        var newest: LayoutRecord?
        for entry in try store.list(ObjectName.layoutsPrefix(of: id)) {
            // Damaged ones are what this is looking behind.
            guard case .layout(_, let number)? = ObjectName(path: entry.name),
                let bytes = try store.readIfPresent(entry.name),
                let layout = try? LayoutRecord(sealed: bytes, name: entry.name),
                layout.table == id, layout.number == number
            else { continue }
            newest = layout
        }
        return newest
    }

    /// Of a table whose newest layout is lost: takes the other repository's newest, with the
    /// commits from it on that are not here.
    func takeLayouts(_ repository: Repository) throws {
        guard let other, isReplica(of: repository.configuration.id) else { return }
        for (id, record) in try repository.catalog(for: .reading).tables {
            let history = try repository.history(id, record, for: .reading)
            if history.damage.isEmpty { continue }
            guard let found = try newestSoundLayout(id, in: other.store),
                found.nextSequence > history.layout?.nextSequence ?? 0
            else { continue }
            let last = history.commits.last?.logical.sequence
            for entry in try other.store.list(ObjectName.commitsPrefix(of: id)) {
                guard case .commit(_, let sequence)? = ObjectName(path: entry.name),
                    sequence >= found.nextSequence, sequence < last ?? .max,
                    let bytes = try sound(
                        .commit(id, sequence: sequence), repository.configuration.id)
                else { continue }
                if try store.createIfAbsent(entry.name, bytes) {
                    note(.takenRecord, entry.name, "commit")
                }
            }
            var layout = found
            layout.number = max(found.number, lostLayouts[id] ?? 0, history.layoutNumber) + 1
            let name = ObjectName.layout(id, number: layout.number).path
            _ = try store.createIfAbsent(name, try layout.seal())
            note(.takenRecord, name, "layout")
        }
    }

    /// Numbers of the layouts that were set aside.
    var lostLayouts: [TableID: UInt64] {
        var numbers: [TableID: UInt64] = [:]
        for action in report.actions where action.kind == .setAsideRecord {
            guard case .layout(let id, let number)? = ObjectName(path: action.object) else {
                continue
            }
            numbers[id] = max(numbers[id] ?? 0, number)
        }
        return numbers
    }
}

extension ObjectName {
    /// Whether it is a sealed object that only repair replaces. Intents and leases are not: what
    /// counts of them is that they are there.
    fileprivate var isRecord: Bool {
        switch self {
        case .table, .commit, .layout, .settings, .retention, .backup, .condemned: true
        default: false
        }
    }

    fileprivate var title: String {
        switch self {
        case .table: "table record"
        case .commit: "commit"
        case .layout: "layout"
        case .settings: "settings"
        case .retention: "retention"
        case .backup: "backup"
        case .condemned: "list of condemned packs"
        default: "object"
        }
    }

    /// What is wrong with a record's bytes; nil if nothing.
    fileprivate func fault(in bytes: [UInt8], of repository: RepositoryID) -> VarveError? {
        do throws(VarveError) {
            if try !fits(bytes, repository) {
                return VarveError(.damaged, "it is of another table, or another one", at: path)
            }
            return nil
        } catch {
            return error
        }
    }

    private func fits(
        _ bytes: [UInt8], _ repository: RepositoryID
    ) throws(VarveError) -> Bool {
        switch self {
        case .table(let id):
            return try TableRecord(sealed: bytes, name: path).id(in: repository) == id
        case .commit(let id, let sequence):
            let logical = try CommitRecord(sealed: bytes, name: path).logical
            return logical.table == id && logical.sequence == sequence
        case .layout(let id, let number):
            let layout = try LayoutRecord(sealed: bytes, name: path)
            return layout.table == id && layout.number == number
        case .backup(_, let id): return try BackupRecord(sealed: bytes, name: path).id == id
        case .settings: _ = try SettingsRecord(sealed: bytes, name: path)
        case .retention: _ = try RetentionRecord(sealed: bytes, name: path)
        case .condemned: _ = try CondemnedRecord(sealed: bytes, name: path)
        default: break
        }
        return true
    }
}
