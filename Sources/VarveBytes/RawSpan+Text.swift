// Scanning text eight bytes at a time.

extension RawSpan {
    /// Offset of the first byte in `[start, end)` that a JSON string cannot hold as it is: a
    /// quotation mark, a backslash or a control character below 20; `end` if there is none.
    ///
    /// - Parameter isASCII: set to false if a byte of 80 or more lies before that offset, and left
    ///   alone otherwise.
    /// - Complexity: O(distance), eight bytes a step.
    @inlinable @inline(__always)
    public func plainTextEnd(from start: Int, to end: Int, isASCII: inout Bool) -> Int {
        precondition(start >= 0 && start <= end && end <= byteCount)
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        var at = start
        while at &+ 8 <= byteCount {
            let word = UInt64(
                littleEndian: unsafe unsafeLoadUnaligned(
                    fromUncheckedByteOffset: at, as: UInt64.self))
            let quote = word ^ 0x2222_2222_2222_2222
            let slash = word ^ 0x5c5c_5c5c_5c5c_5c5c
            // The lowest marked byte is exact; borrows can only mark bytes above it.
            let hits =
                (((quote &- ones) & ~quote) | ((slash &- ones) & ~slash)
                    | ((word &- 0x2020_2020_2020_2020) & ~word)) & tops
            if hits != 0 {
                let hit = at &+ hits.trailingZeroBitCount &>> 3
                if word & tops & (hits & (0 &- hits) &- 1) != 0 {
                    // Only what lies before the end counts.
                    let seen = word & tops & (hits & (0 &- hits) &- 1)
                    if at &+ seen.trailingZeroBitCount &>> 3 < end { isASCII = false }
                }
                return hit < end ? hit : end
            }
            if word & tops != 0 {
                if at &+ (word & tops).trailingZeroBitCount &>> 3 < end { isASCII = false }
            }
            at &+= 8
            if at >= end { return end }
        }
        return plainTextTail(from: at, to: end, isASCII: &isASCII)
    }

    @usableFromInline @inline(never)
    func plainTextTail(from start: Int, to end: Int, isASCII: inout Bool) -> Int {
        var at = start
        while at < end {
            let byte = byte(at: at)
            if byte == 0x22 || byte == 0x5c || byte < 0x20 { return at }
            if byte >= 0x80 { isASCII = false }
            at &+= 1
        }
        return at
    }

    /// Whether `count` bytes at `offset` equal those of `other` at `start`; false if there are not
    /// so many. For short parts: compares whole words where both sides have room for that.
    @inlinable @inline(__always)
    public func matches(at offset: Int, _ other: RawSpan, from start: Int, count: Int) -> Bool {
        let room = byteCount &- offset
        let otherRoom = other.byteCount &- start
        precondition(offset >= 0 && room >= 0 && start >= 0 && otherRoom >= count && count >= 0)
        guard room >= count &+ 8 && otherRoom >= count &+ 8 else {
            return room >= count && matchesSlowly(at: offset, other, from: start, count: count)
        }
        var at = 0
        while at &+ 8 <= count {
            let a = unsafe unsafeLoadUnaligned(
                fromUncheckedByteOffset: offset &+ at, as: UInt64.self)
            let b = unsafe other.unsafeLoadUnaligned(
                fromUncheckedByteOffset: start &+ at, as: UInt64.self)
            if a != b { return false }
            at &+= 8
        }
        let a = unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset &+ at, as: UInt64.self)
        let b = unsafe other.unsafeLoadUnaligned(
            fromUncheckedByteOffset: start &+ at, as: UInt64.self)
        // Of the last word the low `count - at` bytes count: 0 … 7.
        let mask = (1 as UInt64) &<< UInt64(truncatingIfNeeded: (count &- at) &* 8) &- 1
        return (UInt64(littleEndian: a) ^ UInt64(littleEndian: b)) & mask == 0
    }

    @usableFromInline @inline(never)
    func matchesSlowly(at offset: Int, _ other: RawSpan, from start: Int, count: Int) -> Bool {
        part(offset, offset &+ count).equals(other.part(start, start &+ count))
    }

    /// Whether the bytes are valid UTF-8: no surrogates, no overlong forms, at most 10FFFF.
    ///
    /// - Complexity: O(n), eight bytes a step for ASCII.
    public var isUTF8: Bool {
        var at = 0
        let end = byteCount
        while at < end {
            if at &+ 8 <= end, word(at: at) & 0x8080_8080_8080_8080 == 0 {
                at &+= 8
                continue
            }
            let first = byte(at: at)
            if first < 0x80 {
                at &+= 1
                continue
            }
            let size: Int
            // The second byte's range excludes overlong forms, surrogates and what is too large.
            let second: ClosedRange<UInt8>
            switch first {
            case 0xc2...0xdf: (size, second) = (2, 0x80...0xbf)
            case 0xe0: (size, second) = (3, 0xa0...0xbf)
            case 0xed: (size, second) = (3, 0x80...0x9f)
            case 0xe1...0xef: (size, second) = (3, 0x80...0xbf)
            case 0xf0: (size, second) = (4, 0x90...0xbf)
            case 0xf1...0xf3: (size, second) = (4, 0x80...0xbf)
            case 0xf4: (size, second) = (4, 0x80...0x8f)
            default: return false
            }
            guard end &- at >= size, second.contains(byte(at: at &+ 1)) else { return false }
            var next = 2
            while next < size {
                if byte(at: at &+ next) & 0xc0 != 0x80 { return false }
                next &+= 1
            }
            at &+= size
        }
        return true
    }
}
