import Dispatch
import Synchronization
public import VarveBytes
public import VarveModel
public import VarveStorage

/// How rows are to be brought into key order.
public enum RowOrder: Sendable, Hashable {
    /// By reading them as they come, since most sources are in order. If they turn out not to be
    /// after the first megabytes have been handed out, `unsorted` is thrown: read the source again
    /// with `.sorted`. A pipe, which cannot be read again, is sorted at once.
    case asFound
    /// By sorting them, in bounded memory and a temporary file. Rows in order cost that file.
    case sorted
}

/// How far the reading of a source has come.
public struct SourceProgress: Sendable, Hashable {
    /// Bytes read, as they are stored.
    public var storedCount: Int64
    /// Bytes in all; nil for a pipe.
    public var storedTotal: Int64?
    /// Items read, which sorting may hold back.
    public var itemCount: Int64
    /// Whether items are being sorted.
    public var isSorting: Bool
    /// Whether the source has been read to its end.
    public var isReadToEnd: Bool
}

extension TableSource {
    /// Starts to read the table's rows.
    /// - Parameters:
    ///   - schema: the table's key attributes.
    ///   - workers: threads that parse.
    public func rows(
        schema: KeySchema, order: RowOrder = .asFound, workers: Workers = .standard
    ) -> RowStream {
        let needsSort = order == .sorted || !canRestart
        return RowStream(
            RowReader(
                self, schema: schema, order: needsSort ? .sorted : .asFound, workers: workers))
    }
}

/// A table's rows in strictly ascending key order, read and parsed on threads of its own.
///
/// Ends early without harm when it is let go of. Not for several threads.
public final class RowStream {
    private let reader: RowReader
    private let queue = BatchQueue(capacity: 2)
    private var isStarted = false

    init(_ reader: RowReader) { self.reader = reader }

    deinit { queue.cancel() }

    /// The next rows, or nil behind the last.
    ///
    /// - Throws: `invalidInput` for whatever is wrong in the source, with file, line and byte; for
    ///   a key that stands twice, with both places; for counts or hashes that differ. `unsorted` as
    ///   `RowOrder.asFound` says. Nothing that was handed out may be kept then.
    public func nextBatch() throws(VarveError) -> RowBatch? {
        if !isStarted {
            isStarted = true
            let (reader, queue) = (self.reader, self.queue)
            DispatchQueue(label: "varve.source").async {
                do throws(VarveError) {
                    try reader.run { batch throws(VarveError) in try queue.put(batch) }
                    queue.finish(nil)
                } catch {
                    queue.finish(error)
                }
            }
        }
        return try queue.take()
    }

    public var progress: SourceProgress {
        let status = reader.status
        return SourceProgress(
            storedCount: status.storedCount.load(ordering: .relaxed),
            storedTotal: reader.storedTotal,
            itemCount: status.itemCount.load(ordering: .relaxed),
            isSorting: status.isSorting.load(ordering: .relaxed),
            isReadToEnd: status.isReadToEnd.load(ordering: .relaxed))
    }
}

/// Batches on their way from the thread that reads to the one that asks; never more than a few.
private final class BatchQueue: Sendable {
    private struct State {
        var batches: [RowBatch] = []
        var isFinished = false
        var isCancelled = false
        var error: VarveError?
    }

    private let state = Mutex(State())
    private let filled = DispatchSemaphore(value: 0)
    private let free = DispatchSemaphore(value: 0)

    init(capacity: Int) {
        // A semaphore may not end below the value that it was made with.
        for _ in 0..<capacity { free.signal() }
    }

    func put(_ batch: RowBatch) throws(VarveError) {
        free.wait()
        let isCancelled = state.withLock { state in
            state.batches.append(batch)
            return state.isCancelled
        }
        if isCancelled { throw VarveError(.refused, "nobody waits for the rows any more") }
        filled.signal()
    }

    func finish(_ error: VarveError?) {
        state.withLock { state in
            state.isFinished = true
            state.error = error
        }
        filled.signal()
    }

    func take() throws(VarveError) -> RowBatch? {
        filled.wait()
        let (batch, error) = state.withLock { state -> (RowBatch?, VarveError?) in
            if state.batches.isEmpty { return (nil, state.error) }
            return (state.batches.removeFirst(), nil)
        }
        if let batch {
            free.signal()
            return batch
        }
        // Whoever asks again gets the same answer.
        filled.signal()
        if let error { throw error }
        return nil
    }

    /// Lets the reading thread go on to its end: its next batch is refused.
    func cancel() {
        state.withLock { state in
            state.isCancelled = true
            state.batches = []
        }
        free.signal()
    }
}

/// Reads a source, chunk by chunk: cuts, parses on threads, checks the order, or sorts.
///
/// Sendable: made on one thread and then used by the stream's own thread alone; `status` is atomic.
final class RowReader: @unchecked Sendable {
    let status = ReadStatus()
    let storedTotal: Int64?
    private let source: TableSource
    private let schema: KeySchema
    private let order: RowOrder
    private let workers: Workers

    init(_ source: TableSource, schema: KeySchema, order: RowOrder, workers: Workers) {
        self.source = source
        self.schema = schema
        self.order = order
        self.workers = workers
        storedTotal = source.facts.storedBytes
    }

    func run(_ emit: (RowBatch) throws(VarveError) -> Void) throws(VarveError) {
        let files = SourceFileNames(names: source.parts.map(\.path))
        let feed = ChunkFeed(source, status: status)
        let parser = ChunkParser(
            schema: schema, form: source.facts.form, files: files, order: order)
        var gate = OrderGate(
            order, files: files, status: status, options: source.options.sort,
            holdBytes: source.options.holdBytes)
        var counts = [Int64](repeating: 0, count: source.parts.count)
        try workers.orderedMap(
            next: { () throws(VarveError) -> SourceChunk? in try feed.next() },
            transform: { chunk throws(VarveError) -> ParsedChunk in try parser.parse(chunk) },
            consume: { chunk throws(VarveError) in
                guard let batch = chunk.batch else { return }
                counts[chunk.file] += Int64(batch.count)
                status.itemCount.add(Int64(batch.count), ordering: .relaxed)
                try gate.take(batch, disorder: chunk.disorder, emit: emit)
            })
        status.isReadToEnd.store(true, ordering: .relaxed)
        try check(counts)
        try gate.finish(batchBytes: source.options.chunkBytes, emit: emit)
    }

    private func check(_ counts: [Int64]) throws(VarveError) {
        for (part, count) in zip(source.parts, counts) {
            guard let expected = part.itemCount, expected != count else { continue }
            throw VarveError(
                .invalidInput,
                "the file holds \(count) items, but manifest-files.json says \(expected); fetch "
                    + "the export again", at: part.path)
        }
    }
}
