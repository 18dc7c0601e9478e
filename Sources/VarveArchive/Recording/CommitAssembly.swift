import VarveBytes
import VarveFormat
import VarveModel

/// Works out a commit from pending changes: which of them change something, what each second comes
/// to, and which cannot be recorded. Reads the head map, changes nothing but the sequences of the
/// pending changes.
///
/// Changes are taken in the order (time, arrival) of each key: what one key's changes come to does
/// not depend on those of others, so that they are walked key by key, with one look-up each.
struct CommitAssembly {
    /// What the changes of a second come to.
    struct SecondSum {
        /// Whole seconds since 1970 at its beginning.
        var second: Int64
        var changes: UInt64 = 0
        var items: Int64 = 0
        var bytes: Int64 = 0
        var digest = Hash256.zero
    }

    /// A change that cannot be recorded.
    struct Fault {
        var index: UInt32
        var reason: RejectedChanges.Reason
    }

    /// The changes looked at, in the order (time, arrival).
    private(set) var selection: [UInt32] = []
    /// Those that change something, in (key, time, sequence) order.
    private(set) var kept: [UInt32] = []
    /// Ascending.
    private(set) var seconds: [SecondSum] = []
    /// What the head map is to hold afterwards.
    private(set) var updates: [(key: HeadMap.Fingerprint, entry: HeadMap.Entry?)] = []
    private(set) var faults: [Fault] = []
    /// Changes that changed nothing, and such that came twice.
    private(set) var noChanges: UInt64 = 0
    private(set) var known: UInt64 = 0

    private let pending: PendingChanges
    /// Place of each pending change's second in `seconds`.
    private var places: [UInt32]

    /// - Parameter limit: changes with a time before this are looked at.
    /// - Throws: `damaged` if the map is.
    init(
        _ pending: PendingChanges, before limit: Int64, _ map: borrowing HeadMap
    ) throws(VarveError) {
        self.pending = pending
        places = [UInt32](repeating: 0, count: pending.count)
        select(before: limit)
        number()
        let order = KeySort.sorted(selection, by: pending.changes.rows)
        try walk(order, pending.changes.rows, map)
    }

    /// Beginning of the first second that has a change that cannot be recorded; nil if all can.
    var cut: Int64? {
        let times = faults.map { Self.floor(pending.changes.stamps[Int($0.index)].time) }
        return times.min().map { $0 * 1_000_000 }
    }

    /// Whether a fault is of the second that begins at a time.
    func isWithin(_ fault: Fault, _ start: Int64) -> Bool {
        Self.floor(pending.changes.stamps[Int(fault.index)].time) * 1_000_000 == start
    }

    static func floor(_ time: Int64) -> Int64 {
        time >= 0 ? time / 1_000_000 : ~(~time / 1_000_000)
    }

    // MARK: Order

    private mutating func select(before limit: Int64) {
        let stamps = pending.changes.stamps
        selection.reserveCapacity(stamps.count)
        var isSorted = true
        var last = Int64.min
        for index in stamps.indices {
            let time = stamps[index].time
            if time >= limit { continue }
            if time < last { isSorted = false }
            last = time
            selection.append(UInt32(truncatingIfNeeded: index))
        }
        if isSorted { return }
        selection.sort {
            let (a, b) = (stamps[Int($0)].time, stamps[Int($1)].time)
            return a == b ? $0 < $1 : a < b
        }
    }

    /// Gives changes of one time their sequence, and finds the seconds.
    private mutating func number() {
        var stamps = exchange(&pending.changes.stamps, with: [])
        var time = Int64.min
        var sequence: UInt64 = 0
        var secondEnd = Int64.min
        for index in selection {
            let place = Int(index)
            let next = stamps[place].time
            sequence = next == time ? sequence + 1 : 0
            time = next
            stamps[place].sequence = sequence
            if next >= secondEnd {
                let second = Self.floor(next)
                seconds.append(SecondSum(second: second))
                secondEnd = (second + 1) * 1_000_000
            }
            places[place] = UInt32(truncatingIfNeeded: seconds.count - 1)
        }
        pending.changes.stamps = stamps
    }

