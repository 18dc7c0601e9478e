import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

// Packs: each is read once; its hash and those of its blobs are worked out on all threads.

extension Verification {
    /// A pack in memory. Read-only once it is made.
    private final class LoadedPack: Sendable {
        let name: Hash256
        let bytes: [UInt8]
        /// Sound indexes that list it.
        let indexes: [PackIndexReader]
        /// Empty if the pack's own index cannot be read.
        let entries: [PackEntry]

        init(name: Hash256, bytes: [UInt8], indexes: [PackIndexReader], entries: [PackEntry]) {
            self.name = name
            self.bytes = bytes
            self.indexes = indexes
            self.entries = entries
        }
    }

    /// Work on a part of a pack.
    private enum Task: Sendable {
        /// The hash of all its bytes.
        case name(LoadedPack)
        /// Blobs by their places in `entries`.
        case blobs(LoadedPack, Range<Int>)
    }

    private struct Result: Sendable {
        var pack: LoadedPack
        var nameFits: Bool?
        var blobs: UInt64 = 0
        var plainBytes: UInt64 = 0
        var pagesDecoded: UInt64 = 0
        var faults: [(entry: PackEntry, message: String)] = []
        /// Large values that leaves name.
        var values: [Hash256] = []
        /// What leaves hold that were decoded.
        var leaves: [LeafSummary] = []
    }

    /// Plain bytes that a worker gets at a time.
    private static let taskBytes = 8_388_608

    /// Reads the packs that the options choose.
    func readData() {
        attempt(repository.store.location) {
            for value in carriedValues { try look(for: value) }
        }
        let chosen = chosenPacks()
        if chosen.isEmpty { return }
        let total = chosen.reduce(0) { $0 + UInt64(packs[$1] ?? 0) }
        let proof = options.decodesPages ? pageProof : nil
        let pipeline = OrderedPipeline<Task, Result>(limit: repository.pipelineLimit) { task in
            switch task {
            case .name(let pack): Self.proveName(pack)
            case .blobs(let pack, let range): Self.prove(pack, range, proof)
            }
        }
        var state = DataState()
        for name in chosen {
            if isStopping { break }
            tell(.data, report.counts.packBytesRead, of: total)
            guard let pack = load(name) else { continue }
            var start = 0
            var size = 0
            for (index, entry) in pack.entries.enumerated() {
                size += Int(entry.plainBytes)
                if size < Self.taskBytes, index + 1 < pack.entries.count { continue }
                submit(.blobs(pack, start..<index + 1), to: pipeline, &state)
                (start, size) = (index + 1, 0)
            }
            submit(.name(pack), to: pipeline, &state)
        }
        while pipeline.pending > 0 { take(from: pipeline, &state) }
        tell(.data, report.counts.packBytesRead, of: total)
    }

    /// What is known of the pack whose results are coming in.
    private struct DataState {
        var faults: [(entry: PackEntry, message: String)] = []
    }

    private func submit(
        _ task: Task, to pipeline: OrderedPipeline<Task, Result>, _ state: inout DataState
    ) {
        while pipeline.isFull { take(from: pipeline, &state) }
        pipeline.submit(task)
    }

    private func take(from pipeline: OrderedPipeline<Task, Result>, _ state: inout DataState) {
        attempt(repository.store.location) {
            guard let result = try pipeline.take() else { return }
            report.counts.blobs += result.blobs
            report.counts.plainBytes += result.plainBytes
            report.counts.pagesDecoded += result.pagesDecoded
            state.faults += result.faults
            for value in result.values { try look(for: value) }
            for leaf in result.leaves { hold(leaf) }
            guard let nameFits = result.nameFits else { return }
            // The hash comes last of a pack.
            finish(result.pack, nameFits: nameFits, state.faults)
            state = DataState()
        }
    }

    // MARK: Choosing and loading

    private func chosenPacks() -> [Hash256] {
        let names = packs.keys.sorted()
        switch options.data {
        case .none: return []
        case .all: return names
        case .part(let number, let count):
            let divisor = max(count, 1)
            return names.filter { $0.words.0.byteSwapped % divisor + 1 == number }
        case .percent(let share):
            let total = names.reduce(0.0) { $0 + Double(packs[$1] ?? 0) }
            var missing = total * min(max(share, 0), 100) / 100
            var left = names
            var chosen: [Hash256] = []
            while missing > 0, !left.isEmpty {
                let place = Int(repository.environment.random.next() % UInt64(left.count))
                left.swapAt(place, left.count - 1)
                let name = left.removeLast()
                missing -= Double(packs[name] ?? 0)
                chosen.append(name)
            }
            return chosen.sorted()
        }
    }

