import VarveBytes
import VarveFormat
public import VarveModel
import VarveStorage

extension Repository {
    /// What changed between two states of one table.
    ///
    /// Of two states that build on one image only the runs that they do not share are read, and the
    /// pages that may hold the old values of the keys in them. Otherwise both images' index pages
    /// are compared too, and of the images only the leaves that are not shared are read. Equal
    /// states: nothing is read. A table never stands in memory.
    /// - Parameters:
    ///   - from: the state before.
    ///   - to: the state after; it may be the earlier one.
    public func difference(
        from: StatePlan, to: StatePlan, schema: KeySchema
    ) throws -> any DifferenceSource {
        try StateDifference(self, from, to, schema: schema)
    }
}

/// The changed keys between two states: merges what the images do not share with the net changes of
/// the runs that are not shared, and looks up what neither tells.
final class StateDifference: DifferenceSource {
    private let blobs: BlobStore
    private let common: CommonState
    private let images: ImageDifference?
    private let old: ChangeCursor?
    private let new: ChangeCursor?
    /// In-line rows of the key at hand; a row or none in each.
    private var oldRow = RowBuffer(capacity: 1 << 12)
    private var newRow = RowBuffer(capacity: 1 << 12)

    init(
        _ repository: Repository, _ from: StatePlan, _ to: StatePlan, schema: KeySchema
    ) throws {
        blobs = repository.blobs
        let sameImage =
            from.image.isEmpty == to.image.isEmpty && from.image.root == to.image.root
        let shared = sameImage ? Self.sharedRuns(from, to) : 0
        common = CommonState(
            image: to.image, runs: to.runs[..<shared].map(\.tree), before: to.before,
            schema: schema, blobs: blobs)
        images =
            sameImage
            ? nil : try ImageDifference(from.image, to.image, schema: schema, repository)
        let isSame = sameImage && from.runs.count == shared && to.runs.count == shared
        func cursor(_ plan: StatePlan) throws -> ChangeCursor? {
            if isSame || plan.runs.count == shared { return nil }
            let runs = try plan.runs[shared...].map {
                try RunScan(
                    $0.tree, schema: schema, repository: repository, times: .min..<plan.before,
                    isNet: true)
            }
            return try ChangeCursor(NetChanges(runs: runs, before: plan.before))
        }
        old = try cursor(from)
        new = try cursor(to)
    }

    /// How many runs, from the oldest on, belong to both states with all their changes.
    private static func sharedRuns(_ a: StatePlan, _ b: StatePlan) -> Int {
        var count = 0
        for (x, y) in zip(a.runs, b.runs) {
            guard x.tree.isEmpty == y.tree.isEmpty, x.tree.root == y.tree.root else { break }
            // Of a run that goes on behind an instant the state has a part; equal instants, equal
            // parts.
            guard a.before == b.before || max(x.to, y.to) <= min(a.before, b.before) else { break }
            count += 1
        }
        return count
    }

    func nextBlock() throws -> DifferenceBlock? {
        let result = DifferenceBlock()
        while result.byteCount < Self.blockBytes {
            guard try takeKey(into: result) else { break }
        }
        return result.entries.isEmpty ? nil : result
    }

    /// Handles the least key that any source names; false if there is none.
    private func takeKey(into result: DifferenceBlock) throws -> Bool {
        var least: KeyPlace?
        if let place = images?.place { least = place }
        for cursor in [old, new] {
            guard let place = cursor?.place else { continue }
            if let known = least, known.order(place) <= 0 { continue }
            least = place
        }
        guard let least else { return false }
        oldRow.removeAll()
        newRow.removeAll()
        var oldIsOutlined = false
        var newIsOutlined = false
        let inImages = images?.place.map { $0.order(least) == 0 } ?? false
        let inOld = old?.place.map { $0.order(least) == 0 } ?? false
        let inNew = new?.place.map { $0.order(least) == 0 } ?? false
        if let images, inImages {
            if !inOld { oldIsOutlined = images.copyOld(into: &oldRow) }
            if !inNew { newIsOutlined = images.copyNew(into: &newRow) }
        } else if !inOld {
            oldIsOutlined = try common.copy(least, into: &oldRow)
        } else if !inNew {
            newIsOutlined = try common.copy(least, into: &newRow)
        }
        if let old, inOld { oldIsOutlined = old.copyPut(into: &oldRow) }
        if let new, inNew { newIsOutlined = new.copyPut(into: &newRow) }
        try emit(oldIsOutlined, newIsOutlined, into: result)
        if inImages { try images?.advance() }
        if inOld { try old?.advance() }
        if inNew { try new?.advance() }
        return true
    }

