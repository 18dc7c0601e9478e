import VarveBytes
import VarveFormat
import VarveStorage

// Records that are missing before others: retention and settings run from 0 without a gap.

extension RepositoryRepair {
    /// Fills the gaps between a table's retention records, and between its settings: from a
    /// replica, else with a record that loses no promise and changes no settings. Source: Spec 11.
    func fillGaps(_ id: TableID, from replica: (ObjectName) throws -> [UInt8]?) throws {
        var retention: Set<UInt64> = []
        var settings: Set<UInt64> = []
        for entry in try store.list("\(ObjectName.tablesPrefix)\(id)/") {
            switch ObjectName(path: entry.name) {
            case .retention(_, let ordinal)?: retention.insert(ordinal)
            case .settings(_, let ordinal)?: settings.insert(ordinal)
            default: continue
            }
        }
        for ordinal in Self.gaps(in: retention) {
            let name = ObjectName.retention(id, ordinal: ordinal)
            if try take(name, "a retention record", replica) { continue }
            let all = RetentionRecord(written: environment.time.now())
            _ = try store.createIfAbsent(name.path, try all.seal())
            report.losses.append(
                RepairReport.Loss(
                    table: title(of: id),
                    text: "retention \(ordinal), which may have promised more than the others; "
                        + "everything stays until 'varve retention' says otherwise"))
        }
        // From the last one down: the next is there.
        for ordinal in Self.gaps(in: settings).reversed() {
            let name = ObjectName.settings(id, ordinal: ordinal)
            if try take(name, "a record of settings", replica) { continue }
            let next = ObjectName.settings(id, ordinal: ordinal + 1)
            // Of a number that nobody counted up to, the next is not there either.
            guard let following = try store.readIfPresent(next.path) else { continue }
            _ = try store.createIfAbsent(name.path, following)
            report.losses.append(
                RepairReport.Loss(
                    table: title(of: id), text: "a record of its settings (\(ordinal))"))
        }
    }

    private func take(
        _ name: ObjectName, _ title: String, _ replica: (ObjectName) throws -> [UInt8]?
    ) throws -> Bool {
        guard let bytes = try replica(name) else { return false }
        _ = try store.createIfAbsent(name.path, bytes)
        note(.takenRecord, name.path, title)
        return true
    }

    /// The numbers that are missing below others.
    private static func gaps(in ordinals: Set<UInt64>) -> [UInt64] {
        guard let last = ordinals.max(), UInt64(ordinals.count) != last &+ 1 else { return [] }
        // Of a number that nobody counted up to, the first gaps are enough to tell.
        return (0..<min(last, 65_536)).filter { !ordinals.contains($0) }
    }
}
