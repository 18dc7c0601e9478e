import VarveModel

/// What several runs come to: for each key the last change before an instant, in key order.
///
/// Copies nothing: it tells where the changes lie. Runs are given from the oldest to the newest and
/// do not overlap in time, so that of two runs with the same key the newer one decides. Complexity:
/// see `RunHeap`.
struct NetChanges: ~Copyable {
    private var heap: RunHeap
    private let before: Int64
    private let start: Int64
    /// Of the change told last, if it is from `start` on, the last one of its key before that, if
    /// the runs have one.
    private(set) var older: ChangePlace?

    /// - Parameters:
    ///   - runs: from the oldest to the newest.
    ///   - before: only changes with a time less than this count; microseconds.
    ///   - start: of changes from this time on, what was before; microseconds.
    init(runs: [any ChangeSource], before: Int64, since start: Int64 = .min) throws {
        self.before = before
        self.start = start
        heap = try RunHeap(runs, newestFirst: true)
    }

    /// The last change of the next key that has one; nil after the last.
    mutating func next() throws -> ChangePlace? {
        while !heap.isEmpty {
            let first = heap.top
            let run = heap.topRun
            if start > .min { older = nil }
            try heap.advance()
            var found: ChangePlace? = first.stamp.time < before ? first : nil
            if heap.isTop(at: first) {
                if heap.topRun == run { try takeRun(first, &found) }
                // If no change of a run is old enough, an older run may decide.
                while found == nil, heap.isTop(at: first) { try takeRun(first, &found) }
            }
            guard let newest = found else { continue }
            if start > .min, older == nil, newest.stamp.time >= start { try takeOlder(first) }
            while heap.isTop(at: first) { try heap.advance() }
            return newest
        }
        return nil
    }

    /// Moves the run on top behind the key that it is at.
    /// - Parameter newest: the key's last change that is old enough, as far as is known.
    private mutating func takeRun(_ key: ChangePlace, _ newest: inout ChangePlace?) throws {
        let run = heap.topRun
        repeat {
            let place = heap.top
            let time = place.stamp.time
            if time < before {
                if start > .min, time >= start, let newest, newest.stamp.time < start {
                    older = newest
                }
                newest = place
            }
            try heap.advance()
        } while heap.isTop(at: key) && heap.topRun == run
    }

    /// Looks in the runs that are at the key for its last change before the start.
    private mutating func takeOlder(_ key: ChangePlace) throws {
        while older == nil, heap.isTop(at: key) {
            let run = heap.topRun
            repeat {
                let place = heap.top
                if place.stamp.time < start { older = place }
                try heap.advance()
            } while heap.isTop(at: key) && heap.topRun == run
        }
    }
}