    /// Adds the key unless both states have the same row, or neither has one.
    private func emit(
        _ oldIsOutlined: Bool, _ newIsOutlined: Bool, into result: DifferenceBlock
    ) throws {
        let (hasOld, hasNew) = (oldRow.count == 1, newRow.count == 1)
        if !hasOld && !hasNew { return }
        if hasOld, hasNew, oldRow.valueEquals(0, newRow, 0) { return }
        if hasOld { try blobs.expand(oldRow, 0, oldIsOutlined, into: &result.old) }
        if hasNew { try blobs.expand(newRow, 0, newIsOutlined, into: &result.new) }
        result.add(hasOld: hasOld, hasNew: hasNew)
    }
}

// MARK: - What it merges

/// A key where it lies: in rows or in changes.
enum KeyPlace {
    case row(RowBlock, Int)
    case change(ChangeBlock, Int)

    /// Order of the keys.
    func order(_ other: KeyPlace) -> Int {
        switch (self, other) {
        case (.row(let a, let i), .row(let b, let j)): a.rows.order(i, b.rows, j)
        case (.row(let a, let i), .change(let b, let j)): a.rows.order(i, b.changes.rows, j)
        case (.change(let a, let i), .row(let b, let j)): a.changes.rows.order(i, b.rows, j)
        case (.change(let a, let i), .change(let b, let j)):
            a.changes.rows.order(i, b.changes.rows, j)
        }
    }
}

/// Reads net changes one by one.
final class ChangeCursor {
    private var net: NetChanges
    private var current: ChangePlace?

    init(_ net: consuming NetChanges) throws {
        self.net = net
        current = try self.net.next()
    }

    /// The change; nil at the end.
    var place: KeyPlace? { current.map { .change($0.block, $0.index) } }

    /// Appends the change's row unless it is a tombstone.
    /// - Returns: whether values of it may be outlined.
    func copyPut(into target: inout RowBuffer) -> Bool {
        guard let current, current.stamp.kind == .put else { return false }
        target.append(current.block.changes.rows, current.index..<current.index + 1)
        return current.block.hasOutlined
    }

    func advance() throws { current = try net.next() }
}

/// The rows of an image with the changes of runs, by ascending keys.
final class CommonState {
    private let image: ImageLookup
    /// From the newest to the oldest.
    private let runs: [RunLookup]

    /// - Parameter before: only changes with a time less than this count; microseconds.
    init(
        image: TreeReference, runs: [TreeReference], before: Int64, schema: KeySchema,
        blobs: BlobStore
    ) {
        self.image = ImageLookup(image, schema: schema, blobs: blobs)
        self.runs = runs.reversed().map {
            RunLookup($0, before: before, schema: schema, blobs: blobs)
        }
    }

    /// Appends the row with the key, if there is one.
    /// - Returns: whether values of it may be outlined.
    func copy(_ place: KeyPlace, into target: inout RowBuffer) throws -> Bool {
        switch place {
        case .row(let block, let index): try copy(block.rows, index, into: &target)
        case .change(let block, let index): try copy(block.changes.rows, index, into: &target)
        }
    }

