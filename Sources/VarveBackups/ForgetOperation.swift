public import VarveArchive
public import VarveBytes
public import VarveFormat

/// Which backups of a table are to be forgotten.
public struct ForgetRequest: Sendable {
    public var table: String
    /// Backups by name, ARN or the beginning of an id.
    public var names: [String] = []
    /// Keep so many of the newest, and those that the other rules keep.
    public var keepLast: Int?
    /// Keep those whose state lies at most so long before the newest; microseconds.
    public var keepWithin: Int64?
    /// Keep the newest of each of so many hours, days, weeks, months and years that have backups
    /// (in UTC).
    public var keepHourly: Int?
    public var keepDaily: Int?
    public var keepWeekly: Int?
    public var keepMonthly: Int?
    public var keepYearly: Int?
    /// Forget those whose promised time is over.
    public var expired = false
    /// Forget backups that are named although they were promised to be kept longer.
    public var force = false
    /// Only tell what would be done.
    public var isDryRun = false

    /// - Parameter table: its name; "" for `ForgetOperation.runAll()`.
    public init(table: String = "") { self.table = table }

    /// Whether it says what to keep.
    public var hasRules: Bool {
        keepWithin != nil
            || [keepLast, keepHourly, keepDaily, keepWeekly, keepMonthly, keepYearly]
                .contains { $0 != nil }
    }
}

/// What was, or would be, forgotten.
public struct ForgetReport: Sendable {
    /// The incarnation of the table.
    public var tableID: TableID
    public var table: TableRecord
    public var forgotten: [BackupRecord]
    public var kept: [BackupRecord]
    /// Of those kept: the ones that no rule looked at, because they were promised to be kept until
    /// a time that is to come; when it is over they go by themselves.
    public var promised: [BackupRecord]
    /// Of those kept: the ones that no rule looked at, because `prune` deletes them: the time until
    /// which they were to be kept is over.
    public var over: [BackupRecord]
    /// Other incarnations of the name that have backups; rules do not judge those.
    public var untouched: [String] = []
}

/// Deletes backups by name or by rules. Their data stays until `prune`.
///
/// Rules look only at backups that nothing but `forget` deletes. One that was to be kept until some
/// time goes by itself when that is over; it takes the place of no other, and no rule deletes it.
public struct ForgetOperation {
    private let repository: Repository
    private let request: ForgetRequest

    public init(_ repository: Repository, _ request: ForgetRequest) {
        self.repository = repository
        self.request = request
    }

    /// - Throws: `notFound`, `ambiguous`; `refused` if a backup that was named is promised longer,
    ///   unless `force`; `invalidInput` if the request says nothing.
    public func run() throws(VarveError) -> ForgetReport {
        try checkRequest()
        let choice = try repository.tableChoice(request.table, for: .writing)
        let histories = try repository.histories(of: choice, for: .writing)
        let history = try concerned(histories)
        var report = try run(history)
        for other in histories where other.id != history.id && !other.backups.isEmpty {
            report.untouched.append(choice.title(of: other.record))
        }
        return report
    }

    /// The incarnation that has the backups that are named; for rules the newest.
    private func concerned(_ histories: [TableHistory]) throws(VarveError) -> TableHistory {
        let newest = histories.last { !$0.isEmpty } ?? histories[histories.count - 1]
        var found: [TableHistory] = request.hasRules || request.expired ? [newest] : []
        for name in request.names {
            let history = try TableHistory.backup(named: name, in: histories).history
            if !found.contains(where: { $0.id == history.id }) { found.append(history) }
        }
        if found.count < 2 { return found.first ?? newest }
        throw VarveError(
            .ambiguous,
            "this is about several incarnations of the table: "
                + found.map(\.record.title).joined(separator: ", ")
                + "; forget backups of each by itself")
    }

    /// Applies the rules to every incarnation of every table, each by itself.
    /// - Throws: `invalidInput` if the request says nothing, or names backups.
    public func runAll() throws(VarveError) -> [ForgetReport] {
        try checkRequest()
        if !request.names.isEmpty {
            throw VarveError(.invalidInput, "backups are named with their table")
        }
        // All are read before the first backup goes: damage that is found then has cost nothing.
        var histories: [TableHistory] = []
        for entry in try repository.tables() {
            histories.append(try repository.history(entry.id, entry.record))
        }
        var reports: [ForgetReport] = []
        for history in histories where !history.isEmpty { reports.append(try run(history)) }
        return reports
    }

