import VarveBytes
import VarveFormat
import VarveModel

/// One version of an item, as the archive recorded it.
public struct ItemVersion: Sendable, Hashable {
    /// How the archive knows of it.
    public enum Kind: String, Sendable, Hashable {
        /// The change was recorded: a put.
        case put
        /// The change was recorded: the item was removed.
        case deleted = "delete"
        /// A full copy of the table, or the beginning of its history, had it so; when it came to be
        /// so is not known.
        case found
        /// A full copy of the table did not have it any more.
        case missing
    }

    public var kind: Kind
    /// When it changed, microseconds since 1970; of `found` and `missing` the copy's instant. What
    /// was learned by comparing two copies has the last microsecond before the later one.
    public var time: Int64
    /// Whether the time is that of the change itself, and not only its latest possible one.
    public var isExact: Bool
    /// Canonical and whole; nil if there was none.
    public var value: [UInt8]?
}

extension Repository {
    /// Every version of one item that the archive holds, from the oldest to the newest.
    ///
    /// Reads only pages that may hold the key, one at a time.
    /// - Parameters:
    ///   - times: only versions of this stretch; microseconds.
    ///   - emit: gets one version after another; what it throws ends the reading.
    public func versions(
        of key: [UInt8], in history: TableHistory,
        times: Range<Int64> = Int64.min..<Int64.max, emit: (ItemVersion) throws -> Void
    ) throws {
        var reading = ItemHistoryReading(self, history, key, times)
        try reading.run(emit)
    }
}

private struct ItemHistoryReading {
    private let repository: Repository
    private let history: TableHistory
    private let key: [UInt8]
    private let times: Range<Int64>
    /// The item after the last piece that was read.
    private var current: [UInt8]?

    init(
        _ repository: Repository, _ history: TableHistory, _ key: [UInt8], _ times: Range<Int64>
    ) {
        self.repository = repository
        self.history = history
        self.key = key
        self.times = times
    }

    mutating func run(_ emit: (ItemVersion) throws -> Void) throws {
        // Where the runs read so far end: an image there repeats what they say.
        var end: Int64?
        for piece in history.piecesByEnd {
            switch piece.kind {
            case .run:
                if piece.from == piece.to { continue }
                try take(run: piece, emit)
                end = piece.to
            case .image:
                if piece.to == end || isRepeated(piece) { continue }
                try take(image: piece, emit)
            }
        }
    }

    /// Whether the runs around an image tell what it tells: in a range that is exact at every
    /// second all but the first image do.
    private func isRepeated(_ image: Piece) -> Bool {
        guard let instant = Instant(microseconds: image.to) else { return false }
        let range = history.storedRanges.last {
            !$0.isExactAtCheckpointsOnly && $0.from < instant && instant <= $0.to
        }
        return range != nil && history.run(over: image.to) != nil
    }

    private mutating func take(
        image piece: Piece, _ emit: (ItemVersion) throws -> Void
    ) throws {
        let value = try repository.value(
            key, in: piece.tree, schema: history.record.keySchema)
        if value == current { return }
        current = value
        if !times.contains(piece.to) { return }
        try emit(
            ItemVersion(
                kind: value == nil ? .missing : .found, time: piece.to, isExact: false,
                value: value))
    }

    private mutating func take(
        run piece: Piece, _ emit: (ItemVersion) throws -> Void
    ) throws {
        let scan = try RunScan(
            piece.tree, schema: history.record.keySchema, repository: repository,
            bounds: KeyBounds(key: key))
        while let block = try scan.nextBlock() {
            for index in 0..<block.changes.count {
                let stamp = block.changes.stamps[index]
                let isPut = stamp.kind == .put
                let isWanted = times.contains(stamp.time)
                let isLast = index + 1 == block.changes.count
                guard isWanted || isLast else { continue }
                current =
                    isPut
                    ? try repository.wholeValue(block.changes.rows, index, block.hasOutlined) : nil
                if !isWanted { continue }
                try emit(
                    ItemVersion(
                        kind: isPut ? .put : .deleted, time: stamp.time,
                        isExact: isExact(stamp.time), value: current))
            }
        }
    }

    /// Whether a change of that time was recorded when it happened.
    private func isExact(_ time: Int64) -> Bool {
        history.storedRanges.contains {
            !$0.isExactAtCheckpointsOnly && $0.from.microseconds <= time
        } && !history.storedRanges.contains {
            $0.isExactAtCheckpointsOnly && $0.from.microseconds <= time
                && time < $0.to.microseconds
        }
    }
}
