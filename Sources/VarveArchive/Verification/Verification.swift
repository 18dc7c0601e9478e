import VarveBytes
import VarveFormat
import VarveModel
public import VarveStorage

extension Repository {
    /// Checks the repository: its structure always, data and states as the options say.
    ///
    /// Reads only; may run beside writers. Goes on after a problem and collects all. Memory: the
    /// names of all objects, some hundred bytes an index page, and two or three packs.
    /// - Parameter progress: called now and then on the calling thread.
    public func verify(
        _ options: VerificationOptions = VerificationOptions(),
        progress: @escaping (VerificationProgress) -> Void = { _ in }
    ) -> VerificationReport {
        let verification = Verification(self, options, progress: progress)
        verification.run()
        return verification.report
    }

    /// Opens and checks a repository; that it cannot be opened is a problem of the report.
    public static func verify(
        _ store: any ObjectStore, environment: Environment = Environment(),
        options: VerificationOptions = VerificationOptions(),
        progress: @escaping (VerificationProgress) -> Void = { _ in }
    ) -> VerificationReport {
        do throws(VarveError) {
            return try Repository.open(store, environment: environment)
                .verify(options, progress: progress)
        } catch {
            var report = VerificationReport()
            report.problems.append(
                VerificationReport.Problem(
                    object: error.location ?? ObjectName.configuration.path,
                    message: "the repository cannot be opened: \(error.message)"))
            return report
        }
    }
}

/// A verification at work. Belongs to one thread.
final class Verification {
    /// A table as far as it can be read.
    struct Table {
        var history: TableHistory
        /// Places in `report.backups` of its backups, in the order of the history's.
        var backups: [Int]
        /// Commits that are known to be those that the layout covers, as far as they are there.
        var covered: [CommitRecord.Logical] = []
        /// Runs whose changes checkpoints count.
        var stretches: [CountedStretch] = []
    }

    /// What the index pages of a subtree add up to.
    struct Subtree {
        /// Of the page itself.
        var children = 0
        var entries: UInt64 = 0
        var weight: UInt64 = 0
        var digest = Hash256.zero
        var lastKey: [UInt8] = []
        /// Of runs; see `IndexEntry`.
        var lastTime: Int64 = 0
        var lastSequence: UInt64 = 0
        var leastTime = Int64.max
        var greatestTime = Int64.min
        /// Last key of its first child.
        var firstEnd: [UInt8]

        init(firstEnd: [UInt8]) { self.firstEnd = firstEnd }
    }

    /// What a time list adds up to.
    struct TimeList {
        var entries: UInt64 = 0
        var times = TimeSums()
        var last: TimeListEntry?
        var isOrdered = true
    }

    let repository: Repository
    let options: VerificationOptions
    let progress: (VerificationProgress) -> Void
    var report = VerificationReport()

    /// Sizes of the packs that are there.
    var packs: [Hash256: Int] = [:]
    /// Blobs that cannot be read, with their type if it is known.
    var lostBlobs: [Hash256: BlobType?] = [:]
    /// Large values that some leaf names and that are nowhere; the leaf may be of no use itself.
    var missingValues: Set<Hash256> = []
    /// Large values that leaves name which commits and layouts carry.
    var carriedValues: [Hash256] = []
    /// Sound indexes by the packs that they list.
    var indexesOfPack: [Hash256: [PackIndexReader]] = [:]
    /// Blobs that commits and layouts carry.
    var inlineBlobs: Set<Hash256> = []
    var tables: [Table] = []
    /// Index pages checked; nil for those that cannot be read.
    var subtrees: [Hash256: Subtree?] = [:]
    /// Pages of checkpoints and time lists checked.
    var spans: Set<Hash256> = []
    /// Time lists that can be read, by their roots.
    var timeLists: [Hash256: TimeList] = [:]
    /// Key attributes of the tables read so far.
    var keyNames: Set<String> = []
    /// What is told of the leaves, and what those hold that commits and layouts carry.
    var expectedLeaves = ExpectedLeaves()
    var carriedLeaves: [LeafSummary] = []
    /// Leaves and other blobs looked up and found missing, so as to tell of each once.
    private var reported: Set<Hash256> = []