    private func load(_ name: Hash256) -> LoadedPack? {
        let path = ObjectName.pack(name).path
        do throws(VarveError) {
            // A collector may have deleted it since the listing.
            guard let bytes = try repository.store.readIfPresent(path) else { return nil }
            report.counts.packsRead += 1
            report.counts.packBytesRead += UInt64(bytes.count)
            var entries: [PackEntry] = []
            do throws(VarveError) {
                entries = try PackReader.entries(of: bytes.raw).sorted { $0.offset < $1.offset }
            } catch {
                note(error, path)
            }
            return LoadedPack(
                name: name, bytes: bytes, indexes: indexesOfPack[name] ?? [], entries: entries)
        } catch {
            note(error, path)
            return nil
        }
    }

    // MARK: Proving

    /// Proves the pack's bytes by its name; runs on any thread.
    private static func proveName(_ pack: LoadedPack) -> Result {
        let bytes = pack.bytes
        return Result(pack: pack, nameFits: sha256(bytes.raw) == pack.name)
    }

    /// Proves blobs by their ids; runs on any thread.
    private static func prove(
        _ pack: LoadedPack, _ range: Range<Int>, _ proof: PageProof?
    ) -> Result {
        var result = Result(pack: pack)
        let bytes = pack.bytes
        var plain = ByteWriter(capacity: 1 << 20)
        for index in range {
            let entry = pack.entries[index]
            plain.removeAll()
            do throws(VarveError) {
                let place = entry.range
                try entry.appendPlain(
                    of: bytes.raw.part(place.lowerBound, place.upperBound), to: &plain)
                result.blobs += 1
                result.plainBytes += UInt64(plain.count)
                try result.values += Outlining.outlinedIDs(of: plain.bytes, entry.type)
                if let proof {
                    let leaf = try proof.prove(plain.bytes, entry.type, entry.id)
                    if let leaf { result.leaves.append(leaf) }
                    if entry.type != .outlinedValue { result.pagesDecoded += 1 }
                }
                for reader in pack.indexes {
                    let found = try reader.location(of: entry.id) { $0 == pack.name }
                    if found?.entry != entry {
                        throw VarveError(.damaged, "an index says other things of it than the pack")
                    }
                }
            } catch {
                result.faults.append((entry, error.description))
            }
        }
        return result
    }

    /// Draws the conclusion when all of a pack was worked on.
    private func finish(
        _ pack: LoadedPack, nameFits: Bool, _ faults: [(entry: PackEntry, message: String)]
    ) {
        for fault in faults {
            lose(fault.entry, in: pack.name, "\(fault.entry.type.title): \(fault.message)")
        }
        if nameFits { return }
        let path = ObjectName.pack(pack.name).path
        if !pack.entries.isEmpty {
            let message =
                faults.isEmpty
                ? "its bytes do not fit its name, but every blob in it can be read"
                : "its bytes do not fit its name"
            note(path, message)
            return
        }
        // Without its own index: what can still be found, and what the indexes expect beyond that.
        let bytes = pack.bytes
        let sound = Set(PackScanner.scan(bytes.raw).sound)
        note(path, "its bytes do not fit its name; \(sound.count) blobs in it can be read")
        for reader in pack.indexes {
            guard let ordinal = reader.packs.firstIndex(where: { $0.name == pack.name })
            else { continue }
            attempt(path) {
                try reader.forEach { (number, entry) throws(VarveError) in
                    if number == ordinal, !sound.contains(entry) {
                        lose(entry, in: pack.name, "\(entry.type.title): it cannot be read")
                    }
                }
            }
        }
    }
}

extension BlobType {
    /// What messages call it.
    var title: String {
        switch self {
        case .imageLeaf: "leaf page of an image"
        case .runLeaf: "leaf page of a run"
        case .imageIndex: "index page of an image"
        case .runIndex: "index page of a run"
        case .outlinedValue: "large value"
        case .checkpointLeaf, .checkpointIndex: "page of checkpoints"
        case .timeList, .timeListIndex: "page of a time list"
        }
    }
}
