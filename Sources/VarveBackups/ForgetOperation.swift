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
    /// Keep the newest of each of so many days, weeks and months that have backups (in UTC).
    public var keepDaily: Int?
    public var keepWeekly: Int?
    public var keepMonthly: Int?
    /// Forget those whose promised time is over.
    public var expired = false
    /// Forget backups although they were promised to be kept longer.
    public var force = false
    /// Only tell what would be done.
    public var isDryRun = false

    public init(table: String) { self.table = table }

    var hasRules: Bool {
        keepLast != nil || keepWithin != nil || keepDaily != nil || keepWeekly != nil
            || keepMonthly != nil
    }
}

/// What was, or would be, forgotten.
public struct ForgetReport: Sendable {
    public var forgotten: [BackupRecord]
    public var kept: [BackupRecord]
    /// Of those kept: the ones that only their promise keeps.
    public var promised: [BackupRecord]
}

/// Deletes backups by name or by rules. Their data stays until `prune`.
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
        let history = try repository.history(of: request.table)
        let report = try plan(history.backups) { (name) throws(VarveError) in
            try history.backup(named: name)
        }
        if !request.isDryRun { try repository.forget(history.id, report.forgotten) }
        return report
    }

    private func plan(
        _ backups: [BackupRecord], find: (String) throws(VarveError) -> BackupRecord
    ) throws(VarveError) -> ForgetReport {
        var chosen: Set<BackupID> = []
        let now = repository.now()
        func isPromised(_ backup: BackupRecord) -> Bool {
            !request.force && (backup.keepUntil ?? 0) > now
        }
        if request.names.isEmpty, !request.hasRules, !request.expired {
            throw VarveError(
                .invalidInput,
                "say which backups to forget: names, --expired, or what to keep with --keep-…")
        }
        for name in request.names {
            let backup = try find(name)
            if isPromised(backup), let until = backup.keepUntil.flatMap(Self.instant) {
                throw VarveError(
                    .refused,
                    "backup \(backup.name) is promised to be kept until \(until); if it must go, "
                        + "use --force", at: "table \(request.table)")
            }
            chosen.insert(backup.id)
        }
        if request.hasRules {
            let kept = keptByRules(backups)
            for backup in backups where !kept.contains(backup.id) { chosen.insert(backup.id) }
        }
        if request.expired {
            for backup in backups where backup.keepUntil.map({ $0 <= now }) == true {
                chosen.insert(backup.id)
            }
        }
        let promised = backups.filter { chosen.contains($0.id) && isPromised($0) }
        chosen.subtract(promised.map(\.id))
        return ForgetReport(
            forgotten: backups.filter { chosen.contains($0.id) },
            kept: backups.filter { !chosen.contains($0.id) }, promised: promised)
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
            (request.keepDaily, { String($0.instant.description.prefix(10)) }),
            (request.keepWeekly, { String(Self.week($0.instant)) }),
            (request.keepMonthly, { String($0.instant.description.prefix(7)) }),
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
