import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// Makes a lost table record anew from what is told of it and from what proves that.
/// Source: Spec 11, Repair.
struct TableRecordRebuild {
    /// What came of it.
    enum Outcome {
        /// The bytes that it had: the first commit names their hash.
        case proven(TableRecord)
        /// The first commit is gone. Name, incarnation and types of the keys are proven.
        case likely(TableRecord)
        /// Why not, and what to do.
        case unknown(String)
    }

    let repository: Repository
    let isStopping: @Sendable () -> Bool

    /// How long before its first commit a table may have been created; microseconds.
    static let reach: Int64 = 600_000_000

    /// - Parameters:
    ///   - remains: what is left of the record.
    ///   - statements: what is said of tables, whichever they are.
    func rebuild(
        _ id: TableID, remains: [UInt8]?, _ statements: [TableStatement]
    ) throws -> Outcome {
        var known: (statement: TableStatement, ordinal: UInt64)?
        var others: [TableStatement] = []
        for statement in statements {
            guard let ordinal = statement.ordinal(of: id, in: repository.configuration.id)
            else { continue }
            others.append(statement)
            if known?.statement.keySchema == nil { known = (statement, ordinal) }
        }
        guard let known else {
            return .unknown(
                "its record, and with it everything, unless a replica is found, or 'varve repair' "
                    + "is told its name and key with --table, --partition-key and --sort-key")
        }
        let name = known.statement.name
        guard let schema = known.statement.keySchema else {
            return .unknown(
                "its record; it is the table \(name), and 'varve repair --table \(name)' needs "
                    + "--partition-key, and --sort-key if it has one")
        }
        let traces = try traces(of: id)
        if let types = traces.types,
            types.partition.type != schema.partition.type || types.sort?.type != schema.sort?.type
        {
            let sort = types.sort.map { ", and a sort key of type \($0.type.name)" }
            return .unknown(
                "its record; its pages have a partition key of type \(types.partition.type.name)"
                    + "\(sort ?? ", and no sort key"), which is not what was told")
        }
        var record = TableRecord(
            name: name, ordinal: known.ordinal, arn: "", serviceID: "",
            created: traces.earliest, keySchema: schema)
        guard let hash = traces.tableHash else {
            record.arn = others.lazy.map(\.arn).first { !$0.isEmpty } ?? ""
            record.serviceID = others.lazy.map(\.serviceID).first { !$0.isEmpty } ?? ""
            return .likely(record)
        }
        for origin in Self.origins(others) {
            (record.arn, record.serviceID) = origin
            if let found = try created(record, hash, remains, traces.firstWritten) {
                record.created = found
                return .proven(record)
            }
        }
        return .unknown(
            "its record; the first commit names the hash of the record, and with these key "
                + "attributes no time within ten minutes before that commit gives it: check "
                + "their names, or find a replica")
    }

    /// ARN and TableId as the record may have them, the likely ones first.
    private static func origins(_ statements: [TableStatement]) -> [(String, String)] {
        var origins = [("", "")]
        for statement in statements {
            let both = (statement.arn, statement.serviceID)
            for origin in [both, (both.0, ""), ("", both.1)]
            where !origins.contains(where: { $0 == origin }) {
                origins.append(origin)
            }
        }
        return origins
    }

    // MARK: What else tells of it

    private struct Traces {
        /// Of the record, as the first commit tells it.
        var tableHash: Hash256?
        /// When the first commit was written.
        var firstWritten: Int64 = 0
        /// The least time that anything was written.
        var earliest = Int64.max
        /// Types of the keys, without names.
        var types: KeySchema?
    }