    private func checkRequest() throws(VarveError) {
        if !request.names.isEmpty || request.hasRules || request.expired { return }
        throw VarveError(
            .invalidInput,
            "say which backups to forget: names, --expired, or what to keep with --keep-…")
    }

    private func run(_ history: TableHistory) throws(VarveError) -> ForgetReport {
        let report = try plan(history)
        if !request.isDryRun { try repository.forget(history.id, report.forgotten) }
        return report
    }

    private func plan(_ history: TableHistory) throws(VarveError) -> ForgetReport {
        let backups = history.backups
        let now = repository.now()
        var chosen = try named(history, now)
        let promised = backups.filter { ($0.keepUntil ?? 0) > now && !chosen.contains($0.id) }
        var over = backups.filter { ($0.keepUntil ?? .max) <= now && !chosen.contains($0.id) }
        if request.hasRules {
            // What goes anyway must not stand for what stays.
            let lasting = backups.filter { $0.keepUntil == nil && !chosen.contains($0.id) }
            let kept = keptByRules(lasting)
            for backup in lasting where !kept.contains(backup.id) { chosen.insert(backup.id) }
        }
        if request.expired {
            chosen.formUnion(over.map(\.id))
            over = []
        }
        return ForgetReport(
            tableID: history.id, table: history.record,
            forgotten: backups.filter { chosen.contains($0.id) },
            kept: backups.filter { !chosen.contains($0.id) },
            promised: request.hasRules ? promised : [], over: request.hasRules ? over : [])
    }

    /// The backups that the request names.
    private func named(
        _ history: TableHistory, _ now: Int64
    ) throws(VarveError) -> Set<BackupID> {
        var chosen: Set<BackupID> = []
        for name in request.names {
            let backup = try history.backup(named: name)
            if !request.force, let time = backup.keepUntil, time > now,
                let until = Self.instant(time)
            {
                throw VarveError(
                    .refused,
                    "backup \(backup.name) is promised to be kept until \(until); if it must go, "
                        + "use --force", at: "table \(request.table)")
            }
            chosen.insert(backup.id)
        }
        return chosen
    }

    private static func instant(_ microseconds: Int64) -> Instant? {
        Instant(second: microseconds / 1_000_000)
    }

    // MARK: Rules

    private func keptByRules(_ backups: [BackupRecord]) -> Set<BackupID> {
        let newestFirst = backups.sorted { ($0.instant, $0.created) > ($1.instant, $1.created) }
        guard let newest = newestFirst.first else { return [] }
        var kept = Set(newestFirst.prefix(request.keepLast ?? 0).map(\.id))
        if let within = request.keepWithin {
            let least = newest.instant.microseconds - within
            kept.formUnion(newestFirst.filter { $0.instant.microseconds >= least }.map(\.id))
        }
        let periods: [(Int?, (BackupRecord) -> String)] = [
            (request.keepHourly, { String($0.instant.description.prefix(13)) }),
            (request.keepDaily, { String($0.instant.description.prefix(10)) }),
            (request.keepWeekly, { String(Self.week($0.instant)) }),
            (request.keepMonthly, { String($0.instant.description.prefix(7)) }),
            (request.keepYearly, { String($0.instant.description.prefix(4)) }),
        ]
        for (limit, period) in periods {
            guard let limit else { continue }
            var seen: Set<String> = []
            for backup in newestFirst {
                let name = period(backup)
                if seen.contains(name) { continue }
                if seen.count == limit { break }
                seen.insert(name)
                kept.insert(backup.id)
            }
        }
        return kept
    }

    /// Weeks begin on Monday; 1970-01-01 was a Thursday.
    private static func week(_ instant: Instant) -> Int64 {
        let days = instant.second >= 0 ? instant.second / 86_400 : ~(~instant.second / 86_400)
        let shifted = days + 3
        return shifted >= 0 ? shifted / 7 : ~(~shifted / 7)
    }
}
