import Synchronization
import VarveBytes
import VarveStorage

// What tests of crashes and of two at a time have in common.

extension FaultyStore {
    /// A store that dies at an operation: before it, or when it has taken effect.
    static func dying(
        _ base: any ObjectStore, at ordinal: Int, afterwards: Bool = false
    ) -> FaultyStore {
        FaultyStore(base) { operation in
            if operation.ordinal != ordinal { return nil }
            return afterwards ? .crashAfterwards : .crash
        }
    }

    /// The same at a write, counted from 0 among the writes.
    static func dying(
        _ base: any ObjectStore, atWrite count: Int, afterwards: Bool
    ) -> FaultyStore {
        FaultyStore(base) { operation in
            guard operation.kind.isWrite, operation.writesBefore == count else { return nil }
            return afterwards ? .crashAfterwards : .crash
        }
    }

    /// A store before one of whose operations something else runs from end to end.
    static func interrupted(
        _ base: any ObjectStore, before ordinal: Int, by body: @escaping @Sendable () -> Void
    ) -> FaultyStore {
        FaultyStore(base) { $0.ordinal == ordinal ? .after(body) : nil }
    }
}

/// What came of something that ran within an operation of something else.
final class Interlude: Sendable {
    private let state = Mutex<(hasRun: Bool, failure: VarveError?)>((false, nil))

    var hasRun: Bool { state.withLock { $0.hasRun } }
    /// Why it failed, if it did.
    var failure: VarveError? { state.withLock { $0.failure } }

    func finish(_ failure: VarveError?) { state.withLock { $0 = (true, failure) } }
}

/// - Returns: the failure, if it fails.
func failure(of body: () throws -> Void) -> VarveError? {
    do {
        try body()
        return nil
    } catch {
        return error as? VarveError ?? VarveError(.invalidInput, "\(error)")
    }
}
