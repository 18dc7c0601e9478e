public import VarveBytes
import VarveFormat
public import VarveModel

/// Rows with all that a tree needs to know of them, worked out away from the thread that owns it.
///
/// One owner at a time; ownership moves from thread to thread with the reference.
public final class PreparedRows {
    /// In-line rows, keys ascending.
    public internal(set) var rows: RowBuffer
    /// Item hash of each row (Spec 05).
    public internal(set) var hashes: [Hash256] = []
    /// Weight of each row (Spec 06).
    public internal(set) var weights: [UInt32] = []
    /// Cut hash of each row in an image's leaves (Spec 06).
    public internal(set) var cuts: [UInt64] = []
    /// Sum of the item sizes (Spec 03).
    public internal(set) var itemBytes: UInt64 = 0
    /// Sum of the item hashes.
    public internal(set) var digest = Hash256.zero
    /// The outlined values that the rows refer to.
    public internal(set) var outlined: [Hash256: [UInt8]] = [:]

    init(rows: consuming RowBuffer) { self.rows = rows }
}

/// Makes `PreparedRows`: hashes, weighs and outlines.
public struct RowPreparer: Sendable {
    private let codec: KeyCodec
    private let cutHash: CutHash

    init(schema: KeySchema, cutHash: CutHash) {
        codec = KeyCodec(schema)
        self.cutHash = cutHash
    }

    /// Prepares whole rows.
    ///
    /// - Parameter source: whole canonical rows, keys ascending; left empty, with its memory gone.
    /// - Throws: `invalidInput` if a row is malformed.
    /// - Complexity: O(bytes): one SHA-256 and one walk over each row.
    public func prepare(_ source: inout RowBuffer) throws -> PreparedRows {
        let whole = exchange(&source, with: RowBuffer(capacity: 32))
        let count = whole.count
        var hashes: [Hash256] = []
        var weights: [UInt32] = []
        var cuts: [UInt64] = []
        hashes.reserveCapacity(count)
        weights.reserveCapacity(count)
        cuts.reserveCapacity(count)
        var digest = Hash256.zero
        var itemBytes: UInt64 = 0
        var large: [Int] = []
        for index in 0..<count {
            let hash = whole.itemHash(index)
            hashes.append(hash)
            digest = digest &+ hash
            cuts.append(cutHash.image(level: 0, key: whole.key(index)))
            let measure = try ItemMeasure(value: whole.value(index))
            let size =
                try ItemMeasure.keyBytes(of: whole.key(index), codec)
                + measure.itemBytes
            itemBytes += UInt64(size)
            weights.append(
                UInt32(
                    truncatingIfNeeded: CutWeight.leafOverhead
                        + UInt64(whole.key(index).byteCount + measure.inlineBytes)))
            if whole.value(index).byteCount >= Outlining.valueLimit { large.append(index) }
        }
        let result = PreparedRows(rows: RowBuffer(capacity: 32))
        result.hashes = hashes
        result.cuts = cuts
        result.digest = digest
        result.itemBytes = itemBytes
        try outline(whole, large, &weights, result)
        result.weights = weights
        return result
    }

    /// Puts the rows into `result`, those of `large` with their large values outlined.
    private func outline(
        _ whole: consuming RowBuffer, _ large: [Int], _ weights: inout [UInt32],
        _ result: PreparedRows
    ) throws {
        if large.isEmpty {
            result.rows = whole
            return
        }
        var rows = RowBuffer(capacity: whole.byteCount)
        var from = 0
        var inline = ByteWriter(capacity: 1 << 16)
        for index in large {
            rows.append(whole, from..<index)
            from = index + 1
            inline.removeAll()
            let outlined = try Outlining.outline(
                whole.value(index), into: &inline
            ) { (plain) throws(VarveError) -> Hash256 in
                let id = sha256(plain)
                result.outlined[id] = plain.copyBytes()
                return id
            }
            rows.append(key: whole.key(index), value: inline.bytes)
            if outlined == 0 { continue }
            weights[index] = UInt32(
                truncatingIfNeeded: try CutWeight.row(
                    keyBytes: whole.key(index).byteCount, value: inline.bytes))
        }
        rows.append(whole, from..<whole.count)
        result.rows = rows
    }
}
