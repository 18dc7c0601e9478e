import Synchronization
public import VarveBytes

extension VarveError.Code {
    /// Someone asked the operation to stop; nothing was published.
    public static let interrupted = VarveError.Code("interrupted")
    /// A source is not there, or cannot be opened.
    public static let noSource = VarveError.Code("no-source")
}

/// How far an operation has come, and how it is told to stop; shared between threads.
public final class OperationControl: Sendable {
    private let doneUnits = Atomic<Int>(0)
    private let totalUnits = Atomic<Int>(0)
    private let doneItems = Atomic<Int>(0)
    private let isStopped = Atomic<Bool>(false)
    private let warn: @Sendable (VarveError) -> Void

    /// - Parameter warn: is told of damage that the operation comes upon and can do without.
    public init(warn: @escaping @Sendable (VarveError) -> Void = { _ in }) { self.warn = warn }

    /// Units of work done: bytes of a source, or items.
    public var done: Int { doneUnits.load(ordering: .relaxed) }
    /// Units of work in all; 0 if not known.
    public var total: Int { totalUnits.load(ordering: .relaxed) }
    /// Items done.
    public var items: Int { doneItems.load(ordering: .relaxed) }

    /// Asks the operation to stop; it throws `interrupted` soon, with nothing published.
    public func stop() { isStopped.store(true, ordering: .relaxed) }

    /// Whether `stop` was called.
    public var isStopping: Bool { isStopped.load(ordering: .relaxed) }

    /// - Throws: `interrupted` once `stop` was called.
    public func check() throws(VarveError) {
        if isStopped.load(ordering: .relaxed) {
            throw VarveError(.interrupted, "interrupted; nothing was changed")
        }
    }

    func tell(_ damage: [VarveError]) { damage.forEach(warn) }

    func begin(total: Int) {
        totalUnits.store(total, ordering: .relaxed)
        doneUnits.store(0, ordering: .relaxed)
        doneItems.store(0, ordering: .relaxed)
    }

    func report(done: Int, items: Int) {
        doneUnits.store(done, ordering: .relaxed)
        doneItems.store(items, ordering: .relaxed)
    }
}
