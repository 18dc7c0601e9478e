/// What a repair did, or would do, and what is lost all the same.
public struct RepairReport: Sendable {
    /// One thing done.
    public struct Action: Sendable, Hashable {
        public enum Kind: String, Sendable, Hashable, CaseIterable {
            /// A record was taken from the other repository.
            case takenRecord
            /// A record in which one byte was wrong has it right again.
            case correctedRecord
            /// A table's record was made anew from what proves it.
            case madeRecord
            /// A record that nothing can mend was put under `damaged/`.
            case setAsideRecord
            /// A damaged pack was taken apart: what is sound of it is in new packs.
            case takenApartPack
            /// Blobs were taken from the other repository.
            case takenBlobs
            /// The index of packs was made anew.
            case madeIndex
            /// An index that is damaged, or names packs that are not there, was removed.
            case removedIndex
            /// A table was laid out without what is lost of it.
            case laidOutTable
        }

        public var kind: Kind
        /// The object's name, or the table's.
        public var object: String
        /// What it means, in words.
        public var text: String
    }

    /// What is lost of a table, in its own terms.
    public struct Loss: Sendable, Hashable {
        /// The table's name, or its id if the name is lost.
        public var table: String
        public var text: String
    }

    public var isDryRun = false
    public internal(set) var actions: [Action] = []
    public internal(set) var losses: [Loss] = []
    /// What cannot be repaired and why.
    public internal(set) var notes: [String] = []
    public internal(set) var packsRead = 0
    public internal(set) var packBytesRead: UInt64 = 0
    /// What is still wrong afterwards.
    public internal(set) var verification = VerificationReport()

    /// Whether nothing had to be done.
    public var isUnneeded: Bool { actions.isEmpty && losses.isEmpty && isClean }
    /// Whether all is well now.
    public var isClean: Bool { verification.isClean && losses.isEmpty }
}

/// How far a repair is.
public struct RepairProgress: Sendable, Hashable {
    /// Bytes of packs read.
    public var done: UInt64
    public var total: UInt64
}
