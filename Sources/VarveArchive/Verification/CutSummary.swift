import VarveFormat

/// What of a page decides where the pages of its level end: of its entries those that end a page,
/// unless a neighbour's hash keeps them from it, and the greatest hashes near both ends.
///
/// Of a page of n entries some ln n stay. Source: Spec 06.
struct CutSummary: Sendable {
    /// An entry: the weight up to it, or from it on, and its hash.
    struct Entry: Sendable {
        var weight: UInt64
        var hash: UInt64
    }

    /// Of the whole page.
    private(set) var weight: UInt64 = 0
    /// Of all entries but the last.
    private(set) var weightBeforeLast: UInt64 = 0
    /// Entries whose hash is greater than every other within W in the page.
    private(set) var leaders: [Entry] = []
    /// Of the first W of weight those that exceed all before them; by the weight up to them.
    private var head: [Entry] = []
    /// Of the last W of weight those that exceed all behind them; by the weight behind them.
    private var tail: [Entry] = []

    /// - Parameter entries: of each its own weight and its hash; at least one.
    /// - Complexity: O(entries).
    init(_ entries: [Entry], window: UInt64) {
        var candidates: [(entry: Entry, leads: Bool)] = []
        var first = 0
        for entry in entries {
            weightBeforeLast = weight
            weight += entry.weight
            let placed = Entry(weight: weight, hash: entry.hash)
            if weight <= window, entry.hash > head.last?.hash ?? 0 || head.isEmpty {
                head.append(placed)
            }
            while first < candidates.count, candidates[first].entry.weight + window < weight {
                if candidates[first].leads { leaders.append(candidates[first].entry) }
                first += 1
            }
            var leads = true
            while candidates.count > first, let last = candidates.last,
                last.entry.hash <= entry.hash
            {
                if last.entry.hash == entry.hash { leads = false }
                candidates.removeLast()
            }
            if candidates.count > first { leads = false }
            candidates.append((placed, leads))
        }
        for candidate in candidates[first...] where candidate.leads {
            leaders.append(candidate.entry)
        }
        // What is left falls, the greatest first: seen from the end it is what exceeds all behind.
        for candidate in candidates[first...].reversed() {
            tail.append(
                Entry(weight: weight - candidate.entry.weight, hash: candidate.entry.hash))
        }
    }

    /// The greatest hash of the entries up to a weight that is at most W; nil if there is none.
    func greatest(upTo weight: UInt64) -> UInt64? { head.last { $0.weight <= weight }?.hash }

    /// The greatest hash of those that have at most so much weight behind them.
    func greatest(behind weight: UInt64) -> UInt64? { tail.last { $0.weight <= weight }?.hash }
}

/// Holds the pages of one level of a tree to the cut rule. Source: Spec 06.
struct CutCheck {
    enum Fault: Sendable, Equatable {
        /// It goes on behind an entry that ends a page.
        case goesOn
        /// Its last entry ends no page.
        case endsEarly
    }

    let window: UInt64
    private var pages: [CutSummary] = []

    init(level: Int) { window = PageCutter.window(level: UInt8(clamping: level)) }

    /// For tests: a window of another size.
    init(window: UInt64) { self.window = window }

    mutating func append(_ page: CutSummary) { pages.append(page) }

    /// The pages that do not end where the rule says, by their places.
    func faults() -> [(page: Int, fault: Fault)] {
        var starts: [UInt64] = [0]
        for page in pages { starts.append((starts.last ?? 0) &+ page.weight) }
        var faults: [(page: Int, fault: Fault)] = []
        for (place, page) in pages.enumerated() {
            var isCut = place == pages.count - 1 || page.weight >= longest
            // An entry at which a page is at its longest ends it, whatever its hash.
            var goesOn = page.weightBeforeLast >= longest
            for leader in page.leaders where ends(leader, of: place, starts) {
                if leader.weight == page.weight { isCut = true } else { goesOn = true }
            }
            if goesOn {
                faults.append((place, .goesOn))
            } else if !isCut {
                faults.append((place, .endsEarly))
            }
        }
        return faults
    }

    /// Weight at which a page ends whatever the hashes: 8T.
    private var longest: UInt64 { window * 16 }

    /// Whether an entry that exceeds those of its page exceeds those of its neighbours, too.
    private func ends(_ leader: CutSummary.Entry, of place: Int, _ starts: [UInt64]) -> Bool {
        let end = starts[place] &+ leader.weight
        if end < window || starts[pages.count] &- end < window { return false }
        var other = place
        while other > 0, end &- starts[other] <= window {
            other -= 1
            let greatest = pages[other].greatest(behind: window - (end &- starts[other + 1]))
            if let greatest, greatest >= leader.hash { return false }
        }
        other = place + 1
        while other < pages.count, starts[other] &- end <= window {
            let greatest = pages[other].greatest(upTo: window - (starts[other] &- end))
            if let greatest, greatest >= leader.hash { return false }
            other += 1
        }
        return true
    }
}
