import VarveBytes
import VarveFormat
import VarveModel

/// Changes with all that a tree needs to know of them.
final class PreparedChanges {
    /// In (key, time, sequence) order; values in-line.
    var changes: ChangeBuffer
    /// Change hash of each (Spec 05).
    var hashes: [Hash256] = []
    /// Weight of each (Spec 06).
    var weights: [UInt32] = []
    /// Cut hash of each in a run's leaves (Spec 06).
    var cuts: [UInt64] = []
    /// The outlined values that the changes refer to.
    var outlined: [Hash256: [UInt8]] = [:]

    init(capacity: Int = 1 << 16) { changes = ChangeBuffer(capacity: capacity) }
}

/// Collects changes into `PreparedChanges`.
struct ChangePreparer {
    let cutHash: CutHash

    /// Appends row `index` of `rows` as a put.
    /// - Parameter outlined: the outlined values that the row may refer to.
    func put(
        _ rows: borrowing RowBuffer, _ index: Int, outlined: [Hash256: [UInt8]],
        stamp: ChangeStamp, to target: PreparedChanges
    ) throws {
        target.changes.rows.append(rows, index..<index + 1)
        if outlined.isEmpty {
            try finish(stamp, whole: rows.valueBytes(index), to: target)
            return
        }
        var whole = ByteWriter(capacity: rows.value(index).byteCount + 1024)
        try Outlining.expand(rows.value(index), into: &whole) {
            (id, _, output) throws(VarveError) in
            guard let bytes = outlined[id] else {
                throw VarveError(.damaged, "an outlined value is missing", at: "blob \(id)")
            }
            target.outlined[id] = bytes
            output.append(bytes)
        }
        try finish(stamp, whole: whole.takeBytes(), to: target)
    }

    /// Appends a tombstone for the key of row `index` of `rows`.
    func tombstone(
        _ rows: borrowing RowBuffer, _ index: Int, stamp: ChangeStamp, to target: PreparedChanges
    ) throws {
        target.changes.rows.append(key: rows.key(index), value: rows.key(index).part(0, 0))
        try finish(stamp, whole: [], to: target)
    }

    private func finish(
        _ stamp: ChangeStamp, whole: [UInt8], to target: PreparedChanges
    ) throws {
        let index = target.changes.rows.count - 1
        let key = target.changes.rows.keyBytes(index)
        let value = target.changes.rows.valueBytes(index)
        target.changes.stamps.append(stamp)
        target.hashes.append(
            ItemDigest.changeHash(
                key: key.raw, value: whole.raw, time: stamp.time, kind: stamp.kind))
        target.weights.append(
            UInt32(
                truncatingIfNeeded: try CutWeight.change(keyBytes: key.count, value: value.raw)))
        target.cuts.append(
            cutHash.run(level: 0, key: key.raw, time: stamp.time, sequence: stamp.sequence))
    }
}
