import VarveBytes
import VarveFormat

/// Finds the bytes that a small sealed object had before one of them went wrong: they alone fit the
/// hash at its end, so that finding them proves them. Source: Spec 09, Sealed object; Spec 11,
/// Repair.
enum SealedCorrection {
    /// Larger objects are not tried: it takes 255 hashes for each byte.
    static let sizeMax = 768
    private static let hashSize = 32

    /// - Returns: the whole object; nil if more than one byte is wrong.
    /// - Complexity: 255 hashes of the object for each of its bytes.
    static func corrected(_ bytes: [UInt8]) -> [UInt8]? {
        guard bytes.count > hashSize, bytes.count <= sizeMax else { return nil }
        var body = Array(bytes.dropLast(hashSize))
        let stored = Array(bytes.suffix(hashSize))
        var cursor = ByteCursor(stored.raw)
        guard let wanted = try? cursor.hash() else { return nil }
        // Nothing but the hash itself may be wrong.
        let own = encoded(sha256(body.raw))
        if zip(own, stored).count(where: { $0 != $1 }) <= 1 { return body + own }
        for place in body.indices {
            let old = body[place]
            for step in 1...255 as ClosedRange<UInt8> {
                body[place] = old ^ step
                if sha256(body.raw) == wanted { return body + stored }
            }
            body[place] = old
        }
        return nil
    }

    private static func encoded(_ hash: Hash256) -> [UInt8] {
        var writer = ByteWriter(capacity: hashSize)
        writer.append(hash)
        return writer.takeBytes()
    }
}
