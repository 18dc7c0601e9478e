/// A growing buffer of plain values with one owner: what hot loops gather into and reuse.
///
/// Appending costs one comparison and a store, without reference counts or uniqueness checks.
/// Not for sharing, and not for values that own anything; use `Array` there.
///
/// Invariant: `base` points to `capacity` elements that this value alone owns, of which the first
/// `count` are initialised, and `count <= capacity`.
@safe
public struct GrowingBuffer<Element: BitwiseCopyable & Sendable>: ~Copyable, @unchecked Sendable {
    // Sendable: the memory is owned by this value alone and moves with it.
    @usableFromInline var base: UnsafeMutablePointer<Element>
    @usableFromInline var capacity: Int
    @usableFromInline var _count: Int

    public init(capacity: Int = 64) {
        let room = max(capacity, 8)
        unsafe base = UnsafeMutablePointer<Element>.allocate(capacity: room)
        self.capacity = room
        _count = 0
    }

    deinit { unsafe base.deallocate() }

    /// Elements appended so far.
    @inlinable
    public var count: Int { @inline(__always) get { _count } }

    @usableFromInline @inline(never)
    mutating func grow(_ more: Int) {
        let room = max(capacity * 2, _count + more)
        let next = UnsafeMutablePointer<Element>.allocate(capacity: room)
        unsafe next.update(from: base, count: _count)
        unsafe base.deallocate()
        unsafe base = next
        capacity = room
    }

    @inlinable @inline(__always)
    public mutating func append(_ element: Element) {
        if _count == capacity { grow(1) }
        unsafe (base + _count).initialize(to: element)
        _count &+= 1
    }

    /// Appends `count` times the same element.
    @inlinable
    public mutating func append(repeating element: Element, count: Int) {
        precondition(count >= 0)
        if capacity - _count < count { grow(count) }
        unsafe (base + _count).initialize(repeating: element, count: count)
        _count &+= count
    }

    /// Appends all elements of another buffer.
    @inlinable
    public mutating func append(_ other: borrowing GrowingBuffer<Element>) {
        if capacity - _count < other._count { grow(other._count) }
        unsafe (base + _count).update(from: other.base, count: other._count)
        _count &+= other._count
    }

    /// Forgets everything and keeps the memory.
    @inlinable @inline(__always)
    public mutating func removeAll() { _count = 0 }

    /// Forgets what lies behind `newCount`.
    @inlinable
    public mutating func truncate(to newCount: Int) {
        precondition(newCount >= 0 && newCount <= _count)
        _count = newCount
    }

    /// Exchanges two elements.
    @inlinable
    public mutating func swapAt(_ first: Int, _ second: Int) {
        let kept = self[first]
        self[first] = self[second]
        self[second] = kept
    }

    /// The element at `index`, bounds checked.
    @inlinable
    public subscript(index: Int) -> Element {
        @inline(__always)
        unsafeAddress {
            precondition(index >= 0 && index < _count)
            return unsafe UnsafePointer(base + index)
        }
        @inline(__always)
        unsafeMutableAddress {
            precondition(index >= 0 && index < _count)
            return unsafe base + index
        }
    }
}
