import VarveBytes
import VarveFormat
import VarveModel

// What leaves hold, side by side: each tree is walked in order, with what is known of its leaves
// from reading the packs. Source: Spec 06, Spec 11, Verification.

/// What a walk through a tree adds up.
private struct TreeContents {
    /// By level; from leaves to the root.
    var cuts: [CutCheck]
    var entries: UInt64 = 0
    var times = TimeSums()
    var itemBytesMax = 0
    var before: IndexEntry?
    /// Whether all its pages could be read and decoded.
    var isWhole = true

    init(height: Int) { cuts = (0...height).map { CutCheck(level: $0) } }
}

extension Verification {
    /// Whether all that the leaves hold becomes known.
    var readsContents: Bool { options.decodesPages && options.data == .all }

    /// Holds what the leaves of each tree hold to their neighbours and to the checkpoints.
    func checkContents() {
        if !readsContents { return }
        for table in tables {
            var seen: Set<Hash256> = []
            var marks: [Hash256: UInt64] = [:]
            for piece in table.history.pieces where !piece.tree.isEmpty {
                if isStopping { return }
                if !seen.insert(piece.tree.root).inserted { continue }
                let schema = table.history.record.keySchema
                let found = contents(of: piece, schema)
                if !found.isWhole { continue }
                check(found, piece, table.history)
                if piece.kind == .image { continue }
                marks[piece.tree.root] = found.times.marks
            }
            for stretch in table.stretches { check(stretch, marks, table.history) }
        }
    }

    private func place(_ piece: Piece, _ history: TableHistory) -> String {
        "table \(history.record.name), \(Self.title(piece))"
    }

    // MARK: Trees

    private func contents(of piece: Piece, _ schema: KeySchema) -> TreeContents {
        var found = TreeContents(height: Int(piece.tree.height))
        var root = IndexEntry(root: piece.tree)
        root.lastKey = []
        walk(root, piece.kind == .image ? .image : .run, Int(piece.tree.height), &found)
        return found
    }

    private func walk(
        _ page: IndexEntry, _ kind: TreeKind, _ level: Int, _ found: inout TreeContents
    ) {
        if level == 0 {
            take(page, kind, &found)
            return
        }
        guard let children = try? repository.blobs.children(of: page.id, kind: kind, level: level),
            let hash = pageProof.cutHash
        else {
            // Told of where trees are checked.
            found.isWhole = false
            return
        }
        for child in children { walk(child, kind, level - 1, &found) }
        let entries = children.map { child in
            let key = child.lastKey.raw
            return CutSummary.Entry(
                weight: CutWeight.index(keyBytes: key.byteCount),
                hash: kind == .image
                    ? hash.image(level: UInt8(level), key: key)
                    : hash.run(
                        level: UInt8(level), key: key, time: child.lastTime,
                        sequence: child.lastSequence))
        }
        let window = PageCutter.window(level: UInt8(level))
        found.cuts[level].append(CutSummary(entries, window: window))
    }

    /// Takes in a leaf.
    private func take(_ leaf: IndexEntry, _ kind: TreeKind, _ found: inout TreeContents) {
        guard let contents = expectedLeaves.contents[leaf.id] else {
            found.isWhole = false
            return
        }
        if let before = found.before, !contents.follows(before, kind) {
            note("blob \(leaf.id)", "its keys begin before those of the page before it end")
            found.isWhole = false
        }
        found.before = leaf
        found.times.add(contents.times, from: found.entries)
        found.entries &+= leaf.entries
        found.itemBytesMax = max(found.itemBytesMax, contents.itemBytesMax)
        found.cuts[0].append(contents.cut)
    }

    private func check(_ found: TreeContents, _ piece: Piece, _ history: TableHistory) {
        let schema = history.record.keySchema
        let names = schema.partition.name.utf8.count + (schema.sort?.name.utf8.count ?? 0)
        if found.itemBytesMax + names > ItemMeasure.itemBytesMax {
            note(
                place(piece, history),
                "an item has \(found.itemBytesMax + names) bytes, more than "
                    + "\(ItemMeasure.itemBytesMax)")
        }
        for (level, cut) in found.cuts.enumerated() {
            guard let first = cut.faults().first else { continue }
            let pages = level == 0 ? "leaf pages" : "index pages of level \(level)"
            let key = lastKey(of: first.page, level, piece).flatMap { text($0, schema) }
            note(
                place(piece, history),
                "its \(pages) are not cut where they must be: the page up to "
                    + "\(key ?? "the last key") "
                    + (first.fault == .goesOn ? "should end before" : "should go on"))
        }
        if let list = piece.timeList, let told = timeLists[list],
            told.times != found.times || told.entries != found.entries
        {
            note("blob \(list)", "the time list of the \(Self.title(piece)) is not of its changes")
        }
    }

