public import VarveBytes
public import VarveFormat

/// A table digest as far as the archive still tells it. Source: Spec 07, Checkpoint pages.
public enum RecordedDigest: Sendable, Hashable {
    /// All 256 bits.
    case whole(Hash256)
    /// The low 16 bits: what pages of checkpoints hold of all but the first on each.
    case low(UInt16)

    /// All 256 bits, if they are told.
    public var whole: Hash256? {
        if case .whole(let digest) = self { return digest }
        return nil
    }

    /// The low 16 bits, which are told of every checkpoint.
    public var low: UInt16 {
        switch self {
        case .whole(let digest): UInt16(truncatingIfNeeded: digest.words.0)
        case .low(let bits): bits
        }
    }

    /// Whether a digest agrees with what is told of this one: a proof if it is told whole, else
    /// one of 65,536 digests agrees by chance.
    public func agrees(with digest: Hash256) -> Bool {
        switch self {
        case .whole(let whole): whole == digest
        case .low(let bits): bits == UInt16(truncatingIfNeeded: digest.words.0)
        }
    }

    /// Hexadecimal digits: 64, or the first four.
    public var text: String {
        switch self {
        case .whole(let digest): digest.description
        case .low(let bits): String(Hash256.withLow(bits).description.prefix(4))
        }
    }
}

extension Hash256 {
    /// The number whose first two bytes are given, the others zero.
    fileprivate static func withLow(_ bits: UInt16) -> Hash256 {
        Hash256(words: (UInt64(bits), 0, 0, 0))
    }
}

/// What the archive tells of one checkpoint. Source: Spec 07, Checkpoint pages; Spec 09, Commit.
public struct RecordedCheckpoint: Sendable, Hashable {
    public var instant: Instant
    /// Changes of the second before it.
    public var changes: UInt64
    /// Items of its state.
    public var items: UInt64
    /// Sum of their sizes. Source: Spec 03, Item size.
    public var bytes: UInt64
    /// Table digest of its state.
    public var digest: RecordedDigest

    public init(
        instant: Instant, changes: UInt64, items: UInt64, bytes: UInt64, digest: RecordedDigest
    ) {
        self.instant = instant
        self.changes = changes
        self.items = items
        self.bytes = bytes
        self.digest = digest
    }

    /// A checkpoint whose digest is told whole.
    public init(_ checkpoint: Checkpoint) {
        self.init(
            instant: checkpoint.instant, changes: checkpoint.changes, items: checkpoint.items,
            bytes: checkpoint.bytes, digest: .whole(checkpoint.digest))
    }

    /// The checkpoint with its whole digest; nil if only a part of that is told.
    public var whole: Checkpoint? {
        guard let digest = digest.whole else { return nil }
        return Checkpoint(
            instant: instant, changes: changes, items: items, bytes: bytes, digest: digest)
    }
}
