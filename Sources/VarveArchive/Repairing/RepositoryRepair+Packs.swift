import VarveBytes
import VarveFormat
import VarveStorage

// Packs and their indexes.

extension RepositoryRepair {
    /// Reads every pack, and writes what is sound of damaged ones into new packs.
    func checkPacks(_ repository: Repository, _ intent: Intent) throws {
        let entries = try store.list(ObjectName.packsPrefix)
        let total = entries.reduce(0) { $0 + UInt64($1.size) }
        let rescue = PackRescue(self, repository)
        for entry in entries {
            try checkStop()
            try intent.refreshIfDue()
            guard case .pack(let name)? = ObjectName(path: entry.name),
                let bytes = try store.readIfPresent(entry.name)
            else { continue }
            report.packsRead += 1
            report.packBytesRead += UInt64(bytes.count)
            progress(RepairProgress(done: report.packBytesRead, total: total))
            do throws(VarveError) {
                let blobs = try PackReader.verify(bytes.raw, name: name).count
                soundPacks[name] = (bytes.count, blobs)
            } catch {
                guard error.code == .damaged else { throw error }
                try takeApart(name, bytes, rescue)
            }
        }
        try rescue.finish()
    }

    private func takeApart(
        _ name: Hash256, _ bytes: [UInt8], _ rescue: PackRescue
    ) throws {
        let scan = PackScanner.scan(bytes.raw)
        for entry in scan.sound { try rescue.add(PackReader.record(entry, in: bytes.raw)) }
        // Every blob that the pack held, if its own index still tells.
        let told = try? PackReader.entries(of: bytes.raw)
        let lost = told.map { Set($0.map(\.id)).subtracting(scan.sound.map(\.id)) }
        damagedPacks[name] = .some(lost)
        note(
            .takenApartPack, ObjectName.pack(name).path,
            "\(scan.sound.count) of \(told.map { "\($0.count)" } ?? "an unknown number of") blobs "
                + "are sound")
    }

    /// Removes packs that were taken apart; sets aside those that hold bytes which are nowhere
    /// else.
    func removeDamagedPacks() throws {
        if damagedPacks.isEmpty { return }
        let blobs = try BlobStore(store)
        for (name, lost) in damagedPacks.sorted(by: { $0.key < $1.key }) {
            let path = ObjectName.pack(name).path
            var isElsewhere = lost != nil
            for id in lost ?? [] where isElsewhere {
                guard let place = try blobs.location(of: id), place.pack != name else {
                    isElsewhere = false
                    break
                }
            }
            if !isElsewhere, let bytes = try store.readIfPresent(path) {
                try setAside(path, bytes)
            }
            try store.deleteIfPresent(path)
        }
    }

    // MARK: Indexes

    /// Makes an index of all sound packs from the packs alone, unless the indexes that are there
    /// tell of exactly them.
    func repairIndexes(_ repository: Repository) throws {
        var bad: [String] = []
        var told: Set<Hash256> = []
        for entry in try store.list(ObjectName.indexesPrefix) {
            guard case .index(let name)? = ObjectName(path: entry.name) else { continue }
            do throws(VarveError) {
                let reader = try repository.blobs.openIndex(entry)
                try reader.verify(name: name)
                if try isTrue(reader) {
                    told.formUnion(reader.packs.map(\.name))
                    continue
                }
            } catch {
                guard error.code == .damaged else { throw error }
            }
            bad.append(entry.name)
        }
        let missing = Set(soundPacks.keys).subtracting(told)
        if !missing.isEmpty {
            try publishIndex(of: missing.sorted(), repository)
        }
        for name in bad {
            // The same bytes may just have been written.
            if case .index(let index)? = ObjectName(path: name), index == madeIndex { continue }
            try store.deleteIfPresent(name)
            note(.removedIndex, name, "it is damaged, or names packs that are not there")
        }
    }

    /// Whether every pack that an index lists is there, sound, and has as many blobs as it says.
    private func isTrue(_ reader: PackIndexReader) throws(VarveError) -> Bool {
        var blobs = [Int](repeating: 0, count: reader.packs.count)
        try reader.forEach { (pack, _) throws(VarveError) in blobs[pack] += 1 }
        return zip(reader.packs, blobs).allSatisfy { pack, count in
            guard let found = soundPacks[pack.name] else { return false }
            return found.size == pack.size && found.blobs == count
        }
    }

    /// - Parameter packs: that are sound and that no index tells of.
    func publishIndex(of packs: [Hash256], _ repository: Repository) throws {
        var builder = PackIndexBuilder()
        for name in packs {
            guard let pack = soundPacks[name] else { continue }
            let object = ObjectEntry(
                name: ObjectName.pack(name).path,
                metadata: ObjectMetadata(size: pack.size, modified: 0))
            builder.add(
                pack: name, size: pack.size, entries: try repository.blobs.footerEntries(object))
        }
        if builder.isEmpty { return }
        let index = builder.finish()
        madeIndex = index.name
        let name = ObjectName.index(index.name).path
        if let there = try store.readIfPresent(name), there != index.bytes {
            try store.replace(name, index.bytes)
        } else {
            _ = try store.createIfAbsent(name, index.bytes)
        }
        let count = packs.count == 1 ? "1 pack" : "\(packs.count) packs"
        note(.madeIndex, name, "of \(count), from the packs alone")
    }
}

/// Fills packs with blobs that were found sound.
///
/// Belongs to one thread.
final class PackRescue {
    private let repair: RepositoryRepair
    private let repository: Repository
    private var builder = PackBuilder()
    private var added: Set<Hash256> = []
    private(set) var blobCount = 0
    private(set) var storedBytes: UInt64 = 0
    /// The packs that were written.
    private(set) var packs: [Hash256] = []

    init(_ repair: RepositoryRepair, _ repository: Repository) {
        self.repair = repair
        self.repository = repository
    }

    /// Adds a blob record, once.
    func add(_ record: RawSpan) throws(VarveError) {
        var cursor = ByteCursor(record)
        let header = try BlobRecord(header: &cursor)
        if !added.insert(header.id).inserted { return }
        if !builder.isEmpty,
            builder.byteCount + record.byteCount > Int(repository.configuration.packBytes)
                || !builder.hasRoom(forRecordOf: record.byteCount)
        {
            try close()
        }
        try builder.append(record: record)
        blobCount += 1
        storedBytes += UInt64(record.byteCount)
    }

    func contains(_ id: Hash256) -> Bool { added.contains(id) }

    private func close() throws(VarveError) {
        let pack = builder.finish()
        let name = ObjectName.pack(pack.name).path
        if try !repair.store.createIfAbsent(name, pack.bytes) {
            // A pack of this very name is there, and may be damaged.
            if try repair.store.readIfPresent(name) != pack.bytes {
                try repair.store.replace(name, pack.bytes)
            }
            repair.damagedPacks[pack.name] = nil
        }
        repair.soundPacks[pack.name] = (pack.size, pack.entries.count)
        packs.append(pack.name)
    }

    func finish() throws(VarveError) {
        if !builder.isEmpty { try close() }
    }
}
