public import VarveFormat
import VarveStorage
public import VarveBytes

/// What is promised to stay of a table's history: all that its retention records together promise.
/// Source: Spec 10, Retention.
public struct RetentionPolicy: Sendable, Hashable {
    /// The records that count, the newest last; empty: nothing of history is dropped.
    public var records: [RetentionRecord]

    public init(_ records: [RetentionRecord]) { self.records = records }

    /// Whether nothing may be dropped.
    public var keepsEverything: Bool {
        records.isEmpty || records.contains(where: \.isEmpty)
    }

    /// The record that holds; nil if there is none.
    public var newest: RetentionRecord? { records.last }

    /// Days of the window, hours, days, weeks, months and years: the most that a record promises.
    public var longest: RetentionRecord? {
        guard var result = records.last else { return nil }
        for record in records {
            result.days = max(result.days, record.days)
            result.hourly = max(result.hourly, record.hourly)
            result.daily = max(result.daily, record.daily)
            result.weekly = max(result.weekly, record.weekly)
            result.monthly = max(result.monthly, record.monthly)
            result.yearly = max(result.yearly, record.yearly)
        }
        return result
    }

    /// Whether the newest record promises less than others that still count.
    public var isShortened: Bool {
        guard var newest, var longest else { return false }
        newest.written = 0
        longest.written = 0
        newest.endsEarlierPromises = false
        longest.endsEarlierPromises = false
        return keepsEverything ? !newest.isEmpty && records.count > 1 : newest != longest
    }
}

extension Repository {
    /// What is promised of a table's history.
    /// - Throws: `damaged` if a record cannot be read, or is missing before another: what it
    ///   promised is not known. Source: Spec 11, Verification.
    public func retention(of table: TableID) throws(VarveError) -> RetentionPolicy {
        var records: [RetentionRecord] = []
        var expected: UInt64 = 0
        let entries = try store.list(ObjectName.retentionPrefix(of: table))
        for entry in entries.sorted(by: { $0.name < $1.name }) {
            guard case .retention(_, let ordinal)? = ObjectName(path: entry.name) else { continue }
            if ordinal != expected {
                throw VarveError(
                    .damaged,
                    "the record is missing, and what it promised is not known; copy it back from "
                        + "a replica, or run 'varve repair'",
                    at: ObjectName.retention(table, ordinal: expected).path)
            }
            expected += 1
            let record = try RetentionRecord(sealed: try store.read(entry.name), name: entry.name)
            if record.endsEarlierPromises { records = [] }
            records.append(record)
        }
        return RetentionPolicy(records)
    }

    /// Promises something else from now on. What was promised before and is more stays promised,
    /// unless the record ends that.
    public func promise(_ record: RetentionRecord, of table: TableID) throws(VarveError) {
        var ordinal: UInt64 = 0
        for entry in try store.list(ObjectName.retentionPrefix(of: table)) {
            if case .retention(_, let last)? = ObjectName(path: entry.name) {
                ordinal = max(ordinal, last &+ 1)
            }
        }
        let bytes = try record.seal()
        while try !store.createIfAbsent(
            ObjectName.retention(table, ordinal: ordinal).path, bytes)
        {
            ordinal += 1
        }
    }

    /// Sees to it that a table's history is not taken for states of full copies, which go with
    /// their backups: promises that everything stays, if nothing is promised yet.
    public func keepHistory(of table: TableID) throws(VarveError) {
        if try store.list(ObjectName.retentionPrefix(of: table)).isEmpty {
            try promise(RetentionRecord(written: now()), of: table)
        }
    }
}
