import VarveBytes
import VarveFormat

// What a layout says of its ranges, pieces and checkpoints. Source: Spec 09, Layout.

extension Verification {
    /// Runs do not overlap, and hold a range that is exact at every second whole.
    func checkRuns(_ layout: LayoutRecord, _ name: String) {
        let runs = layout.pieces.filter { $0.kind == .run }
            .sorted { ($0.from, $0.to) < ($1.from, $1.to) }
        for (before, run) in zip(runs, runs.dropFirst()) where run.from < before.to {
            note(name, "its runs overlap at \(Instant.text(run.from))")
        }
        for range in layout.ranges {
            if range.lastSequence &+ 1 == layout.nextSequence, range.lastHash != layout.before {
                note(name, "the range up to \(range.to) ends with another commit than the layout")
            }
            if range.isExactAtCheckpointsOnly { continue }
            let (from, to) = (range.from.microseconds, range.to.microseconds)
            var reached = from
            for run in runs where run.to > from && run.from < to {
                if run.from < from || run.to > to {
                    note(name, "a run crosses the range up to \(range.to)")
                }
                if run.from <= reached { reached = max(reached, run.to) }
            }
            if reached < to {
                note(name, "no run holds what follows \(Instant.text(reached))")
            }
        }
    }

    /// Every checkpoint lies in a range, and tells of a range's end what the range does.
    func checkCheckpoints(
        _ layout: LayoutRecord, _ bySecond: [Int64: CheckpointRecord], _ name: String
    ) {
        var place = 0
        for point in checkpoints {
            while place < layout.ranges.count, layout.ranges[place].to.second < point.second {
                place += 1
            }
            if place == layout.ranges.count || point.second < layout.ranges[place].from.second {
                note(name, "a checkpoint, second \(point.second), lies in no range")
                break
            }
        }
        for range in layout.ranges {
            let end = bySecond[range.to.second]
            if let end, !end.isState(range.items, range.bytes, range.digest) {
                note(name, "the range up to \(range.to) has another state than its checkpoint")
            }
            if range.isExactAtCheckpointsOnly { continue }
            if bySecond[range.from.second] == nil {
                note(name, "the beginning of the range from \(range.from) is no checkpoint")
            }
        }
        for piece in layout.pieces where piece.kind == .image {
            let point = bySecond[piece.to / 1_000_000]
            guard let point else { continue }
            let low = UInt16(truncatingIfNeeded: piece.tree.digest.words.0)
            if point.items != piece.tree.entries || point.digestLow != low {
                note(name, "the image of \(Instant.text(piece.to)) is not its checkpoint's state")
            }
        }
    }
}

extension CheckpointRecord {
    /// Whether it tells of this state, as far as it does.
    func isState(_ items: UInt64, _ bytes: UInt64, _ digest: Hash256) -> Bool {
        self.items == items && self.bytes == bytes
            && digestLow == UInt16(truncatingIfNeeded: digest.words.0)
    }
}
