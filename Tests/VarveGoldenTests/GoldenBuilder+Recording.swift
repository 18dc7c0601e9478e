import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

extension GoldenBuilder {
    /// A change of one item.
    struct Change {
        /// Microseconds since second 0.
        var time: Int64
        /// The item as DynamoDB JSON; of one that is removed only its key counts.
        var line: String
        var isRemoval = false
        /// Whether it claims that there was no such item before.
        var claimsAbsence = false
    }

    /// Begins a table's history with the empty table.
    func beginHistory(_ table: String, _ schema: KeySchema, second: Int64) throws {
        time.advance(seconds: 1)
        _ = try repository.beginHistory(name: table, schema: schema, at: Self.instant(second))
    }

    /// Records changes, a commit for each group.
    /// - Parameters:
    ///   - first: lines of the state before.
    ///   - seconds: those whose states are expected.
    /// - Returns: Whether the range was closed.
    @discardableResult
    mutating func record(
        _ table: String, _ groups: [[Change]], first: [String] = [], seconds: [Int64]
    ) throws -> Bool {
        time.advance(seconds: 100_000)
        let history = try repository.history(of: table)
        let schema = history.record.keySchema
        let recorder = try Recorder(
            repository, history: history, heads: .memory,
            options: Recorder.Options(sourceKind: "golden"))
        recorder.begin(source: "\(table).jsonl", at: 0)
        var end: UInt64 = 0
        for group in groups {
            let batch = try Self.batch(group, schema, from: &end)
            try recorder.append(batch)
            try recorder.flush()
        }
        try recorder.finish()
        let isClosed = recorder.takeRejected() != nil
        try recorder.end()
        let changes = groups.joined().filter { !$0.claimsAbsence }
        for second in seconds {
            let state = try Self.state(first, changes, before: second, schema)
            expected["\(table)@\(try Self.instant(second).microseconds / 1_000_000)"] = state
        }
        return isClosed
    }

    /// Lines in key order, of what there is when all changes before a second are done.
    static func state(
        _ first: [String], _ changes: [Change], before second: Int64, _ schema: KeySchema
    ) throws -> [String] {
        var lines: [[UInt8]: String] = [:]
        for line in first { lines[try key(line, schema)] = line }
        for change in changes where change.time < second * 1_000_000 {
            lines[try key(change.line, schema)] = change.isRemoval ? nil : change.line
        }
        return lines.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map(\.value)
    }

    private static func key(_ line: String, _ schema: KeySchema) throws -> [UInt8] {
        var rows = RowBuffer()
        try parse(Array(line.utf8), schema, into: &rows)
        return rows.keyBytes(0)
    }

    /// Changes as a parser hands them over; each takes as many bytes of the source as its line.
    static func batch(
        _ changes: [Change], _ schema: KeySchema, from end: inout UInt64
    ) throws -> ChangeBatch {
        var batch = ChangeBatch()
        let codec = KeyCodec(schema)
        for change in changes {
            var parsed = RowBuffer()
            try parse(Array(change.line.utf8), schema, into: &parsed)
            var rows = RowBuffer()
            let none: [UInt8] = []
            if change.isRemoval {
                rows.append(key: parsed.key(0), value: none.raw)
            } else {
                rows.append(key: parsed.key(0), value: parsed.value(0))
            }
            batch.changes.rows.append(rows, 0..<1)
            batch.changes.stamps.append(
                ChangeStamp(
                    time: start + change.time, sequence: 0,
                    kind: change.isRemoval ? .tombstone : .put))
            batch.before.append(change.claimsAbsence ? .absent : .untold)
            end += UInt64(change.line.utf8.count + 1)
            batch.ends.append(end)
            batch.itemHashes.append(change.isRemoval ? .zero : rows.itemHash(0))
            let size = try change.isRemoval
                ? 0 : ItemMeasure.itemBytes(key: rows.key(0), value: rows.value(0), codec)
            batch.itemSizes.append(UInt32(size))
        }
        return batch
    }
}
