import VarveBytes
import VarveFormat
import VarveModel

/// Collects where the changes of a run are by their time, and writes that as a time list. Source:
/// Spec 07, Time list.
///
/// Memory: 8 bytes a change. Runs of more changes than `entriesMax` get no list: whoever looks for
/// a stretch of time reads them whole.
struct TimeListWriter {
    /// Stored bytes from which on a run is worth a list.
    static let runBytesMin: UInt64 = 1 << 20
    static let entriesMax = 4 << 20

    /// Second that the others are counted from.
    private let first: Int64
    /// Second after `first`, then ordinal.
    private var places: [UInt64] = []
    private var ordinal: UInt64 = 0
    private var isPossible = true

    /// - Parameter from: beginning of the run; microseconds.
    init(from: Int64) { first = Self.second(from) }

    private static func second(_ time: Int64) -> Int64 {
        time >= 0 ? time / 1_000_000 : ~(~time / 1_000_000)
    }

    /// Takes the run's next changes.
    mutating func append(_ stamps: [ChangeStamp]) {
        if !isPossible { return }
        if places.count + stamps.count > Self.entriesMax {
            isPossible = false
            places = []
            return
        }
        for stamp in stamps {
            let second = Self.second(stamp.time) - first
            guard second >= 0, second <= Int64(UInt32.max) else {
                isPossible = false
                places = []
                return
            }
            places.append(UInt64(second) << 32 | ordinal)
            ordinal += 1
        }
    }

    /// Writes the list.
    /// - Returns: its root; nil if the run gets none.
    mutating func finish(to writer: BlobWriter) throws -> Hash256? {
        if places.isEmpty { return nil }
        places.sort()
        var level: [SpanEntry] = []
        for start in stride(from: 0, to: places.count, by: TimeListPage.countMax) {
            let part = places[start..<min(start + TimeListPage.countMax, places.count)]
            let entries = part.map {
                TimeListEntry(second: first + Int64($0 >> 32), ordinal: $0 & 0xffff_ffff)
            }
            var plain = ByteWriter(capacity: 1 << 16)
            TimeListPage(entries: entries).encode(into: &plain)
            let blob = EncodedBlob(.timeList, plain: plain.bytes)
            try writer.add(blob)
            level.append(
                SpanEntry(
                    first: entries[0].second, last: entries[entries.count - 1].second,
                    entries: UInt64(entries.count), id: blob.id))
        }
        var height: UInt8 = 0
        while level.count > 1 {
            height += 1
            level = try Self.index(level, level: height, to: writer)
        }
        return level[0].id
    }

    private static func index(
        _ children: [SpanEntry], level: UInt8, to writer: BlobWriter
    ) throws -> [SpanEntry] {
        try stride(from: 0, to: children.count, by: SpanIndexPage.countMax).map { start in
            let part = Array(children[start..<min(start + SpanIndexPage.countMax, children.count)])
            var plain = ByteWriter(capacity: 4096)
            SpanIndexPage(kind: .timeList, level: level, children: part).encode(into: &plain)
            let blob = EncodedBlob(.timeListIndex, plain: plain.bytes)
            try writer.add(blob)
            return SpanEntry(
                first: part[0].first, last: part[part.count - 1].last,
                entries: part.reduce(0) { $0 + $1.entries }, id: blob.id)
        }
    }
}
