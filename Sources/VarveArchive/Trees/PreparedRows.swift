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
    /// - Parameter source: whole canonical rows, keys ascending; moved out, left empty.
    /// - Throws: `damaged` if a row is malformed.
    /// - Complexity: O(bytes): one SHA-256 and one walk over each row, but for what the rows know.
    public func prepare(_ source: inout RowBuffer) throws -> PreparedRows {
        let result = PreparedRows(rows: RowBuffer(capacity: 32))
        let large = try measure(source, result)
        if large.isEmpty {
            result.rows = exchange(&source, with: RowBuffer(capacity: 32))
        } else {
            try outline(source, large, result)
            source.removeAll()
        }
        return result
    }

    /// Hashes and weighs the rows.
    /// - Returns: the rows whose values may have to be outlined.
    private func measure(
        _ source: borrowing RowBuffer, _ result: PreparedRows
    ) throws(VarveError) -> [Int] {
        let count = source.count
        var hashes = source.hashes ?? []
        let areHashed = hashes.count == count
        var weights: [UInt32] = []
        var cuts: [UInt64] = []
        if !areHashed { hashes.reserveCapacity(count) }
        weights.reserveCapacity(count)
        cuts.reserveCapacity(count)
        var digest = Hash256.zero
        var itemBytes: UInt64 = 0
        var large: [Int] = []
        let known = source.measures
        for index in 0..<count {
            if !areHashed { hashes.append(source.itemHash(index)) }
            digest = digest &+ hashes[index]
            let key = source.key(index)
            let value = source.value(index)
            cuts.append(cutHash.image(level: 0, key: key))
            let measure: RowMeasure
            if let known {
                measure = known[index]
            } else {
                measure = try RowMeasure(key: key, value: value, codec)
            }
            itemBytes &+= UInt64(measure.itemBytes)
            weights.append(
                UInt32(truncatingIfNeeded: CutWeight.leafOverhead)
                    &+ UInt32(truncatingIfNeeded: key.byteCount) &+ measure.inlineBytes)
            if value.byteCount >= Outlining.valueLimit { large.append(index) }
        }
        result.hashes = hashes
        result.weights = weights
        result.cuts = cuts
        result.digest = digest
        result.itemBytes = itemBytes
        return large
    }

    /// Puts the rows into `result`, those of `large` with their large values outlined.
    private func outline(
        _ source: borrowing RowBuffer, _ large: [Int], _ result: PreparedRows
    ) throws(VarveError) {
        var rows = RowBuffer(capacity: source.byteCount)
        var inline = ByteWriter(capacity: 1 << 16)
        var outlined: [Hash256: [UInt8]] = [:]
        var from = 0
        for index in large {
            rows.append(source, from..<index)
            from = index + 1
            inline.removeAll()
            let count = try Outlining.outline(
                source.value(index), into: &inline
            ) { (plain) throws(VarveError) -> Hash256 in
                let id = sha256(plain)
                outlined[id] = plain.copyBytes()
                return id
            }
            rows.append(key: source.key(index), value: inline.bytes)
            if count == 0 { continue }
            result.weights[index] = UInt32(
                truncatingIfNeeded: try CutWeight.row(
                    keyBytes: source.key(index).byteCount, value: inline.bytes))
        }
        rows.append(source, from..<source.count)
        result.outlined = outlined
        result.rows = rows
    }
}
