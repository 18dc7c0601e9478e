import Dispatch
import Synchronization
public import VarveBytes
import VarveStorage

/// The changes of a source, read and parsed on threads of its own, in the order of the source.
///
/// What has come is handed out at once, also from a pipe that stays open. Ends early without harm
/// when it is let go of. Not for several threads.
public final class ChangeStream {
    /// What came.
    public enum Arrival: Sendable {
        case parcel(ChangeParcel)
        /// Nothing within the time allowed; more may come.
        case nothing
        /// The source has ended.
        case end
    }

    private let feed: ChangeFeed
    private let line: ChangeLine
    private let clock: (any TimeSource)?
    private var lastTime = Int64.min
    private var isStarted = false
    private let start: () -> Void

    init(
        _ feed: ChangeFeed, parser: ChangeParser, workers: Workers, clock: (any TimeSource)?
    ) {
        self.feed = feed
        self.clock = clock
        // Enough to parse on while a commit is written.
        let line = ChangeLine(capacity: 4 * workers.count + 8, workers: workers.count)
        self.line = line
        start = {
            DispatchQueue(label: "varve.changes").async { line.fill(from: feed) }
            for _ in 0..<workers.count {
                DispatchQueue(label: "varve.worker").async { line.work(parser) }
            }
        }
    }

    deinit { line.stop() }

    /// The next parcel.
    /// - Parameter microseconds: how long to wait for it; nil: until it comes.
    /// - Throws: `invalidInput` for a file that holds no changes, or gzip that is damaged or cut
    ///   off, once all records before the fault have been handed out; `storage`.
    public func next(
        waitingAtMost microseconds: Int64? = nil
    ) throws(VarveError) -> Arrival {
        if !isStarted {
            isStarted = true
            start()
        }
        let arrival = try line.take(waitingAtMost: microseconds)
        if case .parcel(let parcel) = arrival, let clock {
            lastTime = max(lastTime, clock.now())
            parcel.restamp(lastTime)
        }
        return arrival
    }

    /// Bytes read so far, as they are stored.
    public var storedCount: Int64 { feed.storedCount.load(ordering: .relaxed) }
}

/// Parses chunks on several threads, with parsers that are used again.
final class ChangeParser: Sendable {
    private let tables: ChangeTables
    private let options: ChangeOptions
    private let idle = Mutex<[Box]>([])

    /// A parser, held by one thread at a time.
    ///
    /// Sendable: a box is in `idle`, or in the hands of the one thread that took it from there.
    private final class Box: @unchecked Sendable {
        var parser: RecordParser

        init(_ parser: consuming RecordParser) { self.parser = parser }
    }

    init(_ tables: ChangeTables, options: ChangeOptions) {
        self.tables = tables
        self.options = options
    }

    func parse(_ chunk: ChangeChunk, path: String) -> ChangeParcel {
        let box =
            idle.withLock { $0.popLast() } ?? Box(RecordParser(tables, options: options))
        defer { idle.withLock { $0.append(box) } }
        return box.parser.parse(chunk, path: path)
    }
}

/// Chunks on their way: a ring of slots, filled by the thread that reads, parsed by the workers in
/// the order of filling, emptied by whoever asks. Unlike `Workers` it never makes a parsed chunk
/// wait for the next one to be read.
///
/// Sendable: `slots[i]` is touched by the reading thread while the slot is free, by one worker
/// between taking ordinal i and signalling `done`, and by the asking thread behind that until it
/// signals `free`; the semaphores order these. `emptied` belongs to the asking thread.
final class ChangeLine: @unchecked Sendable {
    private final class Slot {
        var chunk: ChangeChunk?
        var path = ""
        var parcel: ChangeParcel?
        var end: Result<Void, VarveError>?
        let done = DispatchSemaphore(value: 0)
    }

    private let slots: [Slot]
    private let workers: Int
    private let free = DispatchSemaphore(value: 0)
    /// Counts chunks that wait for a worker.
    private let waiting = DispatchSemaphore(value: 0)
    private let taken = Atomic<Int>(0)
    private let isStopped = Atomic<Bool>(false)
    private var emptied = 0

    init(capacity: Int, workers: Int) {
        slots = (0..<capacity).map { _ in Slot() }
        self.workers = workers
        // A semaphore may not end below the value that it was made with.
        for _ in 0..<capacity { free.signal() }
    }

    /// The reading thread's life.
    func fill(from feed: ChangeFeed) {
        var filled = 0
        while true {
            free.wait()
            if isStopped.load(ordering: .acquiring) { break }
            let slot = slots[filled % slots.count]
            filled += 1
            do throws(VarveError) {
                if let (chunk, path) = try feed.next() {
                    slot.chunk = chunk
                    slot.path = path
                    waiting.signal()
                    continue
                }
                slot.end = .success(())
            } catch {
                slot.end = .failure(error)
            }
            slot.done.signal()
            break
        }
    }

    /// A worker's life.
    func work(_ parser: ChangeParser) {
        while true {
            waiting.wait()
            if isStopped.load(ordering: .acquiring) { break }
            let ordinal = taken.wrappingAdd(1, ordering: .acquiringAndReleasing).oldValue
            let slot = slots[ordinal % slots.count]
            if let chunk = slot.chunk {
                slot.chunk = nil
                slot.parcel = parser.parse(chunk, path: slot.path)
            }
            slot.done.signal()
        }
    }

    /// The asking thread's part.
    func take(waitingAtMost microseconds: Int64?) throws(VarveError) -> ChangeStream.Arrival {
        let slot = slots[emptied % slots.count]
        if let microseconds {
            let limit = DispatchTime.now() + .microseconds(Int(clamping: max(0, microseconds)))
            if slot.done.wait(timeout: limit) == .timedOut { return .nothing }
        } else {
            slot.done.wait()
        }
        if let end = slot.end {
            // Whoever asks again gets the same answer.
            slot.done.signal()
            try end.get()
            return .end
        }
        guard let parcel = slot.parcel else { return .nothing }
        slot.parcel = nil
        emptied += 1
        free.signal()
        return .parcel(parcel)
    }

    /// Ends all threads; one that waits for a pipe ends when that does.
    func stop() {
        isStopped.store(true, ordering: .releasing)
        free.signal()
        for _ in 0..<workers { waiting.signal() }
    }
}
