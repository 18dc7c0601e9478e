import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

@testable import VarveArchive

extension GoldenBuilder {
    /// A replica of another builder's repository, with all that is in it.
    init(replicaOf other: GoldenBuilder, seed: UInt64) throws {
        time = other.time
        time.advance(seconds: 1)
        store = MemoryStore(clock: time)
        repository = try Repository.replica(
            of: other.repository, in: store,
            environment: Self.environment(time: time, seed: seed), makes: true
        ).repository
        expected = other.expected
        let report = try RepositoryCopy(from: other.repository, to: repository).run()
        #expect(report.tables.compactMap(\.failure).isEmpty)
    }

    /// Names a recorded state.
    func name(_ second: Int64, of table: String, as name: String) throws {
        let history = try repository.history(of: table)
        let point = try #require(try history.checkpoint(at: Self.instant(second)))
        let origin = history.origin(of: point.instant)
        _ = try repository.makeBackup(
            history, name: name,
            checkpoint: Checkpoint(
                instant: point.instant, changes: point.changes, items: point.items,
                bytes: point.bytes, digest: try #require(point.digest.whole)),
            commitSequence: origin.sequence, commitHash: origin.hash, keepUntil: nil,
            source: "the recorded state at \(point.instant)")
    }

    mutating func forget(_ name: String, of table: String) throws {
        let history = try repository.history(of: table)
        let gone = history.backups.filter { $0.name == name }
        #expect(gone.count == 1)
        try repository.forget(history.id, gone)
        expected["\(table)-\(name)"] = nil
    }

    /// Drops what retention no longer promises, and condemns what nothing needs.
    /// - Parameter grace: microseconds.
    func prune(grace: Int64) throws -> PruningReport {
        time.advance(seconds: 1)
        return try Pruning(repository, Pruning.Request(grace: grace)).run()
    }

    /// Gives the last run of a table's layout a time list, in the next layout.
    func listTimes(of table: String) throws {
        let history = try repository.history(of: table)
        var layout = try #require(history.layout)
        let place = try #require(
            layout.pieces.lastIndex { $0.kind == .run && $0.tree.entries > 1 })
        let run = layout.pieces[place]
        let scan = try RunScan(
            run.tree, schema: history.record.keySchema, repository: repository)
        var entries: [(second: Int64, ordinal: UInt64)] = []
        while let block = try scan.nextBlock() {
            for index in 0..<block.changes.count {
                let time = block.changes.stamps[index].time
                entries.append((time / 1_000_000, UInt64(entries.count)))
            }
        }
        entries.sort { ($0.second, $0.ordinal) < ($1.second, $1.ordinal) }
        var plain = ByteWriter()
        TimeListPage(
            entries: entries.map { TimeListEntry(second: $0.second, ordinal: $0.ordinal) }
        ).encode(into: &plain)
        let list = EncodedBlob(.timeList, plain: plain.bytes)
        layout.pieces[place].timeList = list.id
        layout.inline += list.bytes
        layout.number += 1
        layout.written = repository.now()
        try store.create(ObjectName.layout(history.id, number: layout.number).path, layout.seal())
        try store.delete(ObjectName.layout(history.id, number: layout.number - 1).path)
    }

    /// A pack that no index lists, as a writer leaves it that came to no end.
    func leavePack(of text: String) throws {
        var plain = ByteWriter()
        plain.append(AttributeType.string.rawValue)
        plain.append(text: text)
        var builder = PackBuilder()
        try builder.append(record: EncodedBlob(.outlinedValue, plain: plain.bytes).bytes.raw)
        let pack = builder.finish()
        try store.create(ObjectName.pack(pack.name).path, pack.bytes)
        time.advance(seconds: 1)
    }

    /// Records changes of which the last second is not complete.
    func recordOpenSecond(_ table: String, _ changes: [Change]) throws {
        let history = try repository.history(of: table)
        let recorder = try Recorder(
            repository, history: history, heads: .memory,
            options: Recorder.Options(sourceKind: "golden"))
        recorder.begin(source: "\(table).jsonl", at: 0)
        var end: UInt64 = 0
        try recorder.append(try Self.batch(changes, history.record.keySchema, from: &end))
        try recorder.commitOpenSecond()
        try recorder.end()
    }
}
