import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

@testable import VarveArchive

/// A repository written as one text of bytes, to be read by everything that reads repositories:
/// what a forger may have left, for each object gets the checksums that it needs.
///
///     object  type (u8, Spec 09; 0xf0 a pack) | length (u16) | name (16 bytes) | body
///
/// The name is a table's or backup's id, or begins with a number. Objects belong to the table
/// before them.
struct StoredHistory {
    static let packType: UInt8 = 0xf0
    private static let headerBytes = 19
    /// States and rows beyond these are not read: a text of bytes is small, what it says is not.
    private static let statesMax = 24
    private static let blocksMax = 64

    let store = MemoryStore(clock: ManualTime(1_760_000_000_000_000))

    init(_ bytes: [UInt8]) throws {
        var table: TableID?
        var start = 0
        while start + Self.headerBytes <= bytes.count {
            let type = bytes[start]
            let count = Int(bytes[start + 1]) | Int(bytes[start + 2]) << 8
            let name = Array(bytes[start + 3..<start + Self.headerBytes])
            start += Self.headerBytes
            let body = Array(bytes[start..<min(start + count, bytes.count)])
            start += body.count
            if type == Self.packType {
                try? store.create(ObjectName.pack(sha256(body.raw)).path, body)
                continue
            }
            guard let type = ObjectType(rawValue: type) else { continue }
            if type == .table { table = TableID(bytes: name.raw) }
            guard let path = Self.path(type, name, table) else { continue }
            let sealed = try SealedObject.seal(type) { (writer) throws(VarveError) in
                writer.append(body.raw)
            }
            try? store.create(path, sealed)
        }
    }

    private static func path(_ type: ObjectType, _ name: [UInt8], _ table: TableID?) -> String? {
        if type == .configuration { return ObjectName.configuration.path }
        guard let table else { return nil }
        let number = name.raw.word(at: 0)
        if type == .layout, number == 0 { return nil }
        switch type {
        case .table: return ObjectName.table(table).path
        case .commit: return ObjectName.commit(table, sequence: number).path
        case .layout: return ObjectName.layout(table, number: number).path
        case .retention: return ObjectName.retention(table, ordinal: number).path
        case .backup:
            return BackupID(bytes: name.raw).map { ObjectName.backup(table, $0).path }
        default: return nil
        }
    }

    /// The text of a table of a repository.
    static func text(of store: MemoryStore, table: TableID) throws -> [UInt8] {
        var output = ByteWriter()
        // A table's record stands before what belongs to it.
        let record = ObjectName.table(table).path
        let names = try store.list("").map(\.name)
        for path in names.filter({ !$0.hasPrefix("tables/") }) + [record]
            + names.filter({ $0.hasPrefix("tables/") && $0 != record })
        {
            let bytes = try store.read(path)
            guard let object = ObjectName(path: path) else { continue }
            var name = [UInt8](repeating: 0, count: 16)
            var number: UInt64?
            var owner: TableID? = table
            switch object {
            case .configuration: break
            case .table(let id): (owner, name) = (id, id.bytes)
            case .commit(let id, let sequence): (owner, number) = (id, sequence)
            case .layout(let id, let count): (owner, number) = (id, count)
            case .retention(let id, let count): (owner, number) = (id, count)
            case .backup(let id, let backup): (owner, name) = (id, backup.bytes)
            case .pack: break
            default: continue
            }
            if owner != table { continue }
            if let number {
                for byte in 0..<8 { name[byte] = UInt8(truncatingIfNeeded: number >> (8 * byte)) }
            }
            var body = bytes
            if case .pack = object {
                output.append(packType)
            } else {
                output.append(bytes[5])
                body = Array(bytes[SealedObject.headerSize..<bytes.count - 32])
            }
            output.append(UInt8(truncatingIfNeeded: body.count))
            output.append(UInt8(truncatingIfNeeded: body.count >> 8))
            output.append(name)
            output.append(body)
        }
        return output.takeBytes()
    }

    // MARK: Reading

    private func open() throws -> Repository {
        try Repository.open(
            store,
            environment: Repository.Environment(
                time: ManualTime(1_760_000_000_000_000), random: SeededRandom(seed: 7),
                workers: 1, writer: "examination"))
    }

    /// Reads, verifies, lays out, prunes and goes on recording.
    /// - Returns: what of a sound repository is not sound any more; nil if nothing is.
    /// - Throws: `VarveError` if the repository is not sound.
    func examine() throws -> String? {
        var options = VerificationOptions(data: .all, decodesPages: true, drill: .allCheckpoints)
        options.provesEverySecond = true
        let repository = try open()
        let tables = try repository.catalog(for: .reading).tables
        for table in tables { try read(repository, table.id, table.record) }
        let first = repository.verify(options).problems
        for table in (try? repository.tables()) ?? [] {
            _ = try? Compactor(repository).run(table.id, table.record, isForced: true)
            _ = try? record(repository, table.id, table.record)
        }
        _ = try? Pruning(repository, Pruning.Request(grace: 0)).run()
        if tables.isEmpty { throw VarveError(.notFound, "no tables") }
        if let problem = first.first { throw VarveError(.damaged, problem.description) }
        return try open().verify(options).problems.first?.description
    }

    private func read(_ repository: Repository, _ id: TableID, _ record: TableRecord) throws {
        let history = try repository.history(id, record, for: .reading)
        _ = history.chainHead
        _ = try? history.checkpointCount()
        var instants = history.backups.map(\.instant)
        var points = history.checkpoints()
        while instants.count < Self.statesMax, let point = try? points.next() {
            instants.append(point.instant)
        }
        instants += history.ranges.flatMap { [$0.from, $0.to] }.prefix(Self.statesMax)
        var plans = instants.map { instant in { try history.plan(at: instant) } }
        plans.append { try history.newestPlan() }
        for backup in history.backups { plans.append { try history.plan(of: backup) } }
        for plan in plans {
            do {
                let plan = try plan()
                _ = plan.storedBytes
                let rows = try repository.rows(plan, schema: record.keySchema)
                for _ in 0..<Self.blocksMax {
                    guard let block = try rows.nextBlock() else { break }
                    var whole = RowBuffer()
                    try repository.expand(block, 0..<block.rows.count, into: &whole)
                }
            } catch is VarveError {}
        }
    }

    /// Goes on recording behind what is there.
    private func record(_ repository: Repository, _ id: TableID, _ record: TableRecord) throws {
        let history = try repository.history(id, record)
        if history.chainHead.items > 1 << 16 { return }
        let recorder = try Recorder(
            repository, history: history, heads: .memory,
            options: Recorder.Options(sourceKind: "examination"))
        recorder.begin(source: "stored", at: 0)
        if record.keySchema.sort == nil, record.keySchema.partition.type == .string,
            let to = recorder.head.to
        {
            var batch = ChangeBatch()
            for key in ["a", "new"] {
                batch.changes.rows.append(key: Array(key.utf8).raw, value: [0].raw)
                batch.changes.stamps.append(ChangeStamp(time: to + 5, sequence: 0, kind: .put))
                batch.before.append(.untold)
                batch.itemHashes.append(batch.changes.rows.itemHash(batch.count - 1))
                let size = try ItemMeasure.itemBytes(
                    key: batch.changes.rows.key(batch.count - 1), value: [0].raw,
                    KeyCodec(record.keySchema))
                batch.itemSizes.append(UInt32(size))
                batch.ends.append(UInt64(batch.count))
            }
            try recorder.append(batch)
        }
        try recorder.flush()
        try recorder.finish()
        try recorder.end()
    }
}
