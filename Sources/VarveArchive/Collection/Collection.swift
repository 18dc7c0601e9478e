import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// Frees the packs that no root reaches. Source: Spec 11, Collection.
///
/// Memory: an id for each blob reached, and the place of each.
struct Collection {
    private let repository: Repository
    private let grace: Int64
    private let deadShareMax: Double
    private let scope: Scope

    /// What a collection looks for.
    enum Scope {
        /// Everything that no root reaches.
        case everything
        /// What compaction leaves behind: large values count as needed, so that no leaf is read.
        /// Only condemned lists of these ordinals ripen by this collection's grace; others by the
        /// usual one.
        case compaction(lists: Set<UInt64>)
    }

    init(
        _ repository: Repository, grace: Int64, deadShareMax: Double, scope: Scope = .everything
    ) {
        self.repository = repository
        self.grace = grace
        self.deadShareMax = deadShareMax
        self.scope = scope
    }

    /// A condemned list in the store.
    private struct Condemnation {
        var path: String
        var ordinal: UInt64
        /// By the store's clock; microseconds.
        var modified: Int64
        var packs: Set<Hash256>
    }

    func run() throws -> CollectionReport {
        var report = CollectionReport()
        try condemn(&report)
        try delete(&report)
        try repository.reloadCondemned()
        try repository.blobs.reload()
        return report
    }

    /// What would be condemned if the tables' pieces were these; an upper bound, because pieces
    /// that would be rewritten count as gone and not as new.
    func estimate(_ planned: [TableID: [Piece]]) throws -> CollectionReport {
        let lists = try condemnations()
        let condemned = lists.reduce(into: Set<Hash256>()) { $0.formUnion($1.packs) }
        var stock = try PackStock(repository)
        var reach = BlobReach(repository, readsLeaves: stock.hasOutlined)
        for table in try repository.tables() {
            try reach.add(planned[table.id] ?? [], schema: table.record.keySchema)
        }
        try stock.mark(reach.ids, last: condemned)
        var report = CollectionReport()
        for (name, pack) in stock.packs {
            if condemned.contains(name) {
                report.waitingPacks += 1
                report.waitingBytes += pack.size
            } else if !pack.isMarked {
                report.condemnedPacks += 1
                report.condemnedBytes += pack.size
            } else {
                report.keptPacks += 1
                report.keptBytes += pack.size
            }
        }
        return report
    }

    // MARK: What is there

    private func condemnations() throws(VarveError) -> [Condemnation] {
        var result: [Condemnation] = []
        for entry in try repository.store.list(ObjectName.condemnedPrefix) {
            guard case .condemned(let ordinal)? = ObjectName(path: entry.name),
                let bytes = try repository.store.readIfPresent(entry.name)
            else { continue }
            let record = try CondemnedRecord(sealed: bytes, name: entry.name)
            result.append(
                Condemnation(
                    path: entry.name, ordinal: ordinal, modified: entry.modified,
                    packs: Set(record.packs)))
        }
        return result
    }

    /// Everything that roots reach now.
    private func reached(_ stock: PackStock) throws -> Set<Hash256> {
        // Roots published since the indexes were read may need blobs of new packs.
        try repository.blobs.reload()
        var readsLeaves = stock.hasOutlined
        if case .compaction = scope { readsLeaves = false }
        var reach = BlobReach(repository, readsLeaves: readsLeaves)
        for table in try repository.tables() {
            let history = try repository.history(table.id, table.record)
            try reach.add(history.pieces, schema: table.record.keySchema)
            try reach.add(checkpoints: history.layout?.checkpoints)
        }
        if case .compaction = scope { return reach.ids.union(try stock.outlinedValues()) }
        return reach.ids
    }

    // MARK: Condemning

    private func condemn(_ report: inout CollectionReport) throws {
        let lists = try condemnations()
        let condemned = lists.reduce(into: Set<Hash256>()) { $0.formUnion($1.packs) }
        let intents = try LiveIntents(repository)
        var stock = try PackStock(repository)
        try stock.mark(try reached(stock), last: condemned)
        func isFree(_ name: Hash256, _ pack: PackStock.Pack) -> Bool {
            !condemned.contains(name) && intents.areAfter(pack.modified)
        }
        var worn = stock.packs.filter {
            $1.isMarked && isFree($0, $1) && $1.deadShare > deadShareMax
        }
        let small = stock.packs.filter {
            $1.isMarked && isFree($0, $1)
                && $1.size < repository.configuration.packBytes / Self.smallShare
        }
        if small.count > Self.smallCountMax { worn.merge(small) { pack, _ in pack } }
        try repack(worn.keys.sorted(), stock, &report)
        var names = Array(worn.keys)
        for (name, pack) in stock.packs where !pack.isMarked && isFree(name, pack) {
            names.append(name)
        }
        report.condemnedPacks = names.count
        for name in names { report.condemnedBytes += stock.packs[name]?.size ?? 0 }
        if !names.isEmpty {
            report.condemnedList = try publish(names.sorted(), after: lists.last?.ordinal)
        }
    }

    /// Packs of less than this part of a full one are written together when there are many.
    private static let smallShare: UInt64 = 16
    private static let smallCountMax = 64

