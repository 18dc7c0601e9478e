/// A growing buffer of plain values with one owner: the scratch of hot loops.
///
/// Unlike an array it has no reference count and no copy on write, so a read or a write is a bounds
/// check and a load or store. Not for values that are passed on; use an array.
///
/// Invariant: `base` points to memory for `capacity` elements that this value alone owns, of which
/// the first `count` are initialised, and `count <= capacity`.
@safe
public struct FlatBuffer<Element: BitwiseCopyable & Sendable>: ~Copyable, @unchecked Sendable {
    // Sendable: the memory is owned by this value alone and moves with it.
    @usableFromInline var base: UnsafeMutablePointer<Element>
    @usableFromInline var capacity: Int
    @usableFromInline var _count = 0

    public init(capacity: Int = 16) {
        let room = max(capacity, 4)
        unsafe base = UnsafeMutablePointer<Element>.allocate(capacity: room)
        self.capacity = room
    }

    deinit { unsafe base.deallocate() }

    /// How many elements there are.
    @inlinable
    public var count: Int { @inline(__always) get { _count } }

    /// The element at `index`, bounds checked.
    @inlinable
    public subscript(index: Int) -> Element {
        @inline(__always) get {
            precondition(index >= 0 && index < _count)
            return unsafe base[index]
        }
        @inline(__always) set {
            precondition(index >= 0 && index < _count)
            unsafe base[index] = newValue
        }
    }

    @inlinable @inline(__always)
    public mutating func append(_ element: Element) {
        if _count == capacity { grow() }
        unsafe (base + _count).initialize(to: element)
        _count &+= 1
    }

    @usableFromInline @inline(never)
    mutating func grow() {
        let next = UnsafeMutablePointer<Element>.allocate(capacity: capacity * 2)
        unsafe next.initialize(from: base, count: _count)
        unsafe base.deallocate()
        unsafe base = next
        capacity *= 2
    }

    /// Forgets what lies behind `newCount`.
    @inlinable
    public mutating func truncate(to newCount: Int) {
        precondition(newCount >= 0 && newCount <= _count)
        _count = newCount
    }

    /// Forgets everything and keeps the memory.
    @inlinable
    public mutating func removeAll() { _count = 0 }

    /// Exchanges two elements.
    @inlinable
    public mutating func swapAt(_ first: Int, _ second: Int) {
        let kept = self[first]
        self[first] = self[second]
        self[second] = kept
    }
}
