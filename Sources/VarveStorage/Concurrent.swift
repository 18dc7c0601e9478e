/// One piece of work that goes on beside the thread that waits for it later.
///
/// For work that waits for a disk, in operations whose other work does so too.
public final class Concurrent<Value: Sendable> {
    private let pipeline: OrderedPipeline<Void, Value>

    /// Begins the work.
    /// - Parameters:
    ///   - workers: threads that there are; with 1 the work is done here and now, in its place in
    ///     the order of things, so that tests are deterministic.
    ///   - work: what to do.
    public init(on workers: Int, _ work: @escaping @Sendable () throws -> Value) {
        pipeline = OrderedPipeline(limit: min(workers, 2)) { _ in try work() }
        pipeline.submit(())
    }

    /// Waits for the end of the work.
    /// - Returns: what came of it.
    /// - Throws: what the work threw.
    /// - Precondition: it is asked once.
    public func value() throws -> Value {
        guard let value = try pipeline.take() else { preconditionFailure("asked twice") }
        return value
    }
}
