import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// Writes new blobs into packs, each blob once.
///
/// Belongs to one operation and one thread. Nothing that it writes counts before a root names it:
/// an operation that fails or is killed leaves packs that no root names. They stay: another writer
/// may have found their blobs already and be about to name them. The next operation finds them too,
/// and collection frees what nobody needs (Spec 11).
final class BlobWriter {
    /// Most stored bytes of new blobs that a commit carries itself. Source: Spec 11.
    static let inlineBytesMax = 65_536

    private let repository: Repository
    private let purpose: String
    private let inlineBytesMax: Int
    private var builder = PackBuilder()
    /// The first bytes of the pack that is being filled, once they are many.
    private var draft: (any ObjectDraft)?
    /// Bytes of a pack that are kept in memory.
    private static let heldBytesMax = 1 << 20
    /// Blobs that count as present: written by this operation, or found and relied on.
    private var present: Set<Hash256> = []
    /// Blobs found in the repository, by the pack that holds them.
    private var relied: [Hash256: [Hash256]] = [:]
    private var written: [StoredPack] = []
    /// Packs that no index lists and that this operation relies on.
    private var adopted: Set<Hash256> = []
    /// Sizes of packs that were looked at, nil for those that are gone: an index may outlive its
    /// packs, and nothing may rely on what it alone still tells of.
    private var packSizes: [Hash256: Int?] = [:]
    /// Whether a pack was gone, or too short.
    private var hasLosses = false
    private var intent: Intent?
    /// Stored bytes of the blobs written, with their headers.
    private(set) var storedBytes: UInt64 = 0
    /// Plain bytes of the blobs written.
    private(set) var plainBytes: UInt64 = 0
    private(set) var blobCount = 0

    /// - Parameter inlineBytesMax: most stored bytes that the root will carry itself.
    init(
        _ repository: Repository, purpose: String, inlineBytesMax: Int = BlobWriter.inlineBytesMax
    ) {
        self.repository = repository
        self.purpose = purpose
        self.inlineBytesMax = inlineBytesMax
    }

    /// Adds a blob unless the repository has it.
    func add(_ blob: EncodedBlob) throws {
        if try relies(on: blob.id) { return }
        try append(blob)
    }

    /// Whether the blob need not be added: it was, or the repository has it. Then this operation
    /// relies on it, and `confirm` sees to it that it stays.
    func relies(on id: Hash256) throws -> Bool {
        if present.contains(id) { return true }
        var found = try place(of: id)
        if found != nil, intent == nil {
            try announce()
            // What was found before the announcement may be gone.
            found = try place(of: id)
        }
        // A condemned pack may be gone before this operation's root is seen.
        guard let location = found, !repository.condemned.contains(location.pack) else {
            return false
        }
        present.insert(id)
        relied[location.pack, default: []].append(id)
        if location.isUnindexed { adopted.insert(location.pack) }
        return true
    }

    /// Whether the repository has a blob that a root reaches already, so that nothing is to be done
    /// for it to stay.
    func finds(_ id: Hash256) throws(VarveError) -> Bool {
        if present.contains(id) || repository.blobs.isCarried(id) { return true }
        return try place(of: id) != nil
    }

    /// Where a blob is, in a pack that is there.
    /// - Complexity: asks the store once for each pack.
    private func place(of id: Hash256) throws(VarveError) -> FoundBlob? {
        guard let first = try repository.blobs.location(of: id) else { return nil }
        if try isThere(first) { return first }
        for other in try repository.blobs.copies(of: id) where try isThere(other) { return other }
        return nil
    }

    private func isThere(_ place: FoundBlob) throws(VarveError) -> Bool {
        let size: Int?
        if let known = packSizes[place.pack] {
            size = known
        } else {
            let path = ObjectName.pack(place.pack).path
            size = try repository.store.metadataIfPresent(path)?.size
            packSizes[place.pack] = .some(size)
        }
        if place.entry.range.upperBound <= size ?? -1 { return true }
        hasLosses = true
        return false
    }

    private func append(_ blob: EncodedBlob) throws {
        present.insert(blob.id)
        if !builder.isEmpty,
            builder.byteCount + blob.bytes.count > Int(repository.configuration.packBytes)
                || !builder.hasRoom(forRecordOf: blob.bytes.count)
        {
            try closePack()
        }
        try builder.append(record: blob.bytes.raw)
        storedBytes += UInt64(blob.bytes.count)
        plainBytes += UInt64(blob.plainBytes)
        blobCount += 1
        if storedBytes <= UInt64(inlineBytesMax) { inline += blob.bytes }
        if builder.heldBytes >= Self.heldBytesMax { try drain() }
    }

