public import VarveBytes

/// What a tree holds: an image of rows or a run of changes.
public enum TreeKind: UInt8, Sendable, Hashable {
    case image = 1
    case run = 2
}

/// The hash by which entries compete for ending a page. Source: Spec 06.
public struct CutHash: Sendable {
    @usableFromInline let k0: UInt64
    @usableFromInline let k1: UInt64

    /// - Throws: `invalidInput` unless the cut key has 16 bytes.
    public init(cutKey: RawSpan) throws(VarveError) {
        guard cutKey.byteCount == 16 else {
            throw VarveError(.invalidInput, "a cut key has 16 bytes, not \(cutKey.byteCount)")
        }
        k0 = cutKey.word(at: 0)
        k1 = cutKey.word(at: 8)
    }

    /// The hash of an image's entry.
    /// - Parameters:
    ///   - key: of a row; in index pages the last key of the child.
    ///   - level: 0 for leaves, 1 for the index pages above them and so on.
    @inlinable
    public func image(level: UInt8, key: RawSpan) -> UInt64 {
        var hasher = SipHash(k0, k1)
        hasher.update(low: 2, of: UInt64(level) | UInt64(TreeKind.image.rawValue) << 8)
        hasher.update(key)
        return hasher.finish()
    }

    /// The hash of a run's entry; in index pages key, time and sequence are the child's last.
    @inlinable
    public func run(level: UInt8, key: RawSpan, time: Int64, sequence: UInt64) -> UInt64 {
        var hasher = SipHash(k0, k1)
        hasher.update(low: 2, of: UInt64(level) | UInt64(TreeKind.run.rawValue) << 8)
        hasher.update(key)
        hasher.update(low: 8, of: (UInt64(bitPattern: time) ^ 1 << 63).byteSwapped)
        hasher.update(low: 8, of: sequence.byteSwapped)
        return hasher.finish()
    }
}
