internal import Dispatch
internal import Synchronization
public import VarveBytes

/// A few threads that transform a sequence of large units of work while its order is kept.
///
/// For units of some 100 KB and more: handing one over costs microseconds. Not for single rows.
public struct Workers: Sendable {
    /// Threads that transform; with 1 all happens on the calling thread.
    public let count: Int

    /// - Precondition: `count` is at least 1.
    public init(count: Int) {
        precondition(count >= 1)
        self.count = count
    }

    /// As many as the machine has cores, at most 8.
    public static var standard: Workers {
        Workers(count: max(1, min(8, CurrentProcess.coreCount)))
    }

    /// Takes inputs one by one, transforms them on the threads, and consumes the outputs in the
    /// order of their inputs. `next` and `consume` run on the calling thread only; at most
    /// `2 × count` units are between them. Units move: nothing else may hold on to one.
    ///
    /// The first error in that order (of `next`, `transform` or `consume`) stops everything and is
    /// thrown, once no transformation runs any more; outputs behind it are dropped.
    /// - Parameters:
    ///   - next: the next input, or nil after the last.
    ///   - transform: runs on any thread, on several at once.
    ///   - consume: takes an output.
    public func orderedMap<Input: ~Copyable, Output: ~Copyable>(
        next: () throws(VarveError) -> sending Input?,
        transform:
            @escaping @Sendable (consuming sending Input) throws(VarveError) ->
            sending Output,
        consume: (consuming sending Output) throws(VarveError) -> Void
    ) throws(VarveError) {
        if count == 1 {
            while let input = try next() { try consume(try transform(input)) }
            return
        }
        let line = Line<Input, Output>(capacity: 2 * count)
        for _ in 0..<count {
            // A serial queue of its own has a thread of its own, whatever else waits.
            DispatchQueue(label: "varve.worker").async { line.work(transform) }
        }
        do {
            try line.feed(next: next, consume: consume)
            line.close(workers: count)
        } catch {
            line.close(workers: count)
            throw error
        }
    }
}

/// Units on their way: a ring of slots, filled and emptied by the calling thread, transformed in
/// order of filling by the workers.
///
/// Sendable: `slots[i]` is touched by the calling thread while the slot is free or after its
/// `done` was signalled, and by one worker between taking ordinal i from `taken` and signalling
/// `done`; the semaphores order these. `stopped` and `taken` are atomic.
private final class Line<Input: ~Copyable, Output: ~Copyable>: @unchecked Sendable {
    private final class Slot {
        var input: Parcel<Input>?
        var output: Parcel<Output>?
        var error: VarveError?
        let done = DispatchSemaphore(value: 0)
    }

    private let slots: [Slot]
    /// Counts units that wait for a worker, and at the end one for each worker.
    private let waiting = DispatchSemaphore(value: 0)
    /// Counts workers that have ended.
    private let ended = DispatchSemaphore(value: 0)
    private let taken = Atomic<Int>(0)
    private let isStopped = Atomic<Bool>(false)

    init(capacity: Int) { slots = (0..<capacity).map { _ in Slot() } }

    /// A worker's life.
    func work(
        _ transform: @Sendable (consuming sending Input) throws(VarveError) -> sending Output
    ) {
        while true {
            waiting.wait()
            if isStopped.load(ordering: .acquiring) { break }
            let ordinal = taken.wrappingAdd(1, ordering: .acquiringAndReleasing).oldValue
            let slot = slots[ordinal % slots.count]
            if let input = slot.input.take() {
                do {
                    slot.output = Parcel(try transform(input.open()))
                } catch {
                    slot.error = error
                }
            }
            slot.done.signal()
        }
        ended.signal()
    }

    /// The calling thread's part.
    func feed(
        next: () throws(VarveError) -> sending Input?,
        consume: (consuming sending Output) throws(VarveError) -> Void
    ) throws(VarveError) {
        var filled = 0
        var emptied = 0
        var isAtEnd = false
        var endError: VarveError?
        while true {
            while !isAtEnd, filled - emptied < slots.count {
                do {
                    if let input = try next() {
                        slots[filled % slots.count].input = Parcel(input)
                        filled += 1
                        waiting.signal()
                    } else {
                        isAtEnd = true
                    }
                } catch {
                    // Units before the error come first.
                    endError = error
                    isAtEnd = true
                }
            }
            if emptied == filled { break }
            let slot = slots[emptied % slots.count]
            slot.done.wait()
            emptied += 1
            if let error = slot.error { throw error }
            if let output = slot.output.take() { try consume(output.open()) }
        }
        if let endError { throw endError }
    }

    /// Ends the workers and waits for them.
    func close(workers: Int) {
        isStopped.store(true, ordering: .releasing)
        for _ in 0..<workers { waiting.signal() }
        for _ in 0..<workers { ended.wait() }
    }
}
