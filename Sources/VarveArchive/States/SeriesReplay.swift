import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// Works out what every state of a series adds up to, in one reading of its image and its runs.
///
/// A state's sums are those of the one before, with the items that its changes put, without those
/// that they replaced: so what millions of states come to costs one hash for each item of the image
/// and two at most for each change. Memory: 48 bytes a checkpoint, one block of the image and of
/// each run. Source: Spec 05, Spec 10.
struct SeriesReplay: ~Copyable {
    private let repository: Repository
    private let series: StateSeries
    private let schema: KeySchema
    private let codec: KeyCodec
    /// The checkpoints' times; microseconds.
    private let times: [Int64]
    /// Whether there is a checkpoint at each second from the first to the last.
    private let isDense: Bool
    private let isStopping: () -> Bool

    private var image = StateSums()
    /// By checkpoint, what the changes since the one before add to the sums.
    private var steps: [StateSums]
    private var whole = RowBuffer(capacity: 1 << 10)
    /// Rows of the image and changes read.
    private(set) var rows: UInt64 = 0

    /// - Parameter isStopping: asked once a block; if it is true the replay ends with `stopped`.
    init(
        _ series: StateSeries, of history: TableHistory, _ repository: Repository,
        isStopping: @escaping () -> Bool
    ) {
        self.series = series
        self.repository = repository
        self.isStopping = isStopping
        schema = history.record.keySchema
        codec = KeyCodec(schema)
        times = series.checkpoints.map(\.instant.microseconds)
        isDense = times[times.count - 1] - times[0] == Int64(times.count - 1) * 1_000_000
        steps = [StateSums](repeating: StateSums(), count: times.count)
    }

    /// Reads the pieces; then calls `body` with each checkpoint and what its state adds up to.
    mutating func run(_ body: (RecordedCheckpoint, StateSums) throws -> Void) throws {
        try read()
        var sums = image
        for (index, point) in series.checkpoints.enumerated() {
            sums.add(steps[index])
            try body(point, sums)
        }
    }

    // MARK: Reading

    private mutating func read() throws {
        let ahead = max(
            repository.pipelineLimit / (series.runs.count + 1), min(2, repository.pipelineLimit))
        var changes = try RunHeap(
            try series.runs.map {
                try RunScan(
                    $0.tree, schema: schema, repository: repository,
                    times: .min..<times[times.count - 1],
                    ahead: series.runs.count > 32 ? 1 : ahead)
            }, newestFirst: false)
        let scan = try ImageScan(
            series.image, schema: schema, repository: repository, ahead: ahead)
        let sums = OrderedPipeline<RowBlock, StateSums>(limit: repository.pipelineLimit) {
            [codec, repository] in try StateSums(of: $0, codec, repository)
        }
        var last: [UInt8]?
        while let block = try scan.nextBlock() {
            if let last, block.rows.order(0, key: last.raw) <= 0 {
                throw VarveError(.damaged, "the keys of the image are not ascending")
            }
            last = block.rows.keyBytes(block.rows.count - 1)
            while sums.isFull { try take(sums) }
            sums.submit(block)
            rows += UInt64(block.rows.count)
            try replay(&changes, through: block)
            try rest()
        }
        while sums.pending > 0 { try take(sums) }
        while !changes.isEmpty { try replayKey(&changes, from: nil) }
    }

    private mutating func take(_ sums: OrderedPipeline<RowBlock, StateSums>) throws {
        if let part = try sums.take() { image.add(part) }
    }

    private func rest() throws {
        if isStopping() { throw VarveError(.stopped, "stopped") }
    }

    /// Replays the changes of all keys up to the last one of a block of the image.
    private mutating func replay(_ changes: inout RunHeap, through block: RowBlock) throws {
        let last = block.rows.count - 1
        var position = 0
        while !changes.isEmpty {
            let top = changes.top
            if block.rows.order(last, top.block.changes.rows, top.index) < 0 { return }
            let place = block.rows.lowerBound(top.block.changes.rows, top.index, from: position)
            position = place.index
            let row = place.found ? try sums(block.rows, place.index, block.hasOutlined) : nil
            try replayKey(&changes, from: row)
        }
    }

    /// Replays the changes of the key on top.
    /// - Parameter row: what the key has in the image.
    private mutating func replayKey(_ changes: inout RunHeap, from row: StateSums?) throws {
        let first = changes.top
        var row = row
        repeat {
            let change = changes.top
            let step = step(of: change.stamp.time)
            if let row { steps[step].take(row) }
            row = nil
            if change.stamp.kind == .put {
                let put = try sums(
                    change.block.changes.rows, change.index, change.block.hasOutlined)
                steps[step].add(put)
                row = put
            }
            rows += 1
            try changes.advance()
        } while changes.isTop(at: first)
    }

    private mutating func sums(
        _ rows: borrowing RowBuffer, _ index: Int, _ hasOutlined: Bool
    ) throws -> StateSums {
        if !hasOutlined { return try StateSums(row: index, of: rows, codec) }
        whole.removeAll()
        try repository.blobs.expand(rows, index, true, into: &whole)
        return try StateSums(row: 0, of: whole, codec)
    }

    /// The first checkpoint after a time, which is before the last one.
    private func step(of time: Int64) -> Int {
        if isDense {
            return time < times[0] ? 0 : Int((time - times[0]) / 1_000_000) + 1
        }
        var low = 0
        var high = times.count - 1
        while low < high {
            let middle = (low + high) / 2
            if times[middle] > time { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
