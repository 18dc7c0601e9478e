public import VarveBytes

/// Hashes and sums of hashes of items and changes. Source: Spec 05.
public enum ItemDigest {
    /// Sum of the item hashes of whole rows.
    public static func tableDigest(of rows: borrowing RowBuffer) -> Hash256 {
        tableDigest(of: rows, 0..<rows.count)
    }

    /// Sum of the item hashes of some whole rows.
    public static func tableDigest(
        of rows: borrowing RowBuffer, _ range: Range<Int>
    ) -> Hash256 {
        var sum = Hash256.zero
        for index in range { sum = sum &+ rows.itemHash(index) }
        return sum
    }

    /// SHA-256 of `02`, length and bytes of the key, time, kind and value.
    /// - Parameter value: whole; empty for a tombstone.
    public static func changeHash(
        key: RawSpan, value: RawSpan, time: Int64, kind: ChangeStamp.Kind
    ) -> Hash256 {
        var scratch = ByteWriter(capacity: key.byteCount + value.byteCount + 32)
        return changeHash(key: key, value: value, time: time, kind: kind, &scratch)
    }

    /// The same, with memory that is reused.
    public static func changeHash(
        key: RawSpan, value: RawSpan, time: Int64, kind: ChangeStamp.Kind,
        _ scratch: inout ByteWriter
    ) -> Hash256 {
        scratch.removeAll()
        scratch.append(2)
        scratch.append(counted: key)
        scratch.append(i64: time)
        scratch.append(kind.rawValue)
        if kind == .put { scratch.append(value) }
        return sha256(scratch.bytes)
    }

    /// Sum of the change hashes of changes with whole rows.
    public static func changeDigest(of changes: borrowing ChangeBuffer) -> Hash256 {
        changeDigest(of: changes, 0..<changes.count)
    }

    /// Sum of the change hashes of some changes with whole rows.
    public static func changeDigest(
        of changes: borrowing ChangeBuffer, _ range: Range<Int>
    ) -> Hash256 {
        var scratch = ByteWriter(capacity: 1_024)
        var sum = Hash256.zero
        for index in range {
            let stamp = changes.stamps[index]
            let hash = changeHash(
                key: changes.rows.key(index), value: changes.rows.value(index), time: stamp.time,
                kind: stamp.kind, &scratch)
            sum = sum &+ hash
        }
        return sum
    }
}
