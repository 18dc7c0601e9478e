import VarveBytes
import VarveFormat
import VarveModel

/// Replaces pieces by others that hold the same states. Source: Spec 10, Later layouts.
///
/// Memory: a page of each run that is merged, and the pages under way.
struct Compaction {
    /// Where the pieces are read.
    var repository: Repository
    let schema: KeySchema
    let writer: BlobWriter
    /// Takes small runs, which the layout carries itself if there is room.
    let small: BlobWriter
    /// Called for each block; what it throws is thrown on.
    let check: @Sendable () throws -> Void

    /// Stored bytes of runs up to which what they become counts as small.
    static let smallBytesMax: UInt64 = 65_536

    /// Merges runs that follow each other into one.
    ///
    /// - Parameters:
    ///   - runs: from the oldest to the newest; at least one.
    ///   - selection: which changes stay. If all do, that is proven by the change digest.
    /// - Returns: the run from the start of the first, or of the selection, to the end of the last,
    ///   or the last kept instant.
    /// - Throws: `proofFailed` if every change was to stay and did not.
    func merge(_ runs: [Piece], _ selection: ChangeSelection = .all) throws -> Piece {
        precondition(!runs.isEmpty && selection.kept?.isEmpty != true)
        let source = try MergedRuns(
            runs.map { try RunScan($0.tree, schema: schema, repository: repository) }, selection)
        let from = max(runs[0].from, selection.from)
        let size = runs.reduce(0 as UInt64) { $0.saturated(adding: $1.tree.storedBytes) }
        let isSmall = size <= Self.smallBytesMax
        let writer = isSmall ? self.small : self.writer
        let tree = TreeBuilder(
            .run, schema: schema, repository: repository, writer: writer,
            effort: isSmall ? .fast : .high)
        var times = TimeListWriter(from: from)
        let preparer = ChangePreparer(cutHash: repository.cutHash)
        while let block = try source.nextBlock() {
            try check()
            let prepared = PreparedChanges(capacity: block.changes.rows.byteCount)
            for index in 0..<block.changes.count {
                let stamp = block.changes.stamps[index]
                if stamp.kind == .tombstone {
                    try preparer.tombstone(block.changes.rows, index, stamp: stamp, to: prepared)
                } else {
                    let outlined = block.hasOutlined
                        ? try outlinedValues(block.changes.rows, index) : [:]
                    try preparer.put(
                        block.changes.rows, index, outlined: outlined, stamp: stamp, to: prepared)
                }
            }
            if !isSmall { times.append(prepared.changes.stamps) }
            try tree.append(prepared)
        }
        let result = try tree.finish()
        if selection.keepsAll {
            let digest = runs.reduce(Hash256.zero) { $0 &+ $1.tree.digest }
            guard digest == result.digest else {
                throw VarveError(
                    .proofFailed, "merging runs did not keep every change; nothing was replaced")
            }
        }
        var list: Hash256?
        if result.storedBytes > TimeListWriter.runBytesMin { list = try times.finish(to: writer) }
        return Piece(
            kind: .run, from: from, to: selection.kept?.last ?? runs[runs.count - 1].to,
            tree: result, timeList: list)
    }

    private func outlinedValues(
        _ rows: borrowing RowBuffer, _ index: Int
    ) throws -> [Hash256: [UInt8]] {
        var found: [Hash256: [UInt8]] = [:]
        var whole = ByteWriter(capacity: 1 << 16)
        try Outlining.expand(rows.value(index), into: &whole) {
            (id, _, output) throws(VarveError) in
            let bytes = try repository.blobs.plain(id, as: .outlinedValue)
            output.append(bytes)
            found[id] = bytes
        }
        return found
    }

    /// Makes the image of a state out of an image and the runs after it, and proves it.
    /// - Throws: `proofFailed` if it is not the state that is recorded.
    func fold(_ chain: PieceChain, to state: RecordedCheckpoint) throws -> Piece {
        let plan = StatePlan(
            instant: state.instant, before: state.instant.microseconds, image: chain.image,
            runs: chain.runs, checkpoint: state)
        let source = try repository.rows(plan, schema: schema)
        let preparer = RowPreparer(schema: schema, cutHash: repository.cutHash)
        let tree = TreeBuilder(.image, schema: schema, repository: repository, writer: writer)
        while let block = try source.nextBlock() {
            try check()
            var whole = RowBuffer(capacity: block.rows.byteCount)
            try repository.expand(block, 0..<block.rows.count, into: &whole)
            try tree.append(try preparer.prepare(&whole))
        }
        let result = try tree.finish()
        guard state.digest.agrees(with: result.digest), result.entries == state.items else {
            throw VarveError(
                .proofFailed,
                "the state at \(state.instant) is not the one recorded; run 'varve verify'")
        }
        return .image(at: state.instant, result)
    }
}
