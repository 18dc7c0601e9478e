import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// Makes a repository whose every byte follows from its seed: clock, randomness and threads are
/// fixed.
struct GoldenBuilder {
    /// 2025-06-15T15:06:40Z: second 0.
    static let start: Int64 = 1_750_000_000_000_000

    let store: MemoryStore
    let repository: Repository
    /// Lines of DynamoDB JSON, in key order, by `table-backup`, or by `table@second` (since 1970).
    var expected: [String: [String]] = [:]
    let time: ManualTime

    init(seed: UInt64, packBytes: UInt64 = RepositoryConfiguration.packBytesDefault) throws {
        time = ManualTime(Self.start)
        store = MemoryStore(clock: time)
        repository = try Repository.create(
            in: store, environment: Self.environment(time: time, seed: seed), packBytes: packBytes)
    }

    static func environment(time: any TimeSource, seed: UInt64) -> Repository.Environment {
        Repository.Environment(
            time: time, random: SeededRandom(seed: seed), workers: 1, writer: "golden 1")
    }

    static func instant(_ second: Int64) throws -> Instant {
        try #require(Instant(second: start / 1_000_000 + second))
    }

    /// Records a new incarnation of a table.
    func makeTable(
        _ name: String, _ schema: KeySchema, arn: String = "", serviceID: String = ""
    ) throws {
        time.advance(seconds: 1)
        _ = try repository.makeTable(name: name, schema: schema, arn: arn, serviceID: serviceID)
    }

    /// Backs a table up.
    /// - Parameter lines: items as DynamoDB JSON, in any order.
    @discardableResult
    mutating func backUp(
        _ table: String, _ lines: [String], name: String, second: Int64, keepUntil: Int64? = nil
    ) throws -> FullBackup.Outcome {
        time.advance(seconds: 60)
        let history = try repository.history(of: table)
        let backup = try FullBackup(
            repository, history: history,
            request: FullBackup.Request(
                instant: Self.instant(second), force: true, sourceKind: "dynamodb-json"))
        var rows = RowBuffer()
        let sorted = try Self.sort(lines, history.record.keySchema, into: &rows)
        if rows.count > 0 { try backup.append(try backup.rowPreparer.prepare(&rows)) }
        let outcome = try backup.finish()
        _ = try repository.makeBackup(
            try repository.history(of: table), name: name, checkpoint: outcome.checkpoint,
            commitSequence: outcome.commitSequence, commitHash: outcome.commitHash,
            keepUntil: keepUntil, source: "\(name).jsonl")
        expected["\(table)-\(name)"] = sorted
        return outcome
    }

    /// Stores what a table was configured to be from an instant on.
    func configure(
        _ table: String, ordinal: UInt64, second: Int64, _ documents: [(kind: String, json: String)]
    ) throws {
        let record = SettingsRecord(
            time: try Self.instant(second).microseconds,
            documents: documents.map { SettingsRecord.Document(kind: $0.kind, json: $0.json) })
        let history = try repository.history(of: table)
        try store.create(
            ObjectName.settings(history.id, ordinal: ordinal).path, try record.seal())
    }

    /// Parses rows in key order, and gives their lines in that order.
    private static func sort(
        _ lines: [String], _ schema: KeySchema, into rows: inout RowBuffer
    ) throws -> [String] {
        var found = RowBuffer()
        try parse(Array(lines.joined(separator: "\n").utf8), schema, into: &found)
        #expect(found.count == lines.count)
        var keys: [[UInt8]] = []
        for index in 0..<found.count { keys.append(found.keyBytes(index)) }
        let order = keys.indices.sorted { keys[$0].lexicographicallyPrecedes(keys[$1]) }
        for index in order {
            rows.append(key: found.key(index), value: found.value(index))
        }
        return order.map { lines[$0] }
    }
}

/// Parses lines of items.
func parse(
    _ text: [UInt8], _ schema: KeySchema, form: ItemForm = .dynamoDB, into rows: inout RowBuffer
) throws {
    var parser = ItemParser(schema: schema, form: form)
    var offsets: [UInt32] = []
    do throws(ParseFault) {
        try parser.parse(lines: text.raw, into: &rows, lineOffsets: &offsets)
    } catch {
        throw VarveError(.invalidInput, "byte \(error.offset): \(error.message)")
    }
}
