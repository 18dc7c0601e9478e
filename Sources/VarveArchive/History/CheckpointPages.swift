import Synchronization
import VarveBytes
import VarveFormat

/// The checkpoints that a layout covers, searched by time: a few pages a lookup, which are kept for
/// the next one. Source: Spec 07, Checkpoint pages.
///
/// Hostile pages cannot lead a search astray for long: each child must hold what its index entry
/// tells, on the level below, so that levels fall and seconds ascend.
final class CheckpointPages: Sendable {
    /// A decoded page.
    enum Page: Sendable {
        case leaf(CheckpointLeaf)
        case index(SpanIndexPage)

        /// 0 of a leaf.
        var level: Int {
            switch self {
            case .leaf: 0
            case .index(let page): Int(page.level)
            }
        }

        /// What an index page above it would tell.
        func entry(_ id: Hash256) -> SpanEntry {
            switch self {
            case .leaf(let leaf):
                let points = leaf.checkpoints
                return SpanEntry(
                    first: points[0].second, last: points[points.count - 1].second,
                    entries: UInt64(points.count), id: id)
            case .index(let page):
                let children = page.children
                return SpanEntry(
                    first: children[0].first, last: children[children.count - 1].last,
                    entries: children.reduce(0) { $0 &+ $1.entries }, id: id)
            }
        }
    }

    /// Pages kept. An index page of 1,024 children takes some 60 kB.
    private static let pagesMax = 48

    private struct Kept {
        var pages: [Hash256: Page] = [:]
        /// In the order in which they came.
        var order: [Hash256] = []
    }

    let root: Hash256
    private let blobs: BlobStore
    private let kept = Mutex(Kept())

    init(root: Hash256, blobs: BlobStore) {
        self.root = root
        self.blobs = blobs
    }

    // MARK: Pages

    private func page(_ id: Hash256) throws(VarveError) -> Page {
        if let page = kept.withLock({ $0.pages[id] }) { return page }
        let plain = try blobs.plain(id, asAnyOf: [.checkpointLeaf, .checkpointIndex])
        let page: Page
        do throws(VarveError) {
            if plain.first == BlobType.checkpointIndex.rawValue {
                page = .index(try SpanIndexPage(plain.raw, kind: .checkpoints))
            } else {
                page = .leaf(try CheckpointLeaf(plain.raw))
            }
        } catch {
            throw error.located(in: "blob \(id)")
        }
        kept.withLock { kept in
            if kept.pages.updateValue(page, forKey: id) != nil { return }
            kept.order.append(id)
            if kept.order.count > Self.pagesMax {
                kept.pages[kept.order.removeFirst()] = nil
            }
        }
        return page
    }

    /// A child, which must be what the index above it tells.
    private func child(_ entry: SpanEntry, of parent: SpanIndexPage) throws(VarveError) -> Page {
        let page = try page(entry.id)
        if page.level != Int(parent.level) - 1 || page.entry(entry.id) != entry {
            throw VarveError(
                .damaged, "the page of checkpoints is not the one that its index tells of",
                at: "blob \(entry.id)")
        }
        return page
    }

    // MARK: Searching

    /// How many there are. Complexity: one page.
    func count() throws(VarveError) -> UInt64 { try page(root).entry(root).entries }

    /// The seconds of the first and the last. Complexity: one page.
    func span() throws(VarveError) -> ClosedRange<Int64> {
        let entry = try page(root).entry(root)
        return entry.first...entry.last
    }

    /// The last with at most this second; nil if there is none.
    func last(upTo second: Int64) throws(VarveError) -> RecordedCheckpoint? {
        var page = try page(root)
        while case .index(let index) = page {
            let place = Self.firstPlace(index.children.count) { index.children[$0].first > second }
            if place == 0 { return nil }
            page = try child(index.children[place - 1], of: index)
        }
        guard case .leaf(let leaf) = page else { return nil }
        let place = Self.firstPlace(leaf.checkpoints.count) {
            leaf.checkpoints[$0].second > second
        }
        return place == 0 ? nil : leaf.checkpoint(place - 1)
    }

    /// The first with a greater second; nil if there is none.
    func first(after second: Int64) throws(VarveError) -> RecordedCheckpoint? {
        var page = try page(root)
        while case .index(let index) = page {
            let place = Self.firstPlace(index.children.count) { index.children[$0].last > second }
            if place == index.children.count { return nil }
            page = try child(index.children[place], of: index)
        }
        guard case .leaf(let leaf) = page else { return nil }
        let place = Self.firstPlace(leaf.checkpoints.count) {
            leaf.checkpoints[$0].second > second
        }
        return place == leaf.checkpoints.count ? nil : leaf.checkpoint(place)
    }

    /// The first of the page that holds the last with at most this second: its digest is told
    /// whole. Nil if there is none.
    func leafStart(upTo second: Int64) throws(VarveError) -> RecordedCheckpoint? {
        var page = try page(root)
        while case .index(let index) = page {
            let place = Self.firstPlace(index.children.count) { index.children[$0].first > second }
            if place == 0 { return nil }
            page = try child(index.children[place - 1], of: index)
        }
        guard case .leaf(let leaf) = page, leaf.checkpoints[0].second <= second else { return nil }
        return leaf.checkpoint(0)
    }

    /// The first of the places 0 ..< count for which the test holds; `count` if there is none. Of
    /// the places from it on it holds for all.
    private static func firstPlace(_ count: Int, _ test: (Int) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if test(middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    // MARK: Reading on

    /// The leaves from a second on, one after another.
    struct Leaves {
        private let pages: CheckpointPages
        private let second: Int64
        private var stack: [(page: SpanIndexPage, next: Int)] = []
        private var started = false

        fileprivate init(_ pages: CheckpointPages, from second: Int64) {
            self.pages = pages
            self.second = second
        }

        /// The next leaf that ends at the second or after it; nil after the last.
        mutating func next() throws(VarveError) -> CheckpointLeaf? {
            if !started {
                started = true
                if let leaf = try enter(try pages.page(pages.root)) { return leaf }
            }
            while let top = stack.last {
                guard top.next < top.page.children.count else {
                    stack.removeLast()
                    continue
                }
                stack[stack.count - 1].next += 1
                let child = try pages.child(top.page.children[top.next], of: top.page)
                if let leaf = try enter(child) { return leaf }
            }
            return nil
        }

        /// Returns a leaf, or puts an index page on the stack.
        private mutating func enter(_ page: Page) throws(VarveError) -> CheckpointLeaf? {
            switch page {
            case .leaf(let leaf): return leaf
            case .index(let index):
                let first = CheckpointPages.firstPlace(index.children.count) {
                    index.children[$0].last >= second
                }
                stack.append((index, first))
                return nil
            }
        }
    }

    func leaves(from second: Int64) -> Leaves { Leaves(self, from: second) }
}

extension CheckpointLeaf {
    /// What the page tells of one checkpoint.
    func checkpoint(_ index: Int) -> RecordedCheckpoint? {
        let point = checkpoints[index]
        guard let instant = Instant(second: point.second) else { return nil }
        return RecordedCheckpoint(
            instant: instant, changes: point.changes, items: point.items, bytes: point.bytes,
            digest: index == 0 ? .whole(firstDigest) : .low(point.digestLow))
    }
}
