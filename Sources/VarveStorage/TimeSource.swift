internal import Synchronization
internal import VarveBytes

/// Where the time comes from: injected, so that tests decide what time it is.
public protocol TimeSource: Sendable {
    /// Microseconds since 1970-01-01T00:00:00Z.
    func now() -> Int64
}

/// The system's clock.
public struct SystemTime: TimeSource {
    public init() {}

    public func now() -> Int64 { SystemClock.microseconds() }
}

/// A clock that stands still until it is told.
public final class ManualTime: TimeSource {
    private let value: Mutex<Int64>

    /// - Parameter now: microseconds since 1970.
    public init(_ now: Int64 = 1_750_000_000_000_000) { value = Mutex(now) }

    public func now() -> Int64 { value.withLock { $0 } }

    /// Steps forward, or back if negative.
    public func advance(microseconds: Int64) { value.withLock { $0 += microseconds } }

    /// Steps forward by whole seconds.
    public func advance(seconds: Int64) { advance(microseconds: seconds * 1_000_000) }

    public func set(_ now: Int64) { value.withLock { $0 = now } }
}
