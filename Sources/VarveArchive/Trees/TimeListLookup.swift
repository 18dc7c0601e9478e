import VarveBytes
import VarveFormat
import VarveModel

/// Finds the changes of a stretch of time in a run by its time list. Source: Spec 07, Time list.
struct TimeListLookup {
    /// Changes beyond which the run is read from end to end instead.
    static let changesMax: UInt64 = 1 << 20

    private let blobs: BlobStore
    private let seconds: ClosedRange<Int64>
    private var ordinals: [UInt64] = []

    private init(_ blobs: BlobStore, _ seconds: ClosedRange<Int64>) {
        self.blobs = blobs
        self.seconds = seconds
    }

    /// The places of the changes in the run, ascending: of all within the seconds that the stretch
    /// touches. Nil if there are too many.
    /// - Parameter times: microseconds; not empty.
    /// - Complexity: the time list's pages of those seconds, and one page a level.
    static func ordinals(
        _ root: Hash256, _ times: Range<Int64>, blobs: BlobStore
    ) throws(VarveError) -> [UInt64]? {
        let seconds = second(times.lowerBound)...second(times.upperBound - 1)
        var lookup = TimeListLookup(blobs, seconds)
        guard try lookup.take(root, level: nil) else { return nil }
        return lookup.ordinals.sorted()
    }

    private static func second(_ time: Int64) -> Int64 {
        time >= 0 ? time / 1_000_000 : ~(~time / 1_000_000)
    }

    /// - Parameter level: what the page's must be; nil: any.
    /// - Returns: false if there are too many.
    private mutating func take(_ id: Hash256, level: UInt8?) throws(VarveError) -> Bool {
        let plain = try blobs.plain(id, asAnyOf: [.timeList, .timeListIndex])
        do throws(VarveError) {
            if plain.first == BlobType.timeListIndex.rawValue {
                let page = try SpanIndexPage(plain.raw, kind: .timeList)
                try Self.check(page.level, level)
                let children = page.children.filter {
                    $0.first <= seconds.upperBound && $0.last >= seconds.lowerBound
                }
                let count = children.dropFirst().dropLast().reduce(UInt64(0)) {
                    $0 &+ min($1.entries, Self.changesMax)
                }
                if count > Self.changesMax { return false }
                for child in children {
                    if try !take(child.id, level: page.level - 1) { return false }
                }
            } else {
                try Self.check(0, level)
                for entry in try TimeListPage(plain.raw).entries
                where seconds.contains(entry.second) {
                    ordinals.append(entry.ordinal)
                }
            }
        } catch {
            throw error.location == nil ? error.located(in: "blob \(id)") : error
        }
        return ordinals.count <= Self.changesMax
    }

    private static func check(_ found: UInt8, _ level: UInt8?) throws(VarveError) {
        guard let level, level != found else { return }
        throw VarveError(.damaged, "the page of a time list is of level \(found), not \(level)")
    }
}

/// Visits the leaves of a run that hold some of its changes. One page a level in memory.
struct OrdinalWalk {
    private struct Position {
        var children: [IndexEntry]
        var next: Int
        /// Level of the children.
        var level: Int
        /// Place in the run of the first change of the next child.
        var start: UInt64
    }

    private let blobs: BlobStore
    private let ordinals: [UInt64]
    private var place = 0
    private var stack: [Position] = []

    /// - Parameter ordinals: ascending.
    init(_ tree: TreeReference, ordinals: [UInt64], blobs: BlobStore) {
        self.blobs = blobs
        self.ordinals = ordinals
        if tree.isEmpty { return }
        stack = [
            Position(
                children: [IndexEntry(root: tree)], next: 0, level: Int(tree.height), start: 0)
        ]
    }

    /// The next leaf that holds one of the changes.
    mutating func next() throws(VarveError) -> IndexEntry? {
        while let top = stack.last, place < ordinals.count {
            guard top.next < top.children.count else {
                stack.removeLast()
                continue
            }
            let child = top.children[top.next]
            let (end, overflow) = top.start.addingReportingOverflow(child.entries)
            if overflow { throw VarveError(.damaged, "a run's counts exceed 64 bits") }
            stack[stack.count - 1].next += 1
            stack[stack.count - 1].start = end
            // Behind a subtree all that it holds has been passed.
            while place < ordinals.count, ordinals[place] < top.start { place += 1 }
            guard place < ordinals.count, ordinals[place] < end else { continue }
            if top.level == 0 { return child }
            let children = try blobs.children(of: child.id, kind: .run, level: top.level)
            stack.append(
                Position(children: children, next: 0, level: top.level - 1, start: top.start))
        }
        return nil
    }
}

extension Repository {
    /// What the changes of a run in a stretch of time come to: of each key the newest one before
    /// the end of the stretch, if it is within; of a key on two pages, one of each.
    ///
    /// By the run's time list at most a page for each change; without one all pages that may hold
    /// such changes.
    func netChanges(
        of run: Piece, in times: Range<Int64>, schema: KeySchema
    ) throws -> any ChangeSource {
        let isWhole = times.lowerBound <= run.from && times.upperBound >= run.to
        guard !isWhole, let list = run.timeList, !times.isEmpty,
            let ordinals = try TimeListLookup.ordinals(list, times, blobs: blobs)
        else {
            return try RunScan(
                run.tree, schema: schema, repository: self, times: times, isNet: true)
        }
        var walk = OrdinalWalk(run.tree, ordinals: ordinals, blobs: blobs)
        return RunScan(schema: schema, repository: self, times: times, isNet: true) {
            try walk.next()
        }
    }
}
