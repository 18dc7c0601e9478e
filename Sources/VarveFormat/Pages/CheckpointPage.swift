public import VarveBytes

/// One checkpoint as a page tells it. Source: Spec 07, Checkpoint pages.
public struct CheckpointRecord: Sendable, Hashable {
    /// The instant, in seconds since 1970-01-01T00:00:00Z.
    public var second: Int64
    /// Items of its state, and the sum of their sizes. Source: Spec 03, Item size.
    public var items: UInt64
    public var bytes: UInt64
    /// Changes of the second before the instant.
    public var changes: UInt64
    /// The first two bytes of the table digest, as a little-endian number.
    public var digestLow: UInt16

    public init(second: Int64, items: UInt64, bytes: UInt64, changes: UInt64, digestLow: UInt16) {
        self.second = second
        self.items = items
        self.bytes = bytes
        self.changes = changes
        self.digestLow = digestLow
    }
}

/// Up to 256 checkpoints in order of time; of the first the whole table digest. Source: Spec 07.
public struct CheckpointLeaf: Sendable, Equatable {
    public static let countMax = 256
    /// Instants from the year 1 to the end of 9999. Source: Spec 13.
    static let seconds: ClosedRange<Int64> = -62_135_596_800...253_402_300_800

    public let checkpoints: [CheckpointRecord]
    /// The table digest of the first checkpoint's state.
    public let firstDigest: Hash256

    /// - Precondition: 1 … 256 checkpoints, seconds ascending and within the years of Spec 13,
    ///   counts below 2^63; the first one's `digestLow` is that of `firstDigest`.
    public init(checkpoints: [CheckpointRecord], firstDigest: Hash256) {
        precondition(!checkpoints.isEmpty && checkpoints.count <= Self.countMax)
        precondition(zip(checkpoints, checkpoints.dropFirst()).allSatisfy { $0.second < $1.second })
        precondition(
            checkpoints.allSatisfy {
                Self.seconds.contains($0.second) && $0.items >> 63 == 0 && $0.bytes >> 63 == 0
            })
        precondition(checkpoints[0].digestLow == UInt16(truncatingIfNeeded: firstDigest.words.0))
        self.checkpoints = checkpoints
        self.firstDigest = firstDigest
    }

    public func encode(into output: inout ByteWriter) {
        let first = checkpoints[0]
        output.append(6)
        output.append(count: checkpoints.count)
        output.append(svarint: first.second)
        output.append(varint: first.items)
        output.append(varint: first.bytes)
        output.append(firstDigest)
        for checkpoint in checkpoints { output.append(varint: checkpoint.changes) }
        let pairs = zip(checkpoints, checkpoints.dropFirst())
        for (before, after) in pairs {
            output.append(varint: UInt64(after.second - before.second))
        }
        for (before, after) in pairs {
            output.append(svarint: Int64(after.items) - Int64(before.items))
        }
        for (before, after) in pairs {
            output.append(svarint: Int64(after.bytes) - Int64(before.bytes))
        }
        for checkpoint in checkpoints.dropFirst() { output.append(u16: checkpoint.digestLow) }
    }

    /// Decodes a page from bytes that may be hostile.
    /// - Throws: `damaged` with the offset if they break a rule of Spec 07.
    public init(_ bytes: RawSpan) throws(VarveError) {
        var cursor = ByteCursor(bytes)
        if try cursor.u8() != 6 { throw cursor.fault("this is not a page of checkpoints") }
        let count = try cursor.count()
        if count == 0 || count > Self.countMax {
            throw cursor.fault("a page has \(count) checkpoints")
        }
        let second = try cursor.svarint()
        let items = try cursor.varint()
        let size = try cursor.varint()
        firstDigest = try cursor.hash()
        let first = CheckpointRecord(
            second: second, items: items, bytes: size, changes: 0,
            digestLow: UInt16(truncatingIfNeeded: firstDigest.words.0))
        var all = Array(repeating: first, count: count)
        for at in 0..<count { all[at].changes = try cursor.varint() }
        for at in 1..<max(count, 1) {
            let step = try cursor.varint()
            if step == 0 || step > 1 << 40 {
                throw cursor.fault("checkpoints are not in order of time")
            }
            let (sum, overflow) = all[at - 1].second.addingReportingOverflow(Int64(step))
            if overflow { throw cursor.fault("a checkpoint's instant is out of range") }
            all[at].second = sum
        }
        for at in 1..<max(count, 1) { all[at].items = try cursor.sum(all[at - 1].items) }
        for at in 1..<max(count, 1) { all[at].bytes = try cursor.sum(all[at - 1].bytes) }
        for at in 1..<max(count, 1) { all[at].digestLow = try cursor.u16() }
        try cursor.end()
        let isInRange = all.allSatisfy {
            Self.seconds.contains($0.second) && $0.items >> 63 == 0 && $0.bytes >> 63 == 0
        }
        if !isInRange { throw cursor.fault("a checkpoint's instant or count is out of range") }
        checkpoints = all
    }
}

extension ByteCursor {
    /// Reads a difference to `before`, and adds it.
    fileprivate mutating func sum(_ before: UInt64) throws(VarveError) -> UInt64 {
        let step = try svarint()
        guard let start = Int64(exactly: before) else { throw fault("a count is too large") }
        let (sum, overflow) = start.addingReportingOverflow(step)
        if overflow || sum < 0 { throw fault("a count is negative or too large") }
        return UInt64(sum)
    }
}
