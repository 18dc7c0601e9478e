/// Decides where the pages of one level end, while its entries come in. Source: Spec 06.
///
/// Whether an entry ends a page depends only on entries within W of weight, so it is known once W
/// more has come; only those entries are held. Ends are given as numbers of entries: an end of 5
/// says that entry 4 ends its page.
///
///     var cutter = PageCutter(level: 0)
///     for each entry:  cutter.append(weight: w, hash: h)
///                      while let end = cutter.takeEnd() { write the page up to `end` }
///     cutter.finish(),  then takeEnd() again until nil
///
/// Complexity: amortised O(1) an entry.
public struct PageCutter: Sendable {
    /// Weight within which an entry competes. Source: Spec 06, W.
    public static func window(level: UInt8) -> UInt64 { level == 0 ? 196_608 : 16_384 }

    /// An entry that may still end a page, or that keeps others from it.
    private struct Candidate {
        var index: Int
        var end: UInt64
        var hash: UInt64
        /// Whether its hash is greater than all within W before it.
        var leads: Bool
    }

    private let window: UInt64
    private let longest: UInt64
    /// Ends of the entries not yet decided; the first is entry `decided`.
    private var undecided = Queue<UInt64>(UInt64.zero)
    /// Of those within W of the last entry: hashes strictly falling, so the greatest comes first.
    private var candidates = Queue<Candidate>(Candidate(index: 0, end: 0, hash: 0, leads: false))
    private var ends = Queue<Int>(0)
    private var decided = 0
    /// Sum of all weights so far.
    public private(set) var total: UInt64 = 0
    /// Where the last cut was, in weight.
    private var cut: UInt64 = 0
    private var finished = false

    public init(level: UInt8) { self.init(window: Self.window(level: level)) }

    /// For tests: a window of another size. T is 2W, pages end at the latest at 8T.
    public init(window: UInt64) {
        precondition(window > 0)
        self.window = window
        longest = window * 16
    }

    /// Entries appended so far.
    public var count: Int { decided + undecided.count }

    /// Adds the next entries.
    /// - Precondition: as many weights as hashes; the weights are positive.
    public mutating func append(weights: [UInt32], hashes: [UInt64]) {
        precondition(weights.count == hashes.count)
        for index in 0..<weights.count {
            append(weight: UInt64(weights[index]), hash: hashes[index])
        }
    }

    /// Adds the next entry.
    /// - Precondition: the weight is positive.
    @inline(__always)
    public mutating func append(weight: UInt64, hash: UInt64) {
        precondition(weight > 0 && !finished)
        total += weight
        let index = decided + undecided.count
        undecided.append(total)
        // Decide what lies more than W back: it neither meets this entry nor later ones.
        decide(before: total)
        var leads = true
        while let last = candidates.last, last.hash <= hash {
            if last.hash == hash { leads = false }
            candidates.removeLast()
        }
        if candidates.count > 0 { leads = false }
        candidates.append(Candidate(index: index, end: total, hash: hash, leads: leads))
        // Weights are positive: what lies exactly W back has met all it can meet.
        decide(before: total + 1)
    }

    /// Decides the entries whose end plus W lies before `limit`.
    @inline(__always)
    private mutating func decide(before limit: UInt64) {
        while let end = undecided.first, end + window < limit {
            undecided.removeFirst()
            var natural = false
            if let first = candidates.first, first.index == decided {
                natural = first.leads && end >= window
                candidates.removeFirst()
            }
            settle(end: end, natural: natural)
        }
    }

    private mutating func settle(end: UInt64, natural: Bool) {
        decided += 1
        if natural || end - cut >= longest {
            cut = end
            ends.append(decided)
        }
    }

    /// Says that no entry follows. All ends can be taken then; the last is the number of entries.
    public mutating func finish() {
        precondition(!finished)
        finished = true
        // Less than W follows each of these, so that only their weight can cut.
        while let end = undecided.first {
            undecided.removeFirst()
            settle(end: end, natural: undecided.count == 0)
        }
    }

    /// The next end that is known, as the number of entries up to there; nil if none is yet.
    public mutating func takeEnd() -> Int? {
        guard let end = ends.first else { return nil }
        ends.removeFirst()
        return end
    }
}

/// First in, first out, in a ring that grows: what `PageCutter` holds its window in.
private struct Queue<Element: Sendable>: Sendable {
    private var ring: [Element]
    private var start = 0
    private(set) var count = 0
    private let filler: Element

    init(_ filler: Element) {
        self.filler = filler
        ring = Array(repeating: filler, count: 16)
    }

    private func place(_ index: Int) -> Int { (start &+ index) & (ring.count &- 1) }

    var first: Element? { count == 0 ? nil : ring[start] }
    var last: Element? { count == 0 ? nil : ring[place(count - 1)] }

    mutating func append(_ element: Element) {
        if count == ring.count { grow() }
        ring[place(count)] = element
        count += 1
    }

    private mutating func grow() {
        var next = Array(repeating: filler, count: ring.count * 2)
        for index in 0..<count { next[index] = ring[place(index)] }
        ring = next
        start = 0
    }

    mutating func removeFirst() {
        precondition(count > 0)
        start = place(1)
        count -= 1
    }

    mutating func removeLast() {
        precondition(count > 0)
        count -= 1
    }
}
