public import VarveArchive
public import VarveBytes
public import VarveFormat

// Finding states where a table name has several incarnations. Source: Spec 11, Names of tables.

/// A state that was found, and the incarnation that has it.
public struct FoundState: Sendable {
    public var history: TableHistory
    public var state: SelectedState
    /// What people call the incarnation: `Orders`, or `Orders (1)` if there are several.
    public var title: String
}

extension Repository {
    /// Finds a backup in all incarnations that a text means.
    /// - Parameter tell: is told of what cannot be read of the one that is found, or of all.
    /// - Throws: `notFound`, `ambiguous`; what opening the table throws.
    public func backup(
        named name: String, of table: String, for purpose: HistoryPurpose,
        tell: ([VarveError]) -> Void = { _ in }
    ) throws(VarveError) -> (history: TableHistory, record: BackupRecord, title: String) {
        let choice = try tableChoice(table, for: purpose)
        let histories = try histories(of: choice, for: purpose)
        let found: (history: TableHistory, record: BackupRecord)
        do throws(VarveError) {
            found = try TableHistory.backup(named: name, in: histories)
        } catch {
            tell(histories.flatMap(\.damage))
            throw error
        }
        tell(found.history.damage)
        return (found.history, found.record, choice.title(of: found.history.record))
    }

    /// Finds a state of a table, and with it the incarnation that is meant: a backup's own; for an
    /// instant the newest one that has it; else the newest.
    /// - Parameter tell: is told of what cannot be read of the incarnations that are looked at.
    /// - Throws: as `TableHistory.state`, and what opening the table throws.
    public func state(
        _ selection: StateSelection, of table: String, for purpose: HistoryPurpose = .reading,
        tell: ([VarveError]) -> Void = { _ in }
    ) throws(VarveError) -> FoundState {
        if case .backup(let name) = selection {
            let (history, record, title) = try backup(
                named: name, of: table, for: purpose, tell: tell)
            let state = SelectedState(plan: try history.plan(of: record), backup: record)
            return FoundState(history: history, state: state, title: title)
        }
        let choice = try tableChoice(table, for: purpose)
        let newest = try history(of: choice, for: purpose)
        tell(newest.damage)
        let missing: VarveError
        do throws(VarveError) {
            return FoundState(
                history: newest, state: try newest.state(selection),
                title: choice.title(of: newest.record))
        } catch {
            // What a damaged one had at that time nobody knows: then it throws something else.
            guard error.code == .notFound, case .instant = selection else { throw error }
            missing = error
        }
        var others: [String] = []
        for entry in choice.entries.reversed() where entry.id != newest.id {
            let older = try history(entry.id, entry.record, for: purpose)
            tell(older.damage)
            let title = choice.title(of: entry.record)
            do throws(VarveError) {
                let state = try older.state(selection)
                return FoundState(history: older, state: state, title: title)
            } catch {
                guard error.code == .notFound else { throw error }
            }
            if let first = older.ranges.first, let last = older.ranges.last {
                others.append("\(title) has states from \(first.from) to \(last.to)")
            }
        }
        if others.isEmpty { throw missing }
        throw VarveError(
            .notFound, missing.message + "; " + others.joined(separator: "; "),
            at: missing.location)
    }
}