    /// The last key of a page, by its place among those of its level.
    private func lastKey(of page: Int, _ level: Int, _ piece: Piece) -> [UInt8]? {
        let kind: TreeKind = piece.kind == .image ? .image : .run
        var pages = [IndexEntry(root: piece.tree)]
        for above in stride(from: Int(piece.tree.height), to: level, by: -1) {
            pages = pages.flatMap { page in
                (try? repository.blobs.children(of: page.id, kind: kind, level: above)) ?? []
            }
        }
        guard page < pages.count, !pages[page].lastKey.isEmpty else { return nil }
        return pages[page].lastKey
    }

    // MARK: Checkpoints

    /// Every second in which something changed is a checkpoint, which counts what did.
    private func check(
        _ stretch: CountedStretch, _ marks: [Hash256: UInt64], _ history: TableHistory
    ) {
        var sum: UInt64 = 0
        for run in stretch.runs where !run.tree.isEmpty {
            guard let found = marks[run.tree.root] else { return }
            sum &+= found
        }
        if !stretch.isTail, sum == stretch.marks { return }
        do throws(VarveError) {
            var tally = try tally(stretch.runs, history.record.keySchema)
            if stretch.isTail { tally[TimeSums.second(stretch.to)] = nil }
            let kept = tally.reduce(0 as UInt64) { $0 &+ $1.value &* TimeSums.mark($1.key) }
            if kept == stretch.marks { return }
            try compare(tally, stretch, history)
        } catch {
            note(error, stretch.object)
        }
    }

    /// Changes by second.
    private func tally(
        _ runs: [Piece], _ schema: KeySchema
    ) throws(VarveError) -> [Int64: UInt64] {
        var tally: [Int64: UInt64] = [:]
        for run in runs where !run.tree.isEmpty {
            var pages = [IndexEntry(root: run.tree)]
            for level in stride(from: Int(run.tree.height), to: 0, by: -1) {
                var below: [IndexEntry] = []
                for page in pages {
                    below += try repository.blobs.children(of: page.id, kind: .run, level: level)
                }
                pages = below
            }
            for leaf in pages {
                var page = LeafPageReader(schema: schema)
                try page.open(try repository.blobs.plain(leaf.id, as: .runLeaf), kind: .run)
                var changes = ChangeBuffer(capacity: 1 << 18)
                _ = try page.next(into: &changes)
                for stamp in changes.stamps { tally[TimeSums.second(stamp.time), default: 0] += 1 }
            }
        }
        return tally
    }

    /// Tells of the first second that is counted otherwise.
    private func compare(
        _ tally: [Int64: UInt64], _ stretch: CountedStretch, _ history: TableHistory
    ) throws(VarveError) {
        var left = tally
        var points = history.storedCheckpoints(
            from: Instant(second: TimeSums.second(stretch.from) + 1) ?? .least)
        while let point = try points.next() {
            if point.instant.microseconds > stretch.to { break }
            let count = left.removeValue(forKey: point.instant.second - 1) ?? 0
            if count == point.changes { continue }
            if let second = left.keys.min(), second < point.instant.second - 1 { break }
            note(
                stretch.object,
                "the checkpoint \(point.instant) counts \(point.changes) changes; there are "
                    + "\(count)")
            return
        }
        guard let second = left.keys.min() else { return }
        note(
            stretch.object,
            "at \(Instant.text(second * 1_000_000)) something changed, and there is no checkpoint "
                + "of that second")
    }
}

extension LeafContents {
    /// Whether the leaf begins behind another one's end.
    fileprivate func follows(_ before: IndexEntry, _ kind: TreeKind) -> Bool {
        let order = before.lastKey.raw.order(firstKey.raw)
        if order != 0 || kind == .image { return order < 0 }
        return (before.lastTime, before.lastSequence) < (firstTime, firstSequence)
    }
}
