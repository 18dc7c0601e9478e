import VarveBytes
import VarveFormat
import VarveModel

// Trees: every index page is read once, every leaf is looked up.

extension Verification {
    /// Checks the trees of all pieces of all tables.
    func checkTrees() {
        let total = tables.reduce(0) { $0 + $1.history.pieces.count }
        var done = 0
        for table in tables {
            for piece in table.history.pieces {
                if isStopping { return }
                tell(.trees, UInt64(done), of: UInt64(total))
                done += 1
                check(piece, table.history.record.keySchema)
                if let list = piece.timeList { checkTimeList(list) }
            }
        }
        for place in tables.indices where !isStopping { checkCheckpoints(place) }
    }

    private func check(_ piece: Piece, _ schema: KeySchema) {
        let tree = piece.tree
        if tree.isEmpty { return }
        let kind: TreeKind = piece.kind == .image ? .image : .run
        if tree.height == 0 {
            if find(tree.root, kind.leafType) { report.counts.leaves += 1 }
            if options.decodesPages { expectedLeaves.add(piece, kind, schema) }
            return
        }
        guard let sums = checkPage(tree.root, kind, level: Int(tree.height), schema)
        else { return }
        if sums.entries != tree.entries || sums.weight != tree.weight
            || sums.digest != tree.digest
        {
            note("blob \(tree.root)", "the index pages do not add up to what names the tree")
        }
        if sums.children == 1 {
            note("blob \(tree.root)", "the root has one child; its child should be the root")
        }
        if kind == .run, sums.leastTime < piece.from || sums.greatestTime >= piece.to {
            note("blob \(tree.root)", "the run holds changes outside of its stretch of time")
        }
    }

    /// Checks an index page and all below it, unless that was done.
    /// - Returns: what its children add up to; nil if it cannot be read.
    private func checkPage(
        _ id: Hash256, _ kind: TreeKind, level: Int, _ schema: KeySchema
    ) -> Subtree? {
        if let known = subtrees[id] { return known }
        let children: [IndexEntry]
        do throws(VarveError) {
            children = try repository.blobs.children(of: id, kind: kind, level: level)
        } catch {
            lose(id, kind.indexType, error.message)
            subtrees[id] = .some(nil)
            return nil
        }
        report.counts.indexPages += 1
        var sums = Subtree(firstEnd: children[0].lastKey)
        for (index, child) in children.enumerated() {
            // Sums that are not whole are nobody's fault: none are told.
            if isStopping { return nil }
            if level == 1 {
                if find(child.id, kind.leafType) { report.counts.leaves += 1 }
                if options.decodesPages { expectedLeaves.add(child, kind, schema) }
            } else if let below = checkPage(child.id, kind, level: level - 1, schema) {
                let last = index > 0 ? children[index - 1].lastKey : nil
                compare(child, below, after: last, kind, page: id)
            }
            add(child, to: &sums, page: id)
        }
        subtrees[id] = .some(sums)
        return sums
    }

    /// What an index page says of a child must be what the child adds up to.
    private func compare(
        _ entry: IndexEntry, _ below: Subtree, after last: [UInt8]?, _ kind: TreeKind,
        page: Hash256
    ) {
        if entry.entries != below.entries || entry.weight != below.weight
            || entry.digest != below.digest || entry.lastKey != below.lastKey
            || entry.lastTime != below.lastTime || entry.lastSequence != below.lastSequence
            || entry.leastTime != below.leastTime || entry.greatestTime != below.greatestTime
        {
            note("blob \(page)", "it says other things of the page \(entry.id) than that page does")
        }
        if let last {
            let order = last.raw.order(below.firstEnd.raw)
            if order > 0 || order == 0 && kind == .image {
                note("blob \(entry.id)", "its keys begin before those of the page before it end")
            }
        }
    }

    private func add(_ child: IndexEntry, to sums: inout Subtree, page: Hash256) {
        let entries = sums.entries.addingReportingOverflow(child.entries)
        let weight = sums.weight.addingReportingOverflow(child.weight)
        if entries.overflow || weight.overflow {
            note("blob \(page)", "its counts exceed 64 bits")
        }
        sums.children += 1
        sums.entries = entries.partialValue
        sums.weight = weight.partialValue
        sums.digest = sums.digest &+ child.digest
        sums.lastKey = child.lastKey
        sums.lastTime = child.lastTime
        sums.lastSequence = child.lastSequence
        sums.leastTime = min(child.leastTime, sums.leastTime)
        sums.greatestTime = max(child.greatestTime, sums.greatestTime)
    }

    // MARK: Checkpoints and time lists

    /// Checks a time list; what it lists is held to its run later.
    private func checkTimeList(_ root: Hash256) {
        if timeLists[root] != nil { return }
        var told = TimeList()
        spans = []
        let isWhole = checkSpans(root, .timeListIndex) { (plain) throws(VarveError) in
            for entry in try TimeListPage(plain).entries {
                if let last = told.last, !last.precedes(entry) { told.isOrdered = false }
                told.last = entry
                told.entries += 1
                told.times.add(second: entry.second, place: entry.ordinal)
            }
        }
        if !told.isOrdered { note("blob \(root)", "the time list is not in order of time") }
        if isWhole { timeLists[root] = told }
    }

    /// Checks that all pages of a tree over time are there and well-formed.
    /// - Parameters:
    ///   - limit: the page's level must be less.
    ///   - take: decodes a leaf; called in order of time.
    /// - Returns: whether all of them can be read.
    @discardableResult
    func checkSpans(
        _ id: Hash256, _ index: BlobType, below limit: UInt8 = .max,
        _ take: (RawSpan) throws(VarveError) -> Void
    ) -> Bool {
        if !spans.insert(id).inserted { return true }
        var children: [SpanEntry] = []
        var level: UInt8 = 0
        do throws(VarveError) {
            let leaf: BlobType = index == .timeListIndex ? .timeList : .checkpointLeaf
            let plain = try repository.blobs.plain(id, asAnyOf: [leaf, index])
            if plain.first == index.rawValue {
                let kind: SpanIndexPage.Kind = leaf == .timeList ? .timeList : .checkpoints
                let page = try SpanIndexPage(plain.raw, kind: kind)
                (children, level) = (page.children, page.level)
                report.counts.indexPages += 1
            } else {
                report.counts.leaves += 1
                try take(plain.raw)
            }
            if level >= limit { throw VarveError(.damaged, "its level is \(level)") }
        } catch {
            lose(id, nil, error.message)
            return false
        }
        var isWhole = true
        for child in children where !checkSpans(child.id, index, below: level, take) {
            isWhole = false
        }
        return isWhole
    }
}

extension TreeKind {
    /// Types of the blobs of its pages.
    var leafType: BlobType { self == .image ? .imageLeaf : .runLeaf }
    var indexType: BlobType { self == .image ? .imageIndex : .runIndex }
}