    init(
        _ repository: Repository, _ options: VerificationOptions,
        progress: @escaping (VerificationProgress) -> Void
    ) {
        self.repository = repository
        self.options = options
        self.progress = progress
    }

    func run() {
        do throws(VarveError) {
            try repository.blobs.loadIndexes()
            let entries = try repository.store.list("")
            try checkObjects(entries)
            checkTables(entries)
        } catch {
            note(error, repository.store.location)
            return
        }
        checkAnchors()
        loseBlobsOfLostPacks()
        checkTrees()
        for leaf in carriedLeaves { hold(leaf) }
        readData()
        checkSuspects()
        checkContents()
        drill()
        replay()
        assess()
    }

    func tell(_ phase: VerificationProgress.Phase, _ done: UInt64, of total: UInt64) {
        progress(VerificationProgress(phase: phase, done: done, total: total))
    }

    /// Whether somebody wants it to end.
    var isStopping: Bool {
        if !report.isPartial, options.isStopping() { report.isPartial = true }
        return report.isPartial
    }

    // MARK: Problems

    func note(_ object: String, _ message: String, offset: Int? = nil) {
        report.problems.append(
            VerificationReport.Problem(object: object, offset: offset, message: message))
    }

    func note(_ error: VarveError, _ object: String) {
        let place = error.location.map { $0.hasPrefix(object) ? $0 : "\(object): \($0)" }
        note(place ?? object, error.message)
    }

    /// Runs a check that may fail; its failure is a problem of the object.
    func attempt(_ object: String, _ body: () throws -> Void) {
        do {
            try body()
        } catch let error as VarveError {
            note(error, object)
        } catch {
            note(object, "\(error)")
        }
    }

    /// Notes that a blob cannot be read.
    func lose(_ id: Hash256, _ type: BlobType?, _ message: String) {
        if lostBlobs[id] == nil { lostBlobs[id] = .some(type) }
        if reported.insert(id).inserted { note("blob \(id)", message) }
    }

    /// Notes that a blob in a pack is damaged, where its reader would find it there.
    func lose(_ entry: PackEntry, in pack: Hash256, _ message: String) {
        note(ObjectName.pack(pack).path, message, offset: Int(entry.offset))
        reported.insert(entry.id)
        if inlineBlobs.contains(entry.id) { return }
        attempt(ObjectName.pack(pack).path) {
            if let place = try repository.blobs.location(of: entry.id), place.pack != pack {
                return
            }
            lostBlobs[entry.id] = entry.type
        }
    }

    // MARK: Blobs

    /// Whether a blob can be found in a pack of the right size, or in line; notes if not.
    func find(_ id: Hash256, _ type: BlobType) -> Bool {
        if inlineBlobs.contains(id) { return true }
        if lostBlobs[id] != nil { return false }
        do throws(VarveError) {
            guard let place = try repository.blobs.locationAfterReload(of: id) else {
                lose(id, type, "a tree names it and no pack has it")
                return false
            }
            if try size(of: place.pack) >= place.entry.range.upperBound {
                if place.entry.type == type { return true }
                lose(id, type, "an index says it is of another type than the tree needs")
                return false
            }
            lose(id, type, "its pack \(place.pack) is missing or cut short")
        } catch {
            note(error, "blob \(id)")
            lostBlobs[id] = type
        }
        return false
    }

    /// Looks for a large value that a leaf names. Only `assess` can tell whether it is needed.
    func look(for value: Hash256) throws(VarveError) {
        if inlineBlobs.contains(value) || lostBlobs[value] != nil { return }
        if try repository.blobs.locationAfterReload(of: value) != nil { return }
        missingValues.insert(value)
        lostBlobs[value] = .outlinedValue
    }

    /// Bytes of a pack, 0 if it is missing; looks again for packs that are newer than the listing.
    private func size(of pack: Hash256) throws(VarveError) -> Int {
        if let size = packs[pack] { return size }
        let name = ObjectName.pack(pack).path
        guard let metadata = try repository.store.metadataIfPresent(name) else { return 0 }
        packs[pack] = metadata.size
        return metadata.size
    }
}