    // MARK: Key by key

    private mutating func walk(
        _ order: [UInt32], _ rows: borrowing RowBuffer, _ map: borrowing HeadMap
    ) throws(VarveError) {
        kept.reserveCapacity(order.count)
        updates.reserveCapacity(order.count)
        let stamps = pending.changes.stamps
        let hashes = pending.hashes
        let sizes = pending.sizes
        var start = 0
        while start < order.count {
            let first = Int(order[start])
            var end = start + 1
            while end < order.count, rows.order(Int(order[end]), rows, first) == 0 { end += 1 }
            let key = map.fingerprint(rows, first)
            var current = try map.find(key)
            var isChanged = false
            for place in start..<end {
                let index = Int(order[place])
                let entry: HeadMap.Entry? = stamps[index].kind == .tombstone
                    ? nil : HeadMap.Entry(hash: hashes[index], size: sizes[index])
                guard accepts(index, order, start..<end, place, current, entry) else { continue }
                kept.append(order[place])
                add(index, from: current, to: entry)
                current = entry
                isChanged = true
            }
            if isChanged { updates.append((key, current)) }
            start = end
        }
    }

    /// Whether a change is to be recorded; counts it or finds it at fault if not.
    @inline(__always)
    private mutating func accepts(
        _ index: Int, _ order: [UInt32], _ group: Range<Int>, _ place: Int,
        _ current: HeadMap.Entry?, _ entry: HeadMap.Entry?
    ) -> Bool {
        let isSame = current?.hash == entry?.hash
        if pending.isLate[index] {
            if isSame || isRepeated(order, group, place, anyTime: true) {
                known += 1
            } else {
                let limit = seconds[Int(places[index])].second + 1
                faults.append(
                    Fault(index: order[place], reason: .tooLate(limit * 1_000_000)))
            }
            return false
        }
        let agrees: Bool
        switch pending.before[index] {
        case .untold: agrees = true
        case .absent: agrees = current == nil
        case .item(let hash): agrees = current?.hash == hash
        }
        if agrees {
            if isSame { noChanges += 1 }
            return !isSame
        }
        if isRepeated(order, group, place, anyTime: false) {
            known += 1
        } else {
            faults.append(Fault(index: order[place], reason: .contradiction))
        }
        return false
    }

    /// Neighbours that are looked at for the same change.
    private static let reach = 1024

    /// Whether another record tells the same change: at the same time and before this one, or from
    /// its time on within its second.
    private func isRepeated(
        _ order: [UInt32], _ group: Range<Int>, _ place: Int, anyTime: Bool
    ) -> Bool {
        let stamps = pending.changes.stamps
        let index = Int(order[place])
        let stamp = stamps[index]
        let near = max(group.lowerBound, place - Self.reach)
            ..< min(group.upperBound, anyTime ? place + Self.reach : place)
        for other in near where other != place {
            let candidate = Int(order[other])
            guard stamps[candidate].kind == stamp.kind,
                pending.hashes[candidate] == pending.hashes[index],
                !pending.isLate[candidate]
            else { continue }
            let time = stamps[candidate].time
            if time == stamp.time { return true }
            if anyTime, time > stamp.time, places[candidate] == places[index] { return true }
        }
        return false
    }

    @inline(__always)
    private mutating func add(
        _ index: Int, from old: HeadMap.Entry?, to new: HeadMap.Entry?
    ) {
        let place = Int(places[index])
        seconds[place].changes += 1
        if let old {
            seconds[place].items -= 1
            seconds[place].bytes -= Int64(old.size)
            seconds[place].digest = seconds[place].digest &- old.hash
        }
        if let new {
            seconds[place].items += 1
            seconds[place].bytes += Int64(new.size)
            seconds[place].digest = seconds[place].digest &+ new.hash
        }
    }
}
