import VarveBytes
import VarveFormat
public import VarveStorage

/// Makes a damaged repository whole as far as that can be done. Source: Spec 11, Repair.
///
/// Reads every pack. What is sound stays where it is; what is damaged is taken from a replica or
/// another repository, if one is given; of the rest what is sound is kept, and what is not is put
/// under `damaged/`, where no reader looks: nothing is deleted that holds bytes which are nowhere
/// else. Safe beside readers; other writers fail until it is done. Killed at any moment it leaves
/// a repository that another repair makes whole.
///
/// Belongs to one thread. Memory: two packs, and 60 bytes a blob.
public final class RepositoryRepair {
    let store: any ObjectStore
    let environment: Repository.Environment
    /// Where sound bytes are taken from.
    let other: Repository?
    /// Whether to end soon.
    let isStopping: @Sendable () -> Bool
    let progress: (RepairProgress) -> Void
    /// Whether to go on though others seem to write.
    private let isForced: Bool
    /// Whether states that need lost pages are given up, so that their table can go on.
    let dropsLost: Bool
    /// What is said of tables whose records are lost.
    let statements: [TableStatement]
    var report = RepairReport()
    /// Packs whose names fit their bytes, with their sizes and numbers of blobs.
    var soundPacks: [Hash256: (size: Int, blobs: Int)] = [:]
    /// Packs that are to go, and whether everything in them is known to be elsewhere.
    var damagedPacks: [Hash256: Set<Hash256>?] = [:]
    /// The index that was made.
    var madeIndex: Hash256?
    /// Blobs that trees need and neither repository has.
    var lostBlobs: [Hash256: BlobType] = [:]
    /// What of each table they are.
    var lostParts: [TableID: LostParts] = [:]
    /// Blobs in packs that no tree names, and their stored bytes.
    var unnamed = (blobs: 0, bytes: 0 as UInt64)

    /// - Parameter other: a repository that has what this one lacks; best a replica of it, or the
    ///   one that it is a replica of.
    /// - Parameter isForced: go on though another writer's intent or lease is live.
    /// - Parameter dropsLost: lay out tables without the states that need lost pages.
    /// - Parameter statements: what is said of tables whose records are lost.
    public init(
        _ store: any ObjectStore, from other: Repository? = nil,
        environment: Repository.Environment = Repository.Environment(), isForced: Bool = false,
        dropsLost: Bool = false, statements: [TableStatement] = [],
        isStopping: @escaping @Sendable () -> Bool = { false },
        progress: @escaping (RepairProgress) -> Void = { _ in }
    ) {
        self.store = store
        self.other = other
        self.environment = environment
        self.isForced = isForced
        self.dropsLost = dropsLost
        self.statements = statements
        self.isStopping = isStopping
        self.progress = progress
    }

    /// - Throws: `damaged` if the configuration cannot be had; `refused` if the other repository
    ///   cannot give it, or if another writer seems to be at work; `interrupted`; what the store
    ///   throws.
    public func run() throws -> RepairReport {
        if !isForced { try checkAlone() }
        try repairConfiguration()
        var repository = try Repository.open(store, environment: environment)
        let intent = try Intent.begin(in: repository, purpose: "repair")
        do {
            try repairRecords(repository)
            try checkPacks(repository, intent)
            try repairIndexes(repository)
            try removeDamagedPacks()
            // What its packs are is known anew.
            repository = try Repository.open(store, environment: environment)
            try takeLayouts(repository)
            try takeTrailingCommits(repository)
            try takeBlobs(repository, intent)
            try layOut(repository)
            try bringBackStates(repository)
            try intent.end()
        } catch {
            throw error.including { try intent.end() }
        }
        let check = Verification(
            try Repository.open(store, environment: environment), VerificationOptions()
        ) { _ in }
        // Large values that are lost show only in leaves, which were read above.
        for (id, type) in lostBlobs.sorted(by: { $0.key < $1.key }) {
            check.lose(id, type, "\(type.title): no pack has it")
        }
        check.run()
        report.verification = check.report
        return report
    }

    /// Whether records may be taken from the other repository: it has the same tables.
    func isReplica(of id: RepositoryID) -> Bool { other?.configuration.id == id }

    func checkStop() throws {
        if isStopping() { throw VarveError(.stopped, "interrupted; run this again to go on") }
    }

    func note(_ kind: RepairReport.Action.Kind, _ object: String, _ text: String) {
        report.actions.append(RepairReport.Action(kind: kind, object: object, text: text))
    }

    // MARK: Setting aside

    /// Puts bytes that cannot be read where no reader looks, and where people find them.
    func setAside(_ name: String, _ bytes: [UInt8]) throws {
        var place = "damaged/" + name
        var attempt = 1
        while try !store.createIfAbsent(place, bytes) {
            if try store.readIfPresent(place) == bytes { return }
            attempt += 1
            place = "damaged/\(name)-\(attempt)"
        }
    }

    // MARK: The configuration

    private func repairConfiguration() throws {
        let name = ObjectName.configuration.path
        let bytes = try store.readIfPresent(name)
        let fault: VarveError
        do throws(VarveError) {
            guard let bytes else { throw VarveError(.damaged, "it is missing", at: name) }
            _ = try RepositoryConfiguration(sealed: bytes, name: name)
            return
        } catch {
            fault = error
        }
        if let bytes, let right = SealedCorrection.corrected(bytes),
            (try? RepositoryConfiguration(sealed: right, name: name)) != nil
        {
            try correct(name, bytes, right, "the configuration")
            return
        }
        guard fault.code == .damaged else { throw fault }
        guard let other else {
            throw VarveError(
                .damaged,
                "the configuration can only come from a replica, or from the repository that this "
                    + "one is a replica of: name it with --from; or put back a copy of it that "
                    + "you kept (\(fault.message))", at: name)
        }
        try checkTables(of: other)
        if let bytes { try setAside(name, bytes) }
        try store.replace(name, try other.configuration.seal())
        note(.takenRecord, name, "the configuration")
    }

    /// The tables that are here must be tables of a repository with the other's id.
    private func checkTables(of other: Repository) throws {
        for entry in try store.list(ObjectName.tablesPrefix) {
            guard case .table(let id)? = ObjectName(path: entry.name) else { continue }
            // One that is damaged says nothing; one that the store cannot read is not passed over.
            let bytes = try store.read(entry.name)
            guard let record = try? TableRecord(sealed: bytes, name: entry.name) else { continue }
            if record.id(in: other.configuration.id) == id { continue }
            throw VarveError(
                .refused,
                "the other repository is no replica of this one: it has another id, and the "
                    + "configuration that is lost here cannot come from it",
                at: other.store.location)
        }
    }
}
