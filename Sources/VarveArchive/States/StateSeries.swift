import VarveBytes
import VarveFormat

/// Checkpoints whose states are made of one image and of the first of these runs, each of as many
/// as it needs: one reading of the pieces proves them all. Source: Spec 10, State at T.
struct StateSeries: Sendable {
    var image: TreeReference
    /// From the oldest to the newest, each from the end of the one before.
    var runs: [Piece]
    /// By instant, ascending, each once; at least one.
    var checkpoints: [RecordedCheckpoint]
}

/// Cuts all checkpoints of a table into series, in order of time.
///
/// Where an image lies at the end of a run, its checkpoint is in two series: the run must lead to
/// it, and the image must be it. Complexity: O(checkpoints + pieces × log pieces).
struct StateSeriesWalk {
    /// What a step came upon.
    enum Step {
        case series(StateSeries)
        /// The states at some checkpoints, of which this is the first, cannot be put together.
        case gap(Instant, VarveError)
    }

    private let history: TableHistory
    private var points: CheckpointSequence
    private var series: StateSeries?
    /// When the series' image is.
    private var start: Int64 = 0
    /// Times at which a piece begins or ends, ascending; those before `place` lie before the
    /// series' last checkpoint.
    private let bounds: [Int64]
    private var place = 0
    /// What is to be told before anything else is read.
    private var waiting: [Step] = []
    /// Checkpoints up to this time are in a gap that is told of.
    private var lost: Int64 = .min
    private let countMax: Int

    /// - Parameter countMax: most checkpoints of a series.
    init(_ history: TableHistory, countMax: Int) {
        self.history = history
        self.countMax = countMax
        points = history.checkpoints()
        bounds = Set(history.piecesByEnd.flatMap { [$0.from, $0.to] }).sorted()
    }

    /// What comes next; nil at the end.
    /// - Throws: `damaged` if pages of checkpoints are.
    mutating func next() throws(VarveError) -> Step? {
        while waiting.isEmpty {
            guard let point = try points.next() else {
                finish()
                return waiting.isEmpty ? nil : waiting.removeFirst()
            }
            place(point)
        }
        return waiting.removeFirst()
    }

    private mutating func place(_ point: RecordedCheckpoint) {
        let time = point.instant.microseconds
        if time < lost { return }
        let hasRoom = series.map { $0.checkpoints.count < countMax } ?? false
        // Between two bounds all states are made of the same pieces.
        if place == bounds.count || bounds[place] > time {
            if hasRoom { series?.checkpoints.append(point) } else { begin(at: point) }
            return
        }
        while place < bounds.count, bounds[place] < time { place += 1 }
        if history.image(at: time) == nil {
            if hasRoom, extend(to: point) { return }
        } else if history.run(over: time)?.to == time {
            // One that lies within a run is a copy that came later: the run knows nothing of it.
            _ = extend(to: point)
        }
        begin(at: point)
    }

    /// Takes a checkpoint into the series, if the series' runs, and perhaps one after them, lead to
    /// it.
    private mutating func extend(to point: RecordedCheckpoint) -> Bool {
        guard let (run, isNew) = run(leadingTo: point.instant.microseconds) else { return false }
        if isNew { series?.runs.append(run) }
        series?.checkpoints.append(point)
        return true
    }

    /// The run over a time, if it is the series' last one or goes on from its end.
    private func run(leadingTo time: Int64) -> (Piece, isNew: Bool)? {
        guard let series, let run = history.run(over: time) else { return nil }
        if run == series.runs.last { return (run, false) }
        let end = series.runs.last?.to ?? start
        return run.from == end && leads(series, to: end) ? (run, true) : nil
    }

    /// Whether all that a series has is what the state at its end is made of.
    private func leads(_ series: StateSeries, to end: Int64) -> Bool {
        let image = history.image(at: end)
        guard let last = series.runs.last else { return image?.tree == series.image }
        return image == nil && history.run(over: end) == last
    }

    private mutating func begin(at point: RecordedCheckpoint) {
        finish()
        let time = point.instant.microseconds
        do throws(VarveError) {
            let chain = try history.chain(to: time)
            start = chain.runs.first?.from ?? time
            series = StateSeries(image: chain.image, runs: chain.runs, checkpoints: [point])
        } catch {
            waiting.append(.gap(point.instant, error))
            lost = place < bounds.count ? bounds[place] : .max
        }
    }

    private mutating func finish() {
        if let series { waiting.append(.series(series)) }
        series = nil
    }
}
