import VarveBytes
import VarveFormat

/// Neighbouring runs of a range that is exact at every second, from one whole second to another,
/// and what the checkpoints between count. Source: Spec 09, Commit; Spec 10, Sealed.
struct CountedStretch {
    let from: Int64
    private(set) var to: Int64
    private(set) var runs: [Piece]
    /// The layout's or the last commit's name.
    private(set) var object: String
    /// Changes that the checkpoints in `(from, to]` count.
    private(set) var counted: UInt64 = 0
    /// Of each second as many marks as its checkpoint counts changes, added up.
    private(set) var marks: UInt64 = 0

    init(_ run: Piece, _ object: String) {
        (from, to, runs, self.object) = (run.from, run.to, [run], object)
    }

    /// Changes of the runs.
    var entries: UInt64 { runs.reduce(0) { $0.saturated(adding: $1.tree.entries) } }

    /// Whether it ends within a second, whose changes no checkpoint counts yet.
    var isTail: Bool { to % 1_000_000 != 0 }

    /// Whether the checkpoints count other changes than there are, as far as sums tell.
    var isMiscounted: Bool { isTail ? counted > entries : counted != entries }

    mutating func extend(_ run: Piece, _ object: String) {
        to = run.to
        runs.append(run)
        self.object = object
    }

    mutating func add(second: Int64, changes: UInt64) {
        counted = counted.saturated(adding: changes)
        marks &+= changes &* TimeSums.mark(second - 1)
    }

    /// The stretches of a table, ascending; without those whose beginning is lost.
    static func all(of history: TableHistory) -> [CountedStretch] {
        var stretches: [CountedStretch] = []
        func take(_ run: Piece, _ object: String) {
            if let last = stretches.indices.last, stretches[last].to == run.from,
                stretches[last].isTail
            {
                stretches[last].extend(run, object)
            } else if run.from % 1_000_000 == 0 {
                stretches.append(CountedStretch(run, object))
            }
        }
        if let layout = history.layout {
            let name = ObjectName.layout(history.id, number: layout.number).path
            let runs = layout.pieces.filter { $0.kind == .run }
                .sorted { ($0.from, $0.to) < ($1.from, $1.to) }
            for range in layout.ranges where !range.isExactAtCheckpointsOnly {
                for run in layout.ranges.runs(of: range, in: runs) { take(run, name) }
            }
        }
        for commit in history.commits where commit.logical.isExact {
            guard let run = commit.pieces.first, run.kind == .run else { continue }
            take(run, ObjectName.commit(history.id, sequence: commit.logical.sequence).path)
        }
        return stretches
    }
}

extension CommitRecord.Logical {
    /// Whether the state at every second of its stretch is recorded.
    var isExact: Bool { !beginsRange && !isExactAtCheckpointsOnly && !closesRange }
}
