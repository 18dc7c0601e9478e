public import VarveBytes

// Comparisons of rows that stay within the buffers: a span of a key cannot leave the access to the
// object that holds the buffer, an order can.

extension RowBuffer {
    /// Negative, zero or positive as the key of row `index` comes before, equals or follows that of
    /// row `other` of `buffer`.
    @inlinable
    public func order(_ index: Int, _ buffer: borrowing RowBuffer, _ other: Int) -> Int {
        key(index).order(buffer.key(other))
    }

    /// The same against a key.
    @inlinable
    public func order(_ index: Int, key other: RawSpan) -> Int { key(index).order(other) }

    /// Whether the values of both rows are equal bytes.
    @inlinable
    public func valueEquals(_ index: Int, _ buffer: borrowing RowBuffer, _ other: Int) -> Bool {
        value(index).equals(buffer.value(other))
    }

    /// Appends the key of row `index` to `target`.
    @inlinable
    public func copyKey(_ index: Int, into target: inout ByteWriter) { target.append(key(index)) }

    /// The key of row `index` as an array.
    public func keyBytes(_ index: Int) -> [UInt8] { key(index).copyBytes() }

    /// The value of row `index` as an array.
    public func valueBytes(_ index: Int) -> [UInt8] { value(index).copyBytes() }

    /// First row at or after `start` whose key is not below that of row `other` of `buffer`, and
    /// whether it is that key. Gallops: fast when the answer is near `start`.
    public func lowerBound(
        _ buffer: borrowing RowBuffer, _ other: Int, from start: Int
    ) -> (index: Int, found: Bool) {
        var low = start
        var step = 1
        while low + step < count, order(low + step, buffer, other) < 0 {
            low += step
            step *= 2
        }
        var high = min(low + step, count)
        while low < high {
            let middle = (low + high) / 2
            if order(middle, buffer, other) < 0 { low = middle + 1 } else { high = middle }
        }
        return (low, low < count && order(low, buffer, other) == 0)
    }
}
