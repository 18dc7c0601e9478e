import VarveBytes
import VarveFormat
import VarveStorage

// Objects by themselves: names, hashes, grammar, and that what they name is there.

extension Verification {
    /// Checks the objects that belong to no table.
    func checkObjects(_ entries: [ObjectEntry]) throws(VarveError) {
        var indexes: [(name: Hash256, entry: ObjectEntry)] = []
        var condemned: Set<Hash256> = []
        var hasConfiguration = false
        for (ordinal, entry) in entries.enumerated() {
            if let mark = CopyMark(path: entry.name) { check(mark) }
            guard let name = ObjectName(path: entry.name) else { continue }
            report.counts.objects += 1
            tell(.objects, UInt64(ordinal), of: UInt64(entries.count))
            switch name {
            case .configuration:
                hasConfiguration = true
                checkConfiguration(entry.name)
            case .pack(let pack):
                packs[pack] = entry.size
                report.counts.packs += 1
                report.counts.packBytes += UInt64(entry.size)
            case .index(let index): indexes.append((index, entry))
            case .condemned:
                if let record = read(entry.name, as: CondemnedRecord.self) {
                    condemned.formUnion(record.packs)
                }
            case .intent(let id):
                if let record = read(entry.name, as: IntentRecord.self), record.id != id {
                    note(entry.name, "the intent has another id")
                }
            case .keySlot: _ = read(entry.name, as: KeySlotRecord.self)
            default: break
            }
        }
        if !hasConfiguration { note(ObjectName.configuration.path, "it is missing") }
        for (name, entry) in indexes { checkIndex(name, entry, condemned) }
        checkUnindexed()
    }

    private func check(_ mark: CopyMark) {
        attempt(mark.path) {
            // A copy under way may have deleted it.
            guard let bytes = try repository.store.readIfPresent(mark.path) else { return }
            if bytes == mark.bytes { return }
            throw VarveError(.damaged, "it is not the hash that is its name")
        }
    }

    private func checkConfiguration(_ name: String) {
        guard let found = read(name, as: RepositoryConfiguration.self) else { return }
        if found != repository.configuration {
            note(name, "it changed while the repository was open")
        }
    }

    /// Reads a sealed object; nil, with a problem noted, if it is damaged. One that vanished
    /// between listing and reading was deleted by someone who may: nil as well.
    func read<Record: SealedRecord>(_ name: String, as type: Record.Type) -> Record? {
        do throws(VarveError) {
            guard let bytes = try repository.store.readIfPresent(name) else { return nil }
            return try Record(sealed: bytes, name: name)
        } catch {
            note(error, name)
            return nil
        }
    }

    private func checkIndex(_ name: Hash256, _ entry: ObjectEntry, _ condemned: Set<Hash256>) {
        let store = repository.store
        let path = entry.name
        do throws(VarveError) {
            let source = ByteRanges(byteCount: entry.size) {
                (range, output) throws(VarveError) in try store.read(path, range, into: &output)
            }
            let reader = try PackIndexReader(source)
            try reader.verify(name: name)
            report.counts.indexes += 1
            for pack in reader.packs {
                indexesOfPack[pack.name, default: []].append(reader)
                if let size = packs[pack.name] {
                    if size == pack.size { continue }
                    note(
                        ObjectName.pack(pack.name).path,
                        "it has \(size) bytes and should have \(pack.size)")
                } else if !condemned.contains(pack.name) {
                    note(ObjectName.pack(pack.name).path, "the pack is missing; an index lists it")
                }
            }
        } catch {
            if error.code != .notFound { note(error, path) }
        }
    }

    /// Packs that no index lists: an interrupted writer left them, or an index is lost.
    private func checkUnindexed() {
        for (pack, size) in packs where indexesOfPack[pack] == nil {
            let path = ObjectName.pack(pack).path
            attempt(path) {
                guard size >= Pack.footerSize + Pack.headerSize else {
                    throw VarveError(.damaged, "\(size) bytes are too few for a pack")
                }
                let tail = try repository.store.read(path, size - Pack.footerSize..<size)
                let footer = try PackFooter(tail.raw, packSize: size)
                let index = try repository.store.read(path, footer.indexRange)
                _ = try footer.entries(index.raw)
            }
        }
    }

    /// Enters the blobs of packs that are missing or cut short as lost, where readers would look
    /// for them there.
    func loseBlobsOfLostPacks() {
        for (pack, readers) in indexesOfPack {
            let size = packs[pack] ?? 0
            for reader in readers {
                guard let ordinal = reader.packs.firstIndex(where: { $0.name == pack }),
                    reader.packs[ordinal].size > size
                else { continue }
                attempt(ObjectName.pack(pack).path) {
                    try reader.forEach { (number, entry) throws(VarveError) in
                        guard number == ordinal, entry.range.upperBound > size,
                            !inlineBlobs.contains(entry.id),
                            try repository.blobs.location(of: entry.id)?.pack == pack
                        else { return }
                        lostBlobs[entry.id] = entry.type
                    }
                }
            }
        }
    }
}
