internal import Dispatch

/// Work handed to other threads, whose results come back in the order in which it was handed over.
///
/// One thread owns the pipeline: it submits inputs and takes results; `transform` runs elsewhere,
/// on at most `limit` inputs at a time, so that memory stays bounded. With `limit` 1 everything
/// runs inline, in order, on the owner's thread: tests use that to be deterministic.
///
/// Inputs and outputs may be mutable objects: ownership moves with them.
public final class OrderedPipeline<Input, Output> {
    /// Where one result arrives.
    ///
    /// Sendable: the worker writes `result` once before it signals, the owner reads it after.
    private final class Slot: @unchecked Sendable {
        let arrived = DispatchSemaphore(value: 0)
        var input: Input?
        var result: Result<Output, any Error>?

        init(_ input: Input) { self.input = input }
    }

    private let limit: Int
    private let transform: @Sendable (Input) throws -> Output
    private var slots: [Slot] = []
    private var first = 0

    /// - Parameters:
    ///   - limit: results under way or waiting to be taken, at most; 1 runs inline.
    ///   - transform: the work; runs on another thread unless `limit` is 1.
    public init(limit: Int, transform: @escaping @Sendable (Input) throws -> Output) {
        precondition(limit >= 1)
        self.limit = limit
        self.transform = transform
    }

    deinit {
        // What is under way holds its slot itself; nothing else is shared.
        for slot in slots[first...] { slot.arrived.wait() }
    }

    /// Results under way or waiting to be taken.
    public var pending: Int { slots.count - first }

    /// Whether a result must be taken before another input is submitted.
    public var isFull: Bool { pending >= limit }

    /// Hands work over; the caller must not use a mutable input any more.
    /// - Precondition: not `isFull`.
    public func submit(_ input: Input) {
        precondition(!isFull)
        let slot = Slot(input)
        slots.append(slot)
        if limit == 1 {
            Self.run(slot, transform)
            return
        }
        let transform = self.transform
        DispatchQueue.global(qos: .userInitiated).async { Self.run(slot, transform) }
    }

    private static func run(_ slot: Slot, _ transform: @Sendable (Input) throws -> Output) {
        if let input = slot.input.take() {
            slot.result = Result { try transform(input) }
        }
        slot.arrived.signal()
    }

    /// Waits for the oldest result and takes it; nil if nothing is under way.
    public func take() throws -> Output? {
        guard first < slots.count else { return nil }
        let slot = slots[first]
        first += 1
        if first == slots.count {
            slots.removeAll(keepingCapacity: true)
            first = 0
        } else if first > 64 {
            slots.removeSubrange(..<first)
            first = 0
        }
        slot.arrived.wait()
        // So that a pipeline thrown away later does not wait for a slot twice.
        slot.arrived.signal()
        return try slot.result.take()?.get()
    }
}