    /// - Returns: the list's ordinal.
    private func publish(_ names: [Hash256], after last: UInt64?) throws -> UInt64 {
        let record = CondemnedRecord(written: repository.now(), packs: names, indexes: [])
        let bytes = try record.seal()
        // Names are only to differ: behind the greatest number the search goes on at the least.
        var ordinal = last.map { $0 &+ 1 } ?? 0
        while try !repository.store.createIfAbsent(
            ObjectName.condemned(ordinal: ordinal).path, bytes)
        {
            ordinal &+= 1
        }
        return ordinal
    }

    /// Writes the live blobs of packs into new ones, and indexes them.
    private func repack(
        _ names: [Hash256], _ stock: PackStock, _ report: inout CollectionReport
    ) throws {
        if names.isEmpty { return }
        let intent = try Intent.begin(in: repository, purpose: "prune")
        var builder = PackBuilder()
        var made: [StoredPack] = []
        func close() throws {
            if builder.isEmpty { return }
            let pack = builder.finish()
            _ = try repository.store.createIfAbsent(ObjectName.pack(pack.name).path, pack.bytes)
            made.append(
                StoredPack(name: pack.name, size: UInt64(pack.bytes.count), entries: pack.entries))
            report.repackedBytes += UInt64(pack.bytes.count)
            try intent.refreshIfDue()
        }
        var plain = ByteWriter(capacity: 1 << 17)
        for name in names {
            let path = ObjectName.pack(name).path
            for entry in (stock.kept[name] ?? []).sorted(by: { $0.offset < $1.offset }) {
                let record = try repository.store.read(path, entry.range)
                plain.removeAll()
                do throws(VarveError) {
                    try entry.appendPlain(of: record.raw, to: &plain)
                } catch {
                    throw error.located(in: path)
                }
                if !builder.isEmpty,
                    builder.byteCount + record.count > Int(repository.configuration.packBytes)
                        || !builder.hasRoom(forRecordOf: record.count)
                {
                    try close()
                }
                try builder.append(record: record.raw)
            }
        }
        try close()
        try repository.publishIndex(of: made)
        try intent.end()
        report.repackedPacks = names.count
    }

    // MARK: Deleting

    private func delete(_ report: inout CollectionReport) throws {
        let now = try repository.store.now()
        let intents = try LiveIntents(repository)
        // A writer that began before a list may rely on its packs until it has read it. So a list's
        // packs outlive every writer that is older.
        let lists = try condemnations()
        let ripe = lists.filter {
            $0.modified + grace(of: $0.ordinal) <= now && intents.areAfter($0.modified)
        }
        var stock = try PackStock(repository)
        try stock.mark(
            try reached(stock), last: lists.reduce(into: []) { $0.formUnion($1.packs) })
        for list in ripe {
            for name in list.packs.sorted() {
                guard let pack = stock.packs[name] else { continue }
                if pack.isMarked {
                    report.rescuedPacks += 1
                    continue
                }
                try repository.store.deleteIfPresent(ObjectName.pack(name).path)
                stock.remove(name)
                report.deletedPacks += 1
                report.deletedBytes += pack.size
            }
        }
        try rewriteIndexes(stock, &report)
        for list in ripe where try LiveIntents(repository).areAfter(list.modified) {
            try repository.store.deleteIfPresent(list.path)
        }
        let waiting = Set(lists.flatMap(\.packs)).subtracting(ripe.flatMap(\.packs))
        for (name, pack) in stock.packs {
            if waiting.contains(name) {
                report.waitingPacks += 1
                report.waitingBytes += pack.size
            } else {
                report.keptPacks += 1
                report.keptBytes += pack.size
            }
        }
    }

    /// Microseconds that the packs of a condemned list stay.
    private func grace(of list: UInt64) -> Int64 {
        guard case .compaction(let lists) = scope, !lists.contains(list) else { return grace }
        return max(grace, Pruning.Request.graceDefault)
    }

    /// Takes packs that are gone out of the indexes, and merges the smallest if there are many.
    private func rewriteIndexes(_ stock: PackStock, _ report: inout CollectionReport) throws {
        var old = stock.indexes.filter { index in
            index.reader.packs.contains { stock.packs[$0.name] == nil }
        }
        let sound = stock.indexes.filter { index in !old.contains { $0.name == index.name } }
            .sorted { $0.size < $1.size }
        let count = sound.count + (old.isEmpty ? 0 : 1)
        if count > Repository.indexCountMax {
            old += sound.prefix(count - Repository.indexCountMax + 1)
        }
        if old.isEmpty { return }
        var builder = PackIndexBuilder()
        for index in old {
            let gone = index.reader.packs.map(\.name).filter { stock.packs[$0] == nil }
            try builder.add(index.reader, dropping: Set(gone))
        }
        var written: Hash256?
        if !builder.isEmpty {
            let index = builder.finish()
            written = index.name
            _ = try repository.store.createIfAbsent(ObjectName.index(index.name).path, index.bytes)
            report.indexesWritten += 1
        }
        for index in old where index.name != written {
            try repository.store.deleteIfPresent(ObjectName.index(index.name).path)
            report.indexesDeleted += 1
        }
    }
}
