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

    /// The eight bytes of a row's key from `offset` on as a number, the first byte the highest;
    /// zeros stand for bytes behind the key's end.
    ///
    /// Of two keys with the same first `offset` bytes the one with the smaller word comes first;
    /// of equal words only the whole keys tell.
    @inlinable @inline(__always)
    public func keyWord(_ index: Int, from offset: Int) -> UInt64 {
        let row = self[index]
        let start = Int(row.key) &+ offset
        let size = Int(row.value) &- start
        if size <= 0 { return 0 }
        if start &+ 8 > byteCount { return lastKeyWord(start, size) }
        let word = bytes.word(at: start).byteSwapped
        return size >= 8 ? word : word & ~(UInt64.max >> UInt64(size &* 8))
    }

    /// The same of `size` bytes at `start`, close to the buffer's end.
    @usableFromInline @inline(never)
    func lastKeyWord(_ start: Int, _ size: Int) -> UInt64 {
        var word: UInt64 = 0
        for at in 0..<8 { word = word << 8 | (at < size ? UInt64(bytes.byte(at: start + at)) : 0) }
        return word
    }

    /// With how many equal bytes the keys of two rows start.
    public func sharedPrefix(_ index: Int, _ buffer: borrowing RowBuffer, _ other: Int) -> Int {
        key(index).sharedPrefix(buffer.key(other))
    }

    /// First row at or after `start` whose key is not below that of row `other` of `buffer`, and
    /// whether it is that key. Gallops: fast when the answer is near `start`.
    /// - Parameter shared: how many bytes all keys from `start` on and the one sought have in
    ///   common, at least; the more the faster.
    public func lowerBound(
        _ buffer: borrowing RowBuffer, _ other: Int, from start: Int, sharing shared: Int = 0
    ) -> (index: Int, found: Bool) {
        let word = buffer.keyWord(other, from: shared)
        var low = start
        var high = start
        var step = 1
        // The last row met that has the key; rows before `low` are below.
        var equal = -1
        while high < count {
            let order = order(high, word, shared, buffer, other)
            if order == 0 { equal = high }
            if order >= 0 { break }
            low = high + 1
            high = min(low + step, count)
            step *= 2
        }
        while low < high {
            let middle = (low + high) / 2
            let order = order(middle, word, shared, buffer, other)
            if order == 0 { equal = middle }
            if order < 0 { low = middle + 1 } else { high = middle }
        }
        return (low, low == equal)
    }

    /// Order of row `index` to row `other` of `buffer`, whose word is known.
    @inline(__always)
    private func order(
        _ index: Int, _ word: UInt64, _ shared: Int, _ buffer: borrowing RowBuffer, _ other: Int
    ) -> Int {
        let own = keyWord(index, from: shared)
        if own == word { return order(index, buffer, other) }
        return own < word ? -1 : 1
    }
}
