import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// Reads an image's rows in key order; pages are read and decoded ahead on other threads.
final class ImageScan: RowSource {
    private let leaves: LeafQueue<RowBlock>

    /// - Parameters:
    ///   - bounds: only rows with these keys.
    ///   - ahead: pages that are decoded at once on other threads; nil: as many as fit.
    init(
        _ tree: TreeReference, schema: KeySchema, repository: Repository,
        bounds: KeyBounds = .all, ahead: Int? = nil
    ) throws {
        let blobs = repository.blobs
        var walk = try IndexWalk(tree, kind: .image, blobs: blobs, bounds: bounds)
        leaves = LeafQueue(limit: ahead ?? repository.pipelineLimit) {
            try walk.next()
        } decode: { entry in
            let block = try blobs.imageLeaf(entry, schema: schema)
            return bounds.isAll ? block : block.restricted(to: bounds)
        }
    }

    func nextBlock() throws -> RowBlock? {
        while let block = try leaves.next() {
            if block.rows.count > 0 { return block }
        }
        return nil
    }
}

/// Reads a run's changes in order; pages are read and decoded ahead on other threads.
final class RunScan: ChangeSource {
    private let leaves: LeafQueue<ChangeBlock>

    /// - Parameters:
    ///   - bounds: only changes of these keys.
    ///   - times: only changes of this stretch of time; microseconds.
    ///   - isNet: of each key and page only the newest change before the end of `times`, and only
    ///     if it is within; of those from `start` on also the newest one before it.
    ///   - ahead: pages that are decoded at once on other threads; 1 decodes none ahead.
    convenience init(
        _ tree: TreeReference, schema: KeySchema, repository: Repository,
        bounds: KeyBounds = .all, times: Range<Int64>? = nil, isNet: Bool = false,
        since start: Int64 = .min, ahead: Int = 1
    ) throws {
        var walk = try IndexWalk(
            tree, kind: .run, blobs: repository.blobs, bounds: bounds, times: times)
        self.init(
            schema: schema, repository: repository, bounds: bounds, times: times,
            isNet: isNet, since: start, ahead: ahead
        ) {
            try walk.next()
        }
    }

    /// Reads the leaves that `next` names, in key order.
    init(
        schema: KeySchema, repository: Repository, bounds: KeyBounds = .all,
        times: Range<Int64>?, isNet: Bool = false, since start: Int64 = .min, ahead: Int = 1,
        leaves next: @escaping () throws -> IndexEntry?
    ) {
        let blobs = repository.blobs
        leaves = LeafQueue(limit: ahead, next: next) { entry in
            var block = try blobs.runLeaf(
                entry, schema: schema, newestIn: isNet ? times : nil, since: start)
            if !bounds.isAll { block = block.restricted(to: bounds) }
            if let times, !isNet { block = block.restricted(to: times) }
            return block
        }
    }

    func nextBlock() throws -> ChangeBlock? {
        while let block = try leaves.next() {
            if block.changes.count > 0 { return block }
        }
        return nil
    }
}

/// Leaves decoded ahead, in order.
private final class LeafQueue<Block> {
    private let walk: () throws -> IndexEntry?
    private let pipeline: OrderedPipeline<IndexEntry, Block>
    private var ended = false

    init(
        limit: Int, next: @escaping () throws -> IndexEntry?,
        decode: @escaping @Sendable (IndexEntry) throws -> Block
    ) {
        walk = next
        pipeline = OrderedPipeline(limit: limit, transform: decode)
    }

    func next() throws -> Block? {
        while !ended, !pipeline.isFull {
            guard let entry = try walk() else {
                ended = true
                break
            }
            pipeline.submit(entry)
        }
        return try pipeline.take()
    }
}

extension RowBlock {
    /// The rows within the bounds.
    func restricted(to bounds: KeyBounds) -> RowBlock {
        var kept = RowBuffer(capacity: 1 << 12)
        for index in 0..<rows.count where rows.key(index, isIn: bounds) {
            kept.append(rows, index..<index + 1)
        }
        return RowBlock(kept, hasOutlined: hasOutlined)
    }
}

extension ChangeBlock {
    /// The changes within the bounds.
    func restricted(to bounds: KeyBounds) -> ChangeBlock {
        var kept = ChangeBuffer(capacity: 1 << 12)
        for index in 0..<changes.count where changes.rows.key(index, isIn: bounds) {
            kept.append(changes, index)
        }
        return ChangeBlock(kept, hasOutlined: hasOutlined)
    }

    /// The changes of a stretch of time.
    func restricted(to times: Range<Int64>) -> ChangeBlock {
        if changes.stamps.allSatisfy({ times.contains($0.time) }) { return self }
        var kept = ChangeBuffer(capacity: 1 << 12)
        for index in 0..<changes.count where times.contains(changes.stamps[index].time) {
            kept.append(changes, index)
        }
        return ChangeBlock(kept, hasOutlined: hasOutlined)
    }
}

extension RowBuffer {
    func key(_ index: Int, isIn bounds: KeyBounds) -> Bool { bounds.contains(key(index)) }
}