    private func copy(
        _ rows: borrowing RowBuffer, _ index: Int, into target: inout RowBuffer
    ) throws -> Bool {
        for run in runs {
            guard let (block, place) = try run.find(rows, index) else { continue }
            if block.changes.stamps[place].kind == .put {
                target.append(block.changes.rows, place..<place + 1)
            }
            return block.hasOutlined
        }
        guard let place = try image.find(rows, index) else { return false }
        target.append(image.block.rows, place..<place + 1)
        return image.block.hasOutlined
    }
}

/// The keys whose rows differ between two images, in key order.
private final class ImageDifference {
    private let old: StateCursor
    private let new: StateCursor

    init(
        _ old: TreeReference, _ new: TreeReference, schema: KeySchema, _ repository: Repository
    ) throws {
        let comparison = try TreeComparison(old, new, kind: .image, blobs: repository.blobs)
        self.old = try StateCursor(UnsharedRows(comparison, .old, schema, repository))
        self.new = try StateCursor(UnsharedRows(comparison, .new, schema, repository))
        try skipEqual()
    }

    /// The key; nil at the end.
    var place: KeyPlace? {
        guard let order else { return nil }
        let current = order <= 0 ? old.current : new.current
        return .row(current.block, current.index)
    }

    /// Order of the keys at hand; negative if only the old image has one left. Nil at the end.
    private var order: Int? {
        switch (old.isAtEnd, new.isAtEnd) {
        case (true, true): nil
        case (false, true): -1
        case (true, false): 1
        case (false, false): old.order(to: new.current.block.rows, new.current.index)
        }
    }

    func copyOld(into target: inout RowBuffer) -> Bool { copy(old, order! <= 0, into: &target) }

    func copyNew(into target: inout RowBuffer) -> Bool { copy(new, order! >= 0, into: &target) }

    private func copy(
        _ cursor: StateCursor, _ isThere: Bool, into target: inout RowBuffer
    ) -> Bool {
        if !isThere { return false }
        let (block, index) = cursor.current
        target.append(block.rows, index..<index + 1)
        return block.hasOutlined
    }

    func advance() throws {
        let order = order!
        if order <= 0 { try old.advance() }
        if order >= 0 { try new.advance() }
        try skipEqual()
    }

    /// Passes over rows that both images have, in pages that they do not share.
    private func skipEqual() throws {
        while !old.isAtEnd, !new.isAtEnd {
            let (block, index) = new.current
            guard old.order(to: block.rows, index) == 0, old.valueEquals(block.rows, index)
            else { return }
            try old.advance()
            try new.advance()
        }
    }
}

/// The rows of the leaves that one image does not share with another; read ahead on other threads.
private final class UnsharedRows: RowSource {
    private let comparison: TreeComparison
    private let side: TreeComparison.Side
    private let pipeline: OrderedPipeline<IndexEntry, RowBlock>
    private var ended = false

    init(
        _ comparison: TreeComparison, _ side: TreeComparison.Side, _ schema: KeySchema,
        _ repository: Repository
    ) {
        self.comparison = comparison
        self.side = side
        let blobs = repository.blobs
        pipeline = OrderedPipeline(limit: repository.pipelineLimit) { entry in
            try blobs.imageLeaf(entry, schema: schema)
        }
    }

    func nextBlock() throws -> RowBlock? {
        while !ended, !pipeline.isFull {
            guard let entry = try comparison.next(side) else {
                ended = true
                break
            }
            pipeline.submit(entry)
        }
        return try pipeline.take()
    }
}

extension BlobStore {
    /// Appends row `index` with its outlined values in their places.
    /// - Parameter isOutlined: whether there may be such values.
    func expand(
        _ rows: borrowing RowBuffer, _ index: Int, _ isOutlined: Bool, into target: inout RowBuffer
    ) throws(VarveError) {
        if !isOutlined {
            target.append(rows, index..<index + 1)
            return
        }
        var value = ByteWriter(capacity: rows.value(index).byteCount + 1024)
        try Outlining.expand(rows.value(index), into: &value) {
            (id, _, output) throws(VarveError) in
            output.append(try plain(id, as: .outlinedValue))
        }
        target.append(key: rows.key(index), value: value.bytes)
    }
}
