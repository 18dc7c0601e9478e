import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// What a new layout is to say.
struct LayoutDraft {
    /// In any order; those that overlap, or whose sequences do, become one.
    var ranges: [RestorableRange]
    /// In any order.
    var pieces: [Piece]
    var checkpoints: CheckpointTree.Outcome
    /// The first commit that it does not cover.
    var nextSequence: UInt64
    /// Hash of the commit before that.
    var head: Hash256
}

/// Publishes layouts. Source: Spec 09, Layout; Spec 11.
struct LayoutWriter {
    /// Most stored bytes of blobs that a layout carries itself. Source: Spec 11.
    static let inlineBytesMax = 262_144

    let repository: Repository
    let history: TableHistory
    /// Writes packs.
    let writer: BlobWriter
    /// Writes what the layout carries itself, as far as there is room.
    let small: BlobWriter
    private let check: @Sendable () throws -> Void

    /// - Parameter check: is called often; what it throws is thrown on.
    init(
        _ repository: Repository, _ history: TableHistory, purpose: String,
        check: @escaping @Sendable () throws -> Void = {}
    ) {
        self.repository = repository
        self.history = history
        self.check = check
        let purpose = "\(purpose) \(history.record.name)"
        writer = BlobWriter(repository, purpose: purpose, inlineBytesMax: 0)
        small = BlobWriter(repository, purpose: purpose, inlineBytesMax: Self.inlineBytesMax)
    }

    /// Makes pieces for the layout.
    var compaction: Compaction {
        Compaction(
            repository: repository, schema: history.record.keySchema, writer: writer,
            small: small, check: check)
    }

    var checkpointTree: CheckpointTree { CheckpointTree(blobs: repository.blobs, writer: small) }

    /// Writes the next layout, and deletes the commits and layouts that it replaces.
    /// - Parameter dropsStates: whether it tells of fewer states than the one before.
    /// - Returns: false if another layout was faster, or if it drops states and there are backups
    ///   that `history` does not know; then nothing has changed.
    func publish(_ draft: LayoutDraft, dropsStates: Bool = false) throws -> Bool {
        // If states must be brought back, no collector frees what they need until they are.
        if dropsStates { try writer.announce() }
        try carry(draft)
        _ = try writer.finish()
        let inline = try small.finish()
        guard history.layoutNumber < .max else {
            throw VarveError(
                .damaged, "the layout's number is the greatest that there is",
                at: ObjectName.layout(history.id, number: .max).path)
        }
        let layout = LayoutRecord(
            table: history.id, number: history.layoutNumber + 1, written: repository.now(),
            nextSequence: draft.nextSequence, before: draft.head,
            ranges: Self.joined(draft.ranges),
            pieces: draft.pieces.sorted {
                ($0.to, $0.from, $0.kind.rawValue) < ($1.to, $1.from, $1.kind.rawValue)
            },
            checkpoints: draft.checkpoints.root, inline: inline)
        guard try create(layout, dropsStates: dropsStates) else { return false }
        // The number may have been free only because a later layout replaced its bearer.
        let numbers = try repository.layouts(of: history.id)
        if numbers.last != layout.number { return false }
        repository.blobs.addInline(inline)
        try writer.confirm()
        try small.confirm()
        var number = layout.number
        // Who left an older one may have died before it looked for new backups.
        let isCutOff = numbers.contains { $0 < history.layoutNumber }
        if dropsStates || isCutOff {
            let known = isCutOff ? [] : history.backups.map(\.id)
            number = try NamedStates(
                repository: repository, id: history.id, record: history.record
            ).bringBack(known: Set(known))
        }
        try Self.clean(repository, history.id, number, draft.nextSequence)
        try writer.end()
        try small.end()
        return true
    }

    private func create(_ layout: LayoutRecord, dropsStates: Bool) throws -> Bool {
        let name = ObjectName.layout(history.id, number: layout.number).path
        let bytes = try layout.seal()
        if !dropsStates { return try repository.store.createIfAbsent(name, bytes) }
        return try DropAnnouncement(
            repository: repository, id: history.id, record: history.record
        ).publish(knowing: history.backups) { () throws -> Bool in
            try repository.store.createIfAbsent(name, bytes)
        }
    }

    /// After a failure, or if another layout was faster.
    func abandon() {
        writer.abandon()
        small.abandon()
    }

    /// Deletes the commits and layouts that a layout replaces.
    static func clean(
        _ repository: Repository, _ table: TableID, _ number: UInt64, _ nextSequence: UInt64
    ) throws {
        for entry in try repository.store.list(ObjectName.commitsPrefix(of: table)) {
            guard case .commit(_, let sequence)? = ObjectName(path: entry.name),
                sequence < nextSequence
            else { continue }
            try repository.store.deleteIfPresent(entry.name)
        }
        for entry in try repository.store.list(ObjectName.layoutsPrefix(of: table)) {
            guard case .layout(_, let other)? = ObjectName(path: entry.name), other < number
            else { continue }
            try repository.store.deleteIfPresent(entry.name)
        }
    }

    /// Ranges as a layout may hold them: ascending in time and in sequences.
    ///
    /// A copy that was brought in later than newer ones makes a range that lies within another in
    /// time and after it in sequence. Both are exact at checkpoints only: together they are one
    /// such range.
    static func joined(_ ranges: [RestorableRange]) -> [RestorableRange] {
        var result: [RestorableRange] = []
        for range in ranges.sorted(by: { ($0.from, $0.to) < ($1.from, $1.to) }) {
            var next = range
            while let last = result.last,
                last.isExactAtCheckpointsOnly, next.isExactAtCheckpointsOnly,
                next.from < last.to || next.firstSequence <= last.lastSequence
            {
                next = last.joined(with: next)
                result.removeLast()
            }
            result.append(next)
        }
        return result
    }
}

extension RestorableRange {
    /// One range over both. Exact at checkpoints only, as both must be.
    fileprivate func joined(with other: RestorableRange) -> RestorableRange {
        var result = other.to >= to ? other : self
        // Of one of them all from there on must be in doubt, or it would look sound.
        if let soundTo = [soundTo, other.soundTo].compactMap({ $0 }).min(), soundTo < result.to {
            result.soundTo = soundTo
        }
        result.isExactAtCheckpointsOnly = true
        result.from = min(from, other.from)
        result.firstSequence = min(firstSequence, other.firstSequence)
        if lastSequence > other.lastSequence {
            (result.lastSequence, result.lastHash) = (lastSequence, lastHash)
        } else {
            (result.lastSequence, result.lastHash) = (other.lastSequence, other.lastHash)
        }
        result.changeDigest = changeDigest &+ other.changeDigest
        return result
    }
}

extension Repository {
    /// Number of a table's newest layout; 0 if there is none.
    func newestLayout(of table: TableID) throws(VarveError) -> UInt64 {
        try layouts(of: table).last ?? 0
    }

    /// Numbers of a table's layouts that are there, ascending.
    func layouts(of table: TableID) throws(VarveError) -> [UInt64] {
        var numbers: [UInt64] = []
        for entry in try store.list(ObjectName.layoutsPrefix(of: table)) {
            if case .layout(_, let number)? = ObjectName(path: entry.name) {
                numbers.append(number)
            }
        }
        return numbers.sorted()
    }
}
