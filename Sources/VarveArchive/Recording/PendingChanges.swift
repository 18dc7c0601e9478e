import VarveBytes
import VarveFormat
public import VarveModel

/// A place in what a recorder reads. Source: Spec 09, Commit, `source position`.
public struct SourcePosition: Hashable, Sendable {
    /// Name of the file or stream.
    public var name: String
    /// Bytes of it, decompressed, before the place.
    public var offset: UInt64

    public init(name: String, offset: UInt64) {
        self.name = name
        self.offset = offset
    }

    /// As it stands in commits.
    /// - Parameter limit: how far other tables that the source feeds have come, if less far.
    func encoded(limit: SourcePosition? = nil) -> [UInt8] {
        var first = limit ?? self
        var own: UInt64 = 0
        if first.name == name {
            first.offset = min(first.offset, offset)
            own = offset - first.offset
        }
        var writer = ByteWriter(capacity: 64)
        writer.append(text: first.name)
        writer.append(varint: first.offset)
        writer.append(varint: own)
        return writer.takeBytes()
    }

    /// Where a recorder goes on; nil if the bytes are no position.
    public init?(encoded: [UInt8]) {
        guard let (position, _) = Self.decode(encoded) else { return nil }
        self = position
    }

    /// How far the commit's own table has come; nil if the bytes are no position.
    init?(own encoded: [UInt8]) {
        guard let (position, more) = Self.decode(encoded) else { return nil }
        self.init(name: position.name, offset: position.offset + more)
    }

    private static func decode(_ encoded: [UInt8]) -> (SourcePosition, UInt64)? {
        var cursor = ByteCursor(encoded.raw)
        guard let name = try? cursor.text(), let offset = try? cursor.varint(),
            let more = try? cursor.varint(), cursor.remaining == 0,
            !offset.addingReportingOverflow(more).overflow
        else { return nil }
        return (SourcePosition(name: name, offset: offset), more)
    }
}

/// Changes that are not committed yet, in the order in which they came. Arrays run parallel.
///
/// One owner at a time; while blocks of it are prepared on other threads nobody changes it.
final class PendingChanges: @unchecked Sendable {
    // Sendable: see above; the recorder waits for the threads before it goes on.
    /// Whole rows.
    var changes = ChangeBuffer(capacity: 1 << 16)
    var before: [ChangeBatch.Before] = []
    var hashes: [Hash256] = []
    var sizes: [UInt32] = []
    /// Where each change's record begins, and in which source.
    var starts: [UInt64] = []
    var sources: [UInt32] = []
    /// Came after its second was sealed: it may only be one that is known.
    var isLate: [Bool] = []
    /// Has the time of the end of what was committed of its second.
    var isMoved: [Bool] = []
    private(set) var leastTime: Int64?
    private(set) var greatestTime: Int64?
    /// At least as many as the seconds that the changes are of; exact if those came in order.
    private(set) var secondCount = 0
    /// The second that the last change was of, from its beginning to its end; microseconds.
    private var lastSecond: Range<Int64> = 0..<0

    var count: Int { changes.count }
    var isEmpty: Bool { changes.count == 0 }
    var byteCount: Int { changes.rows.byteCount }

    /// Whether the changes before a time are of more than so many seconds, as far as is known.
    func hasSeconds(before limit: Int64, moreThan count: Int) -> Bool {
        guard secondCount > count, let leastTime else { return false }
        return limit / 1_000_000 - leastTime / 1_000_000 > count
    }

    /// Appends changes of a batch.
    /// - Parameters:
    ///   - start: where the record of the first begins.
    ///   - time: replaces their times, if given.
    func append(
        _ batch: borrowing ChangeBatch, _ range: Range<Int>, start: UInt64, source: UInt32,
        isLate late: Bool = false, time: Int64? = nil
    ) {
        if range.isEmpty { return }
        let first = count
        changes.rows.append(batch.changes.rows, range)
        changes.stamps += batch.changes.stamps[range]
        before += batch.before[range]
        hashes += batch.itemHashes[range]
        sizes += batch.itemSizes[range]
        starts.append(start)
        starts += batch.ends[range.lowerBound..<range.upperBound - 1]
        sources += repeatElement(source, count: range.count)
        isLate += repeatElement(late, count: range.count)
        isMoved += repeatElement(time != nil, count: range.count)
        if let time {
            for index in first..<count { changes.stamps[index].time = time }
        }
        for index in first..<count { note(changes.stamps[index].time) }
    }

    private func note(_ time: Int64) {
        leastTime = min(leastTime ?? time, time)
        greatestTime = max(greatestTime ?? time, time)
        if lastSecond.contains(time) { return }
        let end = CommitAssembly.secondEnd(time)
        lastSecond = end - 1_000_000..<end
        secondCount += 1
    }

    /// Appends a change of another buffer.
    func append(_ other: PendingChanges, _ index: Int) {
        changes.rows.append(other.changes.rows, index..<index + 1)
        changes.stamps.append(other.changes.stamps[index])
        before.append(other.before[index])
        hashes.append(other.hashes[index])
        sizes.append(other.sizes[index])
        starts.append(other.starts[index])
        sources.append(other.sources[index])
        isLate.append(other.isLate[index])
        isMoved.append(other.isMoved[index])
        note(other.changes.stamps[index].time)
    }

    /// Keeps the memory.
    func removeAll() {
        changes.removeAll()
        before.removeAll(keepingCapacity: true)
        hashes.removeAll(keepingCapacity: true)
        sizes.removeAll(keepingCapacity: true)
        starts.removeAll(keepingCapacity: true)
        sources.removeAll(keepingCapacity: true)
        isLate.removeAll(keepingCapacity: true)
        isMoved.removeAll(keepingCapacity: true)
        (leastTime, greatestTime) = (nil, nil)
        (secondCount, lastSecond) = (0, 0..<0)
    }

    /// Source and offset of the record that came first; nil if there is none.
    var earliest: (source: UInt32, offset: UInt64)? {
        guard let source = sources.first, let offset = starts.first else { return nil }
        return (source, offset)
    }
}

/// What could not be recorded: for the rejects file.
public final class RejectedChanges {
    /// Why a change was not recorded.
    public enum Reason: Sendable, Hashable {
        /// History was committed, or its second sealed, up to this time; microseconds.
        case tooLate(Int64)
        /// It says of the item before it what is not so.
        case contradiction
        /// Its time is too far ahead of the clock.
        case ahead
        /// Its time is outside the years 0001 to 9999.
        case impossibleTime
        /// A change before it could not be recorded.
        case closed
    }

    /// Whole rows, in the order in which they came.
    public internal(set) var changes = ChangeBuffer(capacity: 1 << 12)
    public internal(set) var reasons: [Reason] = []
    /// Where the record of each begins.
    public internal(set) var positions: [SourcePosition] = []

    public var count: Int { reasons.count }

    public init() {}
}

extension RejectedChanges.Reason: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tooLate(let time):
            "it came too late: history is complete up to \(Instant.text(time))"
        case .contradiction: "its old image is not the item that is recorded"
        case .ahead: "its time is more than a day ahead of this machine's clock"
        case .impossibleTime: "its time is outside the years 0001 to 9999"
        case .closed: "a change before it could not be recorded"
        }
    }
}
