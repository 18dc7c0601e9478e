import VarveBytes
import VarveFormat
import VarveModel

/// What the newest state of a table holds, by key: the item's hash and size, so that a change costs
/// two hashes and no page is read.
///
/// A cache: everything in it can be worked out from the archive. It says which commit it stands at.
/// Entries are the state after that commit, whoever writes them and however often: a process that
/// dies while it moves on leaves entries that the next one writes again. After a crash of the
/// machine it is used only if it was put away in order before.
///
/// Each entry has a checksum: a digest worked out from a rotten one would be recorded for good.
///
/// Open addressing with linear probing. A key's place is never given to another key, so a removed
/// item leaves an entry that says so, until the map is made anew. Complexity of a look-up: O(1).
struct HeadMap: ~Copyable {
    /// What is there of a key.
    struct Entry: Equatable {
        var hash: Hash256
        /// Item size (Spec 03).
        var size: UInt32
    }

    /// A key, by two keyed hashes: 128 bits that nobody without the map can steer.
    struct Fingerprint: Equatable {
        var first: UInt64
        var second: UInt64
    }

    // Words of an entry: size, state and checksum in one; fingerprint; item hash.
    static let entryWords = 7
    private static let isTaken: UInt64 = 1 << 32
    private static let isPresent: UInt64 = 1 << 33
    private static let checksumShift = 34
    static let headerWords = 512
    static let bitsMin = 10

    private(set) var words: MappedFile
    var header: HeadMapHeader
    private let mask: Int
    /// Whether an entry was found damaged.
    private var isGivenUp = false

    /// - Parameter words: of the size that the header says.
    init(words: consuming MappedFile, header: HeadMapHeader) {
        precondition(words.count == Self.wordCount(bits: header.bits))
        mask = 1 << header.bits - 1
        self.words = words
        self.header = header
    }

    static func wordCount(bits: Int) -> Int { headerWords + (1 << bits) * entryWords }

    /// Least size that so many entries fit in with room to grow.
    static func bits(for entries: Int) -> Int {
        var bits = bitsMin
        while entries > (1 << bits) / 2 { bits += 1 }
        return bits
    }

    // MARK: Keys

    func fingerprint(_ key: RawSpan) -> Fingerprint {
        var first = SipHash(header.secret.0, header.secret.1)
        first.update(key)
        var second = SipHash(header.secret.1, ~header.secret.0)
        second.update(key)
        return Fingerprint(first: first.finish(), second: second.finish())
    }

    func fingerprint(_ rows: borrowing RowBuffer, _ index: Int) -> Fingerprint {
        fingerprint(rows.key(index))
    }

    /// Where the search for a key begins.
    private func firstSlot(_ key: Fingerprint) -> Int {
        // The high bits: a map of twice the size has the same order.
        Int(truncatingIfNeeded: key.first >> UInt64(64 - header.bits))
    }

    /// Words before the entry of a key, or before the free one where it would go.
    private func place(
        _ key: Fingerprint
    ) throws(VarveError) -> (word: Int, isTaken: Bool) {
        var slot = firstSlot(key)
        // No sound map has all its places taken.
        for _ in 0...mask {
            let word = Self.headerWords + slot * Self.entryWords
            if words[word] & Self.isTaken == 0 { return (word, false) }
            if words[word + 1] == key.first, words[word + 2] == key.second { return (word, true) }
            slot = (slot + 1) & mask
        }
        throw damage
    }

    // MARK: Entries

    /// What is there of a key; nil if no item is.
    /// - Throws: `damaged`, by any entry that is looked at.
    func find(_ key: Fingerprint) throws(VarveError) -> Entry? {
        var slot = firstSlot(key)
        for _ in 0...mask {
            let word = Self.headerWords + slot * Self.entryWords
            if words[word] == 0 { return nil }
            let entry = try entry(word)
            if words[word + 1] == key.first, words[word + 2] == key.second { return entry }
            slot = (slot + 1) & mask
        }
        throw damage
    }

