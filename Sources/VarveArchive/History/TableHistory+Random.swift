public import VarveBytes
public import VarveFormat
public import VarveStorage

extension TableHistory {
    /// Instants whose states are exactly known, chosen at random: every second that can be restored
    /// is as likely as any other, and so is every checkpoint where only those can be.
    /// - Returns: ascending, distinct; fewer than asked for if there are no more.
    /// - Throws: `damaged` if pages of checkpoints are.
    public func randomInstants(
        _ count: Int, _ random: any RandomSource
    ) throws(VarveError) -> [Instant] {
        let exact = ranges.filter { !$0.isExactAtCheckpointsOnly }
        let seconds = exact.reduce(UInt64(0)) { $0 + UInt64($1.to.second - $1.from.second + 1) }
        var single: [Instant] = []
        for range in ranges where range.isExactAtCheckpointsOnly {
            var points = checkpoints(from: range.from, through: range.to)
            while let point = try points.next() { single.append(point.instant) }
        }
        let total = seconds + UInt64(single.count)
        if total == 0 { return [] }
        var chosen: Set<Instant> = []
        // Seconds at which ranges meet count twice: do not wait for the last one for ever.
        for _ in 0..<count * 8 where chosen.count < min(count, Int(clamping: total)) {
            var place = random.bytes(8).raw.word(at: 0) % total
            if place >= seconds {
                chosen.insert(single[Int(place - seconds)])
                continue
            }
            for range in exact {
                let length = UInt64(range.to.second - range.from.second + 1)
                if place < length, let instant = Instant(second: range.from.second + Int64(place)) {
                    chosen.insert(instant)
                    break
                }
                place -= length
            }
        }
        return chosen.sorted()
    }
}
