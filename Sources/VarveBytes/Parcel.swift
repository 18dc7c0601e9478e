/// A value on its way from one thread to another, whether or not its type is Sendable.
///
/// Sendable: the value came in as `sending`, so nothing else refers to it, and it goes out once.
public struct Parcel<Value: ~Copyable>: ~Copyable, @unchecked Sendable {
    nonisolated(unsafe) private let value: Value

    public init(_ value: consuming sending Value) { unsafe self.value = value }

    /// The value, with its ownership.
    public consuming func open() -> sending Value { unsafe value }
}
