import VarveBytes
import VarveFormat
import VarveStorage

/// Writes new blobs into packs, each blob once.
///
/// Belongs to one operation and one thread. Nothing that it writes counts before a root names it: an
/// operation that fails calls `abandon()`, which takes back the packs; one that is killed leaves packs
/// that no index lists, and the next operation finds their blobs again (Spec 11).
final class BlobWriter {
    /// Most stored bytes of new blobs that a commit carries itself. Source: Spec 11.
    static let inlineBytesMax = 65_536

    private let repository: Repository
    private let purpose: String
    private var builder: PackBuilder
    /// Where this writer's own blobs are: all that count as present without asking the repository.
    private var own: Set<Hash256> = []
    /// Blobs of the repository that this operation relies on, by the pack that holds them.
    private var relied: [Hash256: Set<Hash256>] = [:]
    /// Packs written by this operation, or found without an index and relied on.
    private var written: [FinishedPack] = []
    private var adopted: Set<Hash256> = []
    private var intent: Intent?
    /// Stored bytes of the blobs written, with their headers.
    private(set) var storedBytes: UInt64 = 0
    /// Plain bytes of the blobs written.
    private(set) var plainBytes: UInt64 = 0
    /// Blobs written.
    private(set) var blobCount = 0

    init(_ repository: Repository, purpose: String) {
        self.repository = repository
        self.purpose = purpose
        builder = PackBuilder()
    }

    /// Adds a blob unless the repository has it.
    /// - Parameter record: the blob record (Spec 08) with header.
    func add(_ record: EncodedBlob) throws {
        if own.contains(record.id) { return }
        if let location = try repository.blobs.location(of: record.id) {
            try announce()
            // A condemned pack may be gone before this operation's root is seen.
            if !repository.condemned.contains(location.pack) {
                relied[location.pack, default: []].insert(record.id)
                if location.isUnindexed { adopted.insert(location.pack) }
                own.insert(record.id)
                return
            }
        }
        try append(record)
    }

    private func append(_ record: EncodedBlob) throws {
        if builder.isFull(adding: record.bytes.count, limit: repository.configuration.packBytes) {
            try closePack()
        }
        try builder.append(record: record.bytes.raw)
        own.insert(record.id)
        storedBytes += UInt64(record.bytes.count)
        plainBytes += UInt64(record.plainBytes)
        blobCount += 1
    }

    private func announce() throws {
        if intent != nil { return }
        intent = try Intent.begin(in: repository, purpose: purpose)
        try repository.reloadCondemned()
    }

    private func closePack() throws {
        if builder.isEmpty { return }
        try announce()
        let pack = builder.finish()
        try repository.putPack(pack)
        written.append(FinishedPack(name: pack.name, size: pack.bytes.count, entries: pack.entries))
        builder = PackBuilder()
        try intent?.refreshIfDue()
    }

    /// Makes everything durable that was added, small amounts as bytes that the commit must carry.
    /// - Returns: blob records for the commit's `inline`; empty if packs were written.
    func finish(inlineAllowed: Bool = true) throws -> [UInt8] {
        if inlineAllowed, written.isEmpty, storedBytes <= UInt64(Self.inlineBytesMax) {
            let inline = builder.takeRecords()
            if !adopted.isEmpty { try publishIndex() }
            return inline
        }
        try closePack()
        try publishIndex()
        return []
    }

    private func publishIndex() throws {
        var packs = written
        for name in adopted {
            packs.append(try repository.blobs.unindexedPack(name))
        }
        if packs.isEmpty { return }
        try repository.publishIndex(of: packs)
    }

    /// After the root was published: makes sure that no pack it relies on was condemned meanwhile,
    /// else writes those blobs again. Source: Spec 11, Collection.
    /// - Returns: whether all is well without writing anything again.
    func confirm() throws -> Bool {
        guard intent != nil else { return true }
        try repository.reloadCondemned()
        var again: [Hash256] = []
        for (pack, ids) in relied where repository.condemned.contains(pack) { again += ids }
        for pack in written where repository.condemned.contains(pack.name) {
            again += pack.entries.map(\.id)
        }
        if again.isEmpty { return true }
        builder = PackBuilder()
        written = []
        adopted = []
        for id in again { try append(try repository.blobs.record(id)) }
        try closePack()
        try publishIndex()
        return false
    }

    /// Ends the operation.
    func end() throws {
        try intent?.end()
        intent = nil
    }

    /// Takes back what was written, after a failure. Errors of the store are not raised: what stays
    /// behind is unreferenced, and collection frees it.
    func abandon() {
        for pack in written {
            try? repository.store.delete(ObjectName.pack(pack.name).text)
        }
        try? intent?.end()
        intent = nil
    }
}
