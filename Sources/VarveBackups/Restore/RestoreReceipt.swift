public import VarveBytes
public import VarveFormat

/// What a restore proves of itself. Keep it: the head hash is what a later archive can be held to.
public struct RestoreReceipt: Sendable {
    /// How the restored items were proven equal to those archived.
    public enum Proof: String, Sendable {
        /// The text as it was written was read back, and its digest is the one recorded when the
        /// data was live.
        case textAgainstRecord = "text-against-recorded-digest"
        /// The items have the digest recorded when the data was live; what was written is another
        /// form of them, which was not read back.
        case rowsAgainstRecord = "rows-against-recorded-digest"
        /// As `textAgainstRecord`, but of this instant the archive keeps only the low 16 bits of
        /// the digest, which agree. The whole one was worked out from the nearest whole one before
        /// and the changes since: what did not change since is held to what was recorded when it
        /// was live, what changed to the hashes of its pages.
        case textAgainstDerived = "text-against-derived-digest"
        /// As `rowsAgainstRecord`, against a digest that was worked out in that way.
        case rowsAgainstDerived = "rows-against-derived-digest"
        /// For a part of a table: its pages are those that the hashes from the root down demand,
        /// and the text as it was written was read back to the same items.
        case textAgainstPages = "text-against-page-hashes"
        /// For a part of a table: its pages are those that the hashes from the root down demand.
        case rowsAgainstPages = "rows-against-page-hashes"
    }

    public var table: String
    public var id: TableID
    /// Number of the incarnation, from 0.
    public var incarnation: UInt64
    /// What people call the incarnation: `Orders`, or `Orders (1)` if there are several.
    public var title: String
    public var instant: Instant
    /// The checkpoint that has the state: `instant`, or the last before it.
    public var checkpoint: Instant
    /// Whether the state holds changes of a second that is not complete: `instant` is its end.
    public var isUnsealed: Bool
    /// The backup that names the state, if one does.
    public var backup: BackupRecord?
    public var target: String
    public var format: String
    /// Whether what was written is compressed text; it was proven before it was compressed.
    public var isCompressed: Bool
    /// Whether only a part of the keys was asked for.
    public var isPart: Bool
    public var items: UInt64
    /// Items of the whole state as recorded.
    public var itemsRecorded: UInt64
    /// Sum of the item sizes.
    public var itemBytes: UInt64
    public var fileBytes: UInt64
    /// Of a part: the digest of its rows as they were read.
    public var digestRecorded: Hash256
    public var digestRecomputed: Hash256
    public var proof: Proof
    /// Of a derived proof, the instant whose whole digest is recorded.
    public var derivedFrom: Instant?
    /// Hash of the table's last commit.
    public var head: Hash256
    /// Wall-clock time.
    public var microseconds: Int64

    /// How it was proven, in plain words.
    public var explanation: String {
        let text = isCompressed ? "the text, before it was compressed," : "the text written"
        return switch proof {
        case .textAgainstRecord: "\(text) was read back, and its digest is the one recorded"
        case .rowsAgainstRecord: "the items have the digest recorded; \(text) was not read back"
        case .textAgainstDerived:
            "\(text) was read back; its digest is that of \(derivedFrom?.description ?? "") with "
                + "the changes since, and agrees with the 16 bits recorded"
        case .rowsAgainstDerived:
            "the items have the digest of \(derivedFrom?.description ?? "") with the changes "
                + "since, which agrees with the 16 bits recorded; \(text) was not read back"
        case .textAgainstPages:
            "every page has the hash that the root demands, and \(text) was read back"
        case .rowsAgainstPages:
            "every page has the hash that the root demands; \(text) was not read back"
        }
    }

    public var isEqual: Bool { digestRecorded == digestRecomputed }
}