    private func traces(of id: TableID) throws -> Traces {
        var traces = Traces()
        func take(_ written: Int64, _ pieces: [Piece], _ inline: [UInt8]) {
            traces.earliest = min(traces.earliest, written)
            repository.blobs.addInline(inline)
            for piece in pieces where traces.types == nil && !piece.tree.isEmpty {
                traces.types = try? types(of: piece)
            }
        }
        let store = repository.store
        for entry in try store.list("\(ObjectName.tablesPrefix)\(id)/") {
            // Damaged ones are told of where they are mended.
            guard let bytes = try store.readIfPresent(entry.name) else { continue }
            switch ObjectName(path: entry.name) {
            case .commit(_, let sequence)?:
                guard let commit = try? CommitRecord(sealed: bytes, name: entry.name),
                    commit.logical.table == id
                else { continue }
                if sequence == 0, commit.logical.sequence == 0 {
                    traces.tableHash = commit.logical.before
                    traces.firstWritten = commit.written
                }
                take(commit.written, commit.pieces, commit.inline)
            case .layout?:
                guard let layout = try? LayoutRecord(sealed: bytes, name: entry.name),
                    layout.table == id
                else { continue }
                take(layout.written, layout.pieces, layout.inline)
            case .backup?:
                guard let backup = try? BackupRecord(sealed: bytes, name: entry.name)
                else { continue }
                traces.earliest = min(traces.earliest, backup.created)
            default: continue
            }
        }
        if traces.earliest == .max { traces.earliest = repository.now() }
        return traces
    }

    /// The types of the keys, as the first leaf of a piece says.
    private func types(of piece: Piece) throws -> KeySchema {
        let kind: TreeKind = piece.kind == .image ? .image : .run
        var page = piece.tree.root
        for level in stride(from: Int(piece.tree.height), to: 0, by: -1) {
            page = try repository.blobs.children(of: page, kind: kind, level: level)[0].id
        }
        let plain = try repository.blobs.plain(page, as: kind.leafType)
        return try PageProof.schema(of: plain.raw)
    }

    // MARK: The time of creation

    /// Times that are tried at once.
    private static let batch: Int64 = 1 << 18

    /// The time of creation that gives the record this hash; nil if there is none.
    private func created(
        _ record: TableRecord, _ hash: Hash256, _ remains: [UInt8]?, _ written: Int64
    ) throws -> Int64? {
        for time in Self.times(in: remains) {
            var told = record
            told.created = time
            if told.hash == hash { return time }
        }
        let pipeline = OrderedPipeline<Range<Int64>, Int64?>(limit: repository.pipelineLimit) {
            Self.search($0, record, hash)
        }
        var end = written + 1
        let start = written - Self.reach
        while true {
            if isStopping() {
                throw VarveError(.stopped, "interrupted; run this again to go on")
            }
            while !pipeline.isFull, end > start {
                pipeline.submit(max(start, end - Self.batch)..<end)
                end -= Self.batch
            }
            guard let found = try pipeline.take() else { return nil }
            if let found { return found }
        }
    }

    private static func search(
        _ times: Range<Int64>, _ record: TableRecord, _ hash: Hash256
    ) -> Int64? {
        var marked = record
        // The time's bytes stand where two records that differ in it alone differ.
        var bytes = body(marked)
        marked.created = ~record.created
        guard let place = zip(bytes, body(marked)).enumerated().first(where: { $1.0 != $1.1 })?.0
        else { return nil }
        for time in times.reversed() {
            var rest = UInt64(bitPattern: time)
            for index in 0..<8 {
                bytes[place + index] = UInt8(truncatingIfNeeded: rest)
                rest >>= 8
            }
            if sha256(bytes.raw) == hash { return time }
        }
        return nil
    }

    /// What the table hash is the hash of. Source: Spec 05.
    private static func body(_ record: TableRecord) -> [UInt8] {
        var writer = ByteWriter(capacity: 1 << 10)
        writer.append(utf8: "varve table\0")
        record.encodeBody(into: &writer)
        return writer.takeBytes()
    }

    /// Whatever in the remains of a record may be its time.
    private static func times(in remains: [UInt8]?) -> [Int64] {
        guard let remains, remains.count >= 8 else { return [] }
        return (0...min(remains.count, 4_096) - 8).map { start in
            Int64(bitPattern: remains.raw.word(at: start))
        }
    }
}
