import VarveBytes
import VarveFormat
import VarveModel

/// What of a leaf must fit its neighbours in a tree, and the checkpoints of its table: some hundred
/// bytes, whatever it holds.
struct LeafContents: Sendable {
    let cut: CutSummary
    let firstKey: [UInt8]
    /// Of runs.
    let firstTime: Int64
    let firstSequence: UInt64
    let times: TimeSums
    /// Size of the largest item, without the names of the key attributes.
    let itemBytesMax: Int
}

/// Adds up the contents of a leaf; does nothing without a cut hash.
struct ContentsSum {
    private let hash: CutHash?
    private var entries: [CutSummary.Entry] = []
    private var times = TimeSums()
    private var itemBytesMax = 0

    init(_ hash: CutHash?) { self.hash = hash }

    mutating func add(_ key: RawSpan, _ stamp: ChangeStamp?, weight: UInt64) {
        guard let hash else { return }
        if let stamp {
            times.add(second: TimeSums.second(stamp.time), place: UInt64(entries.count))
            entries.append(
                CutSummary.Entry(
                    weight: weight,
                    hash: hash.run(
                        level: 0, key: key, time: stamp.time, sequence: stamp.sequence)))
        } else {
            entries.append(
                CutSummary.Entry(weight: weight, hash: hash.image(level: 0, key: key)))
        }
    }

    /// Takes in the size of a whole row.
    /// - Throws: `damaged` if it is larger than any item may be. Source: Spec 13.
    mutating func measure(
        _ rows: borrowing RowBuffer, _ index: Int, _ codec: KeyCodec
    ) throws(VarveError) {
        let bytes = try ItemMeasure.itemBytes(
            key: rows.key(index), value: rows.value(index), codec)
        itemBytesMax = max(itemBytesMax, bytes)
        if bytes > ItemMeasure.itemBytesMax {
            throw VarveError(
                .damaged, "an item has \(bytes) bytes, more than \(ItemMeasure.itemBytesMax)")
        }
    }

    consuming func finish(_ changes: borrowing ChangeBuffer) -> LeafContents? {
        if hash == nil { return nil }
        let first = changes.stamps.first
        return LeafContents(
            cut: CutSummary(entries, window: PageCutter.window(level: 0)),
            firstKey: changes.rows.keyBytes(0), firstTime: first?.time ?? 0,
            firstSequence: first?.sequence ?? 0,
            times: times, itemBytesMax: itemBytesMax)
    }
}
