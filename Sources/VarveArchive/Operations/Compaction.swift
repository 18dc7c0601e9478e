import VarveBytes
import VarveFormat
import VarveModel

/// Replaces pieces by others that hold the same states. Source: Spec 10, Later layouts.
///
/// Memory: a page of each run that is merged, and the pages under way.
struct Compaction {
    let repository: Repository
    let schema: KeySchema
    let writer: BlobWriter

    /// Merges runs that follow each other into one.
    ///
    /// - Parameters:
    ///   - runs: from the oldest to the newest; at least one.
    ///   - kept: the instants whose states must stay, ascending, the last at most the end of the
    ///     last run; nil keeps every change, and proves it by the change digest.
    ///   - nothingBefore: the state that the runs build on is the empty table.
    /// - Returns: the run from the start of the first to the last kept instant.
    /// - Throws: `proofFailed` if every change was to stay and did not.
    func merge(_ runs: [Piece], kept: [Instant]?, nothingBefore: Bool) throws -> Piece {
        precondition(!runs.isEmpty && kept?.isEmpty != true)
        let source = try MergedRuns(
            runs.map { try RunScan($0.tree, schema: schema, repository: repository) },
            kept: kept?.map(\.microseconds),
            dropsLeadingTombstones: nothingBefore && kept != nil)
        let tree = TreeBuilder(.run, schema: schema, repository: repository, writer: writer)
        let preparer = ChangePreparer(cutHash: repository.cutHash)
        while let block = try source.nextBlock() {
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
            try tree.append(prepared)
        }
        let result = try tree.finish()
        if kept == nil {
            let digest = runs.reduce(Hash256.zero) { $0 &+ $1.tree.digest }
            guard digest == result.digest else {
                throw VarveError(
                    .proofFailed, "merging runs did not keep every change; nothing was replaced")
            }
        }
        return Piece(
            kind: .run, from: runs[0].from,
            to: kept?.last?.microseconds ?? runs[runs.count - 1].to, tree: result)
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
    /// - Throws: `proofFailed` if it is not the state that the checkpoint records.
    func fold(_ plan: StatePlan) throws -> Piece {
        let source = try repository.rows(plan, schema: schema)
        let preparer = RowPreparer(schema: schema, cutHash: repository.cutHash)
        let tree = TreeBuilder(.image, schema: schema, repository: repository, writer: writer)
        var digest = Hash256.zero
        var items: UInt64 = 0
        while let block = try source.nextBlock() {
            var whole = RowBuffer(capacity: block.rows.byteCount)
            try repository.expand(block, 0..<block.rows.count, into: &whole)
            let prepared = try preparer.prepare(&whole)
            digest = digest &+ prepared.digest
            items += UInt64(prepared.rows.count)
            try tree.append(prepared)
        }
        let result = try tree.finish()
        guard plan.checkpoint.digest.agrees(with: digest), items == plan.checkpoint.items else {
            throw VarveError(
                .proofFailed,
                "the state at \(plan.checkpoint.instant) is not the one recorded; "
                    + "run 'varve verify'")
        }
        return .image(at: plan.checkpoint.instant, result)
    }
}
