import VarveBytes
import VarveFormat

/// The beginning of a head map's file. It is written in turn to two places, each with a checksum,
/// so that one that a dying process has begun to write leaves the one before.
struct HeadMapHeader {
    /// "varvehm" and the version.
    private static let magic: UInt64 = 0x0276_6172_7665_686d
    private static let wordsUsed = 19
    private static let secondPlace = 256

    var repository: (UInt64, UInt64)
    var table: (UInt64, UInt64)
    /// The key of the fingerprints, random for each map.
    var secret: (UInt64, UInt64)
    /// Binary logarithm of the number of places.
    var bits: Int
    /// Places taken; of a map whose user died there may be more, by one commit's changes.
    var used: UInt64 = 0
    /// Sequence behind the commit that the map stands at, and that commit's hash.
    var sequence: UInt64 = 0
    var commit = Hash256.zero
    /// The machine's start in which it was used last.
    var boot: (UInt64, UInt64) = (0, 0)
    /// Whether it was put away in order.
    var isAtRest = false
    var generation: UInt64 = 0

    init(
        repository: Identifier<RepositorySubject>, table: TableID, secret: (UInt64, UInt64),
        bits: Int
    ) {
        self.repository = Self.words(repository.bytes)
        self.table = Self.words(table.bytes)
        self.secret = secret
        self.bits = bits
    }

    static func words(_ bytes: [UInt8]) -> (UInt64, UInt64) {
        (bytes.raw.word(at: 0), bytes.raw.word(at: 8))
    }

    func isOf(repository: Identifier<RepositorySubject>, table: TableID) -> Bool {
        self.repository == Self.words(repository.bytes) && self.table == Self.words(table.bytes)
    }

    // MARK: Bytes

    private var fields: [UInt64] {
        [
            Self.magic, repository.0, repository.1, table.0, table.1, secret.0, secret.1,
            UInt64(bits), used, sequence, commit.words.0, commit.words.1, commit.words.2,
            commit.words.3, boot.0, boot.1, isAtRest ? 1 : 0, generation,
        ]
    }

    private static func checksum(_ fields: [UInt64]) -> UInt64 {
        var writer = ByteWriter(capacity: 256)
        for field in fields { writer.append(u64: field) }
        return sha256(writer.bytes).words.0
    }

    func write(to words: borrowing MappedFile) {
        let start = generation % 2 == 0 ? 0 : Self.secondPlace
        let fields = fields
        for (index, field) in fields.enumerated() { words[start + index] = field }
        words[start + fields.count] = Self.checksum(fields)
    }

    /// The newer of the two that is whole; nil if there is none.
    init?(from words: borrowing MappedFile) {
        guard words.count >= HeadMap.headerWords else { return nil }
        var newest: [UInt64]?
        for start in [0, Self.secondPlace] {
            let fields = (0..<Self.wordsUsed - 1).map { words[start + $0] }
            guard fields[0] == Self.magic,
                words[start + fields.count] == Self.checksum(fields)
            else { continue }
            if let newest, newest[17] > fields[17] { continue }
            newest = fields
        }
        guard let fields = newest, fields[7] >= HeadMap.bitsMin, fields[7] < 40 else { return nil }
        repository = (fields[1], fields[2])
        table = (fields[3], fields[4])
        secret = (fields[5], fields[6])
        bits = Int(fields[7])
        used = fields[8]
        sequence = fields[9]
        commit = Hash256(words: (fields[10], fields[11], fields[12], fields[13]))
        boot = (fields[14], fields[15])
        isAtRest = fields[16] == 1
        generation = fields[17]
        if words.count != HeadMap.wordCount(bits: bits) || used > 1 << UInt64(bits) { return nil }
    }
}