    private func drain() throws {
        let draft = try draft ?? repository.store.draft()
        self.draft = draft
        try builder.drain { bytes throws(VarveError) in try draft.append(bytes) }
    }

    /// The first blobs, while they are small enough to go into the commit.
    private var inline: [UInt8] = []

    /// From here on the repository relies on packs that no root names.
    func announce() throws {
        if intent != nil { return }
        intent = try Intent.begin(in: repository, purpose: purpose)
        // In this order: whoever deletes packs takes them out of the indexes before it takes back
        // the list that condemned them.
        try repository.reloadCondemned()
        try repository.blobs.reload()
        packSizes = [:]
    }

    private func closePack() throws {
        if builder.isEmpty { return }
        try announce()
        var pack = builder.finish()
        var draft = self.draft
        self.draft = nil
        // The very same bytes may be condemned: they would go with the pack of that name. Or they
        // are there and cut short.
        let isCut = try isCutShort(pack)
        if isCut || repository.condemned.contains(pack.name) {
            pack = try renamed(pack, (try draft?.contents() ?? []) + pack.bytes)
            draft = nil
        }
        // If it exists, then an interrupted operation left the very same bytes.
        let name = ObjectName.pack(pack.name).path
        if let draft {
            try draft.append(pack.bytes.raw)
            _ = try draft.publish(as: name)
        } else {
            _ = try repository.store.createIfAbsent(name, pack.bytes)
        }
        written.append(
            StoredPack(name: pack.name, size: UInt64(pack.size), entries: pack.entries))
        try intent?.refreshIfDue()
    }

    /// Asks only when something of the repository was found to be lost.
    private func isCutShort(_ pack: SealedPack) throws(VarveError) -> Bool {
        if !hasLosses { return false }
        let there = try repository.store.metadataIfPresent(ObjectName.pack(pack.name).path)
        return there.map { $0.size != pack.size } ?? false
    }

    /// The blobs of a pack under another name: beside them stands one that nothing refers to and
    /// that is like no other, for the next repacking to drop.
    private func renamed(_ pack: SealedPack, _ bytes: [UInt8]) throws -> SealedPack {
        for entry in pack.entries {
            try builder.append(record: PackReader.record(entry, in: bytes.raw))
        }
        var plain = ByteWriter()
        plain.append(AttributeType.binary.rawValue)
        plain.append(counted: repository.environment.random.bytes(16))
        builder.append(plain: plain.bytes, type: .outlinedValue)
        return builder.finish()
    }

    /// Makes everything durable that was added.
    /// - Returns: blob records that the commit must carry itself; empty if packs were written.
    func finish() throws -> [UInt8] {
        var carried: [UInt8] = []
        if written.isEmpty, storedBytes <= UInt64(inlineBytesMax) {
            carried = inline
        } else {
            try closePack()
        }
        try publishIndex()
        return carried
    }

    private func publishIndex() throws {
        var packs = written
        for name in adopted.sorted() {
            if let pack = try repository.blobs.unindexedPack(name) { packs.append(pack) }
        }
        if !packs.isEmpty { try repository.publishIndex(of: packs) }
    }

    /// After the root was published: if a pack that it relies on was condemned meanwhile, writes
    /// those blobs again, until none was. Source: Spec 11, Collection.
    func confirm() throws {
        guard intent != nil else { return }
        while true {
            try repository.reloadCondemned()
            let condemned = repository.condemned
            // In an order of their own: what is written must not depend on a dictionary's.
            var again = relied.filter { condemned.contains($0.key) }
                .sorted { $0.key < $1.key }.flatMap(\.value)
            for pack in written where condemned.contains(pack.name) {
                again += pack.entries.map(\.id)
            }
            if again.isEmpty { return }
            relied = relied.filter { !condemned.contains($0.key) }
            written.removeAll { condemned.contains($0.name) }
            adopted.subtract(condemned)
            for id in again { try append(try repository.blobs.recordAfterReload(id)) }
            try closePack()
            try publishIndex()
        }
    }

    /// Ends the operation.
    func end() throws {
        try intent?.end()
        intent = nil
    }

    /// Ends the operation after a failure, of which its user must hear: that the intent may stay,
    /// and keep a collector waiting for a day, is nothing beside it.
    func abandon() {
        _ = try? intent?.end()
        intent = nil
    }
}
