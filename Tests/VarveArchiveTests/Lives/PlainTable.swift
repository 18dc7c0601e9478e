import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel

/// A table as it really was, and what of its history must be restorable: the plainest model.
///
/// Seconds are those of the test. A state of second n has every change with a time before it.
struct PlainTable {
    typealias State = [[UInt8]: [UInt8]]

    let schema: KeySchema
    /// Seconds with another state than before, ascending; the first is the table's beginning.
    private(set) var seconds: [Int64]
    private(set) var states: [State]
    /// What is to be recorded of each.
    private(set) var checkpoints: [Checkpoint]
    /// Changes that changed something, by (time, order of arrival).
    private(set) var versions: [HistoryModel.Version] = []
    /// What is there of it.
    var kept: Kept

    init(_ first: State, at second: Int64, schema: KeySchema) throws {
        self.schema = schema
        seconds = [second]
        states = [first]
        checkpoints = [
            try HistoryModel.checkpoint(
                first, TestRepository.instant(second), changes: 0, schema: schema)
        ]
        kept = Kept(beginning: second)
    }

    var latest: State { states[states.count - 1] }

    /// Place of the state of a second.
    private func place(_ second: Int64) -> Int {
        var (low, high) = (0, seconds.count)
        while low < high {
            let middle = (low + high) / 2
            if seconds[middle] <= second { low = middle + 1 } else { high = middle }
        }
        return max(0, low - 1)
    }

    func state(at second: Int64) -> State { states[place(second)] }
    func checkpoint(at second: Int64) -> Checkpoint { checkpoints[place(second)] }

    /// The real checkpoint of a second: nothing for one in which nothing changed.
    func changes(at second: Int64) -> UInt64? {
        let place = place(second)
        return seconds[place] == second ? checkpoints[place].changes : nil
    }

    /// Adds changes, ascending by (time, arrival), of seconds that are later than all before.
    mutating func append(_ changes: [HistoryModel.Version]) throws {
        var state = latest
        var count = 0
        for (index, change) in changes.enumerated() {
            if state[change.key] != change.value {
                state[change.key] = change.value
                versions.append(change)
                count += 1
            }
            let second = Self.second(change.time)
            let isLast = index + 1 == changes.count
                || Self.second(changes[index + 1].time) != second
            guard isLast, count > 0 else { continue }
            seconds.append(second + 1)
            states.append(state)
            checkpoints.append(
                try HistoryModel.checkpoint(
                    state, TestRepository.instant(second + 1), changes: count, schema: schema))
            count = 0
        }
    }

    /// The second of the test that a time lies in.
    static func second(_ time: Int64) -> Int64 {
        time / 1_000_000 - TestRepository.start
    }

    // MARK: What is committed

    /// The recorder has committed up to a second, beginning where it was before.
    mutating func commit(upTo end: Int64) {
        let known = kept.segments[kept.segments.count - 1]
        if end <= known.upperBound { return }
        kept.segments[kept.segments.count - 1] = known.lowerBound...end
        kept.stored.formUnion(seconds.filter { known.upperBound < $0 && $0 <= end })
    }

    /// A full copy gives the state of a second, later than all that is committed.
    mutating func copy(at second: Int64) {
        kept.segments.append(second...second)
        kept.stored.insert(second)
        if let doubt = kept.doubts.last, doubt.upperBound == second {
            kept.doubts.removeLast()
            if doubt.lowerBound < second { kept.doubts.append(doubt.lowerBound...second - 1) }
        }
    }
}

/// What of a table's history must be restorable. Source: Spec 10.
struct Kept {
    /// Seconds from one to another that are exact throughout, ascending.
    var segments: [ClosedRange<Int64>]
    /// Seconds before the first of them that are exact as well.
    var points: Set<Int64> = []
    /// Seconds with a checkpoint, in doubt or not.
    var stored: Set<Int64>
    /// What is not to be offered, for a change of before is missing.
    var doubts: [ClosedRange<Int64>] = []
    /// Named states.
    var backups: [String: Int64] = [:]

    init(beginning second: Int64) {
        segments = [second...second]
        stored = [second]
    }

    func isInDoubt(_ second: Int64) -> Bool { doubts.contains { $0.contains(second) } }

    func isExact(_ second: Int64) -> Bool {
        if isInDoubt(second) { return false }
        return points.contains(second) || segments.contains { $0.contains(second) }
    }

    /// Seconds at which a checkpoint is listed.
    var listed: Set<Int64> { stored.filter { !isInDoubt($0) } }

    /// Ends of all that can be restored.
    var ends: Set<Int64> {
        var result = points.filter { !isInDoubt($0) }
        for segment in segments {
            var upper = segment.upperBound
            if let doubt = doubts.first(where: { $0.contains(upper) }) {
                upper = doubt.lowerBound - 1
            }
            if upper >= segment.lowerBound { result.formUnion([segment.lowerBound, upper]) }
        }
        return result
    }

    /// The last stored second up to another that is not in doubt.
    private func sound(upTo second: Int64) -> Int64? {
        var found = stored.filter { $0 <= second }.max()
        for doubt in doubts.reversed() {
            guard let last = found else { return nil }
            if doubt.contains(last) { found = stored.filter { $0 < doubt.lowerBound }.max() }
        }
        return found
    }

    /// Drops what a promise does not hold.
    /// - Parameters:
    ///   - now: second of the clock.
    ///   - covered: the newest second that a layout can cover and that is not in doubt.
    mutating func prune(
        _ promise: RetentionRecord, now: Int64, covered: Int64, trustsClock: Bool
    ) {
        guard let newest = listed.max(), let oldest = stored.min() else { return }
        let end = trustsClock ? now : min(now, newest + 86_400)
        let begin = min(end - Int64(promise.days) * 86_400, covered)
        guard let start = stored.filter({ $0 <= begin }).max(), start > oldest else { return }
        var states = Set(backups.values.filter { $0 < start })
        // Weeks begin on Monday, four days after the beginning of time.
        let periods: [(length: Int64, offset: Int64, count: UInt64)] = [
            (3_600, 0, promise.hourly), (86_400, 0, promise.daily),
            (604_800, 345_600, promise.weekly),
        ]
        for period in periods {
            let first = end + TestRepository.start - period.offset
            var boundary = (first + period.length - 1) / period.length * period.length
                + period.offset
            for _ in 0..<period.count {
                let second = boundary - TestRepository.start
                if second < start, let state = sound(upTo: second) { states.insert(state) }
                boundary -= period.length
            }
        }
        stored = stored.filter { $0 >= start }.union(states)
        points = points.filter { $0 >= start }.union(states)
        segments = segments.filter { $0.upperBound >= start }
            .map { max($0.lowerBound, start)...$0.upperBound }
    }
}
