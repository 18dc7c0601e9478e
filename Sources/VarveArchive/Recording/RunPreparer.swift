import VarveBytes
import VarveFormat
import VarveModel

/// Makes `PreparedChanges` out of changes with whole rows: hashes, weighs and outlines each once.
/// Safe to use from several threads. Source: Spec 05, 06.
struct RunPreparer: Sendable {
    let cutHash: CutHash

    /// Prepares the changes at `indices`, in that order.
    ///
    /// - Parameters:
    ///   - source: whole canonical rows; a tombstone's value is empty.
    ///   - indices: must give the changes in (key, time, sequence) order.
    /// - Throws: `damaged` if a row is malformed.
    func prepare(
        _ source: borrowing ChangeBuffer, _ indices: some RandomAccessCollection<UInt32>
    ) throws -> PreparedChanges {
        let result = PreparedChanges(capacity: 1 << 18)
        result.hashes.reserveCapacity(indices.count)
        result.weights.reserveCapacity(indices.count)
        result.cuts.reserveCapacity(indices.count)
        result.changes.rows.reserve(rows: indices.count)
        result.changes.stamps.reserveCapacity(indices.count)
        var scratch = ByteWriter(capacity: 1 << 12)
        for index in indices {
            try append(source, Int(index), to: result, &scratch)
        }
        return result
    }

    private func append(
        _ source: borrowing ChangeBuffer, _ index: Int, to result: PreparedChanges,
        _ scratch: inout ByteWriter
    ) throws {
        let stamp = source.stamps[index]
        let key = source.rows.key(index)
        let value = source.rows.value(index)
        result.hashes.append(
            ItemDigest.changeHash(
                key: key, value: value, time: stamp.time, kind: stamp.kind, &scratch))
        result.cuts.append(
            cutHash.run(level: 0, key: key, time: stamp.time, sequence: stamp.sequence))
        result.changes.stamps.append(stamp)
        if value.byteCount < Outlining.valueLimit {
            result.changes.rows.append(source.rows, index..<index + 1)
            let weight = try CutWeight.change(keyBytes: key.byteCount, value: value)
            result.weights.append(UInt32(truncatingIfNeeded: weight))
            return
        }
        scratch.removeAll()
        var outlined: [Hash256: [UInt8]] = [:]
        _ = try Outlining.outline(
            value, into: &scratch
        ) { (plain) throws(VarveError) -> Hash256 in
            let id = sha256(plain)
            outlined[id] = plain.copyBytes()
            return id
        }
        if !outlined.isEmpty { result.outlined.merge(outlined) { old, _ in old } }
        result.changes.rows.append(key: key, value: scratch.bytes)
        let weight = try CutWeight.change(keyBytes: key.byteCount, value: scratch.bytes)
        result.weights.append(UInt32(truncatingIfNeeded: weight))
    }
}