    /// The entry of a place that is taken; nil if it says that no item is there.
    private func entry(_ word: Int) throws(VarveError) -> Entry? {
        let state = words[word]
        let plain = state & (1 << Self.checksumShift - 1)
        guard state & Self.isTaken != 0, state == sealed(plain, word) else { throw damage }
        if state & Self.isPresent == 0 { return nil }
        return Entry(
            hash: Hash256(
                words: (words[word + 3], words[word + 4], words[word + 5], words[word + 6])),
            size: UInt32(truncatingIfNeeded: state))
    }

    /// A state with the checksum of it and of the words behind it: 30 bits of a sum of products
    /// with odd numbers, so that no one changed word goes unseen.
    private func sealed(_ state: UInt64, _ word: Int) -> UInt64 {
        let isPresent = state & Self.isPresent != 0
        var sum = state &* 0x9e37_79b9_7f4a_7c15
        for next in 1..<(isPresent ? Self.entryWords : 3) {
            sum = (sum ^ words[word + next]) &* 0xbf58_476d_1ce4_e5b9
            sum ^= sum >> 32
        }
        return state | (sum >> 34) << UInt64(Self.checksumShift)
    }

    private var damage: VarveError {
        VarveError(.damaged, "an entry of the cache of item hashes is damaged", at: "head map")
    }

    /// Whether so many more keys may be set.
    func hasRoom(for more: Int) -> Bool {
        Int(header.used) + more <= (1 << header.bits) / 4 * 3
    }

    /// Sets what is there of a key.
    /// - Precondition: `hasRoom`.
    /// - Throws: `damaged`.
    mutating func set(_ key: Fingerprint, _ entry: Entry?) throws(VarveError) {
        let place = try place(key)
        let word = place.word
        if !place.isTaken {
            if entry == nil { return }
            precondition(hasRoom(for: 1))
            words[word + 1] = key.first
            words[word + 2] = key.second
            header.used += 1
        }
        guard let entry else {
            words[word] = sealed(Self.isTaken, word)
            return
        }
        words[word + 3] = entry.hash.words.0
        words[word + 4] = entry.hash.words.1
        words[word + 5] = entry.hash.words.2
        words[word + 6] = entry.hash.words.3
        words[word] = sealed(Self.isTaken | Self.isPresent | UInt64(entry.size), word)
    }

    /// Gives the map up: it is made anew when it is opened next.
    mutating func giveUp() {
        isGivenUp = true
        header.boot = (0, 0)
        header.isAtRest = false
        writeHeader()
    }

    /// Places, taken or not.
    var capacity: Int { mask + 1 }

    /// The item at a place, if there is one.
    func item(at slot: Int) throws(VarveError) -> (key: Fingerprint, entry: Entry)? {
        let word = Self.headerWords + slot * Self.entryWords
        if words[word] == 0 { return nil }
        guard let entry = try entry(word) else { return nil }
        return (Fingerprint(first: words[word + 1], second: words[word + 2]), entry)
    }

    // MARK: Standing

    /// Says which commit the entries are the state after.
    mutating func stand(at head: ChainHead) {
        header.sequence = head.nextSequence
        header.commit = head.hash
        writeHeader()
    }

    /// Says that entries may lie between commits: after a crash of the machine the map is made
    /// anew.
    mutating func beginUse() throws {
        header.boot = CurrentProcess.bootIdentifier ?? (0, 0)
        header.isAtRest = false
        writeHeader()
        try words.synchronize()
    }

    /// Puts the map away, so that it outlives a crash of the machine.
    mutating func rest() throws {
        if isGivenUp { return }
        try words.synchronize()
        header.isAtRest = true
        writeHeader()
        try words.synchronize()
    }

    mutating func writeHeader() {
        header.generation += 1
        header.write(to: words)
    }
}
