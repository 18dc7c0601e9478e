// Errors that come together: what an operation threw, and what putting away after it threw. None
// is lost.

extension Error {
    /// This error; if putting away after it fails too, one that tells of both.
    public func including(_ cleanup: () throws -> Void) -> any Error {
        var failures = Failures(self)
        failures.attempt(cleanup)
        return failures.all ?? self
    }
}

extension VarveError {
    /// This error; if putting away after it fails too, one that tells of both.
    public func including(_ cleanup: () throws(VarveError) -> Void) -> VarveError {
        do throws(VarveError) {
            try cleanup()
            return self
        } catch {
            return besides(error)
        }
    }

    /// This error, telling of another one.
    func besides(_ other: any Error) -> VarveError {
        VarveError(code, "\(message); besides, \(other)", at: location, cause: cause)
    }
}

/// The errors of several things of which each is to be tried, whatever became of the others.
public struct Failures {
    /// The first error, telling of the later ones; nil if there is none.
    public private(set) var all: (any Error)?

    public init(_ first: (any Error)? = nil) { all = first }

    public var isEmpty: Bool { all == nil }

    /// Does something, and keeps what it throws.
    public mutating func attempt(_ body: () throws -> Void) {
        do {
            try body()
        } catch {
            guard let all else {
                self.all = error
                return
            }
            let first = all as? VarveError ?? VarveError(.storage, "\(all)")
            self.all = first.besides(error)
        }
    }

    /// Throws them, if there are any.
    public func throwAny() throws {
        if let all { throw all }
    }
}
