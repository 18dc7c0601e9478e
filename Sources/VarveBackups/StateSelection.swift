public import VarveArchive
public import VarveBytes
public import VarveFormat

/// Which state of a table is meant.
public enum StateSelection: Sendable, Hashable {
    /// A backup, by name, ARN or the beginning of its id.
    case backup(String)
    /// Any instant whose state is exactly known.
    case instant(Instant)
    /// The newest state, with changes of a second that is not complete.
    case latest
}

extension StateSelection {
    /// Reads a time as people write it; `now` is the newest state.
    /// - Throws: `invalidInput`.
    public init(time text: String) throws(VarveError) {
        if TimeText.isNow(text) {
            self = .latest
        } else {
            self = .instant(try TimeText.instant(text))
        }
    }
}

/// A state that was found: how to read it, and the backup that names it.
public struct SelectedState: Sendable {
    public var plan: StatePlan
    public var backup: BackupRecord?

    public var instant: Instant { plan.instant }

    /// For messages: `backup monday (2024-01-01T00:00:00Z)`.
    public var title: String {
        backup.map { "backup \($0.name) (\(instant))" } ?? "\(instant)"
    }
}

extension TableHistory {
    /// Finds a state.
    /// - Throws: `notFound`, `ambiguous`; `damaged` if the archive cannot put it together or a
    ///   backup contradicts the commit that it names.
    public func state(_ selection: StateSelection) throws(VarveError) -> SelectedState {
        switch selection {
        case .backup(let name):
            let record = try backup(named: name)
            return SelectedState(plan: try plan(of: record), backup: record)
        case .instant(let instant):
            return SelectedState(plan: try soundPlan(at: instant), backup: nil)
        case .latest:
            let plan = try newestPlan()
            let named = plan.isUnsealed ? nil : backups.last { $0.instant == plan.instant }
            return SelectedState(plan: plan, backup: named)
        }
    }
}
