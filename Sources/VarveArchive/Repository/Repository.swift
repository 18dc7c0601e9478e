import Synchronization
public import VarveBytes
public import VarveFormat
public import VarveStorage

/// An archive in a store. Source: Spec 02.
///
/// Clock, randomness and storage are given from outside. Several processes may use one repository
/// at a time; within a process an instance may be shared, but each operation belongs to one thread.
public final class Repository: Sendable {
    /// Where time, randomness and threads come from.
    public struct Environment: Sendable {
        public var time: any TimeSource
        public var random: any RandomSource
        /// Threads that work beside the caller's; 1 runs everything inline, in order.
        public var workers: Int
        /// Host and process, for intents.
        public var writer: String

        public init(
            time: any TimeSource = SystemTime(), random: any RandomSource = SystemRandom(),
            workers: Int = CurrentProcess.coreCount,
            writer: String = "\(CurrentProcess.hostName) \(CurrentProcess.identifier)"
        ) {
            self.time = time
            self.random = random
            self.workers = workers
            self.writer = writer
        }

        /// A random identifier.
        func randomID<Subject>() -> Identifier<Subject> {
            guard let id = Identifier<Subject>(bytes: random.bytes(16).raw) else {
                preconditionFailure("an identifier has 16 bytes")
            }
            return id
        }
    }

    public let store: any ObjectStore
    public let environment: Environment
    public let configuration: RepositoryConfiguration
    let blobs: BlobStore
    let cutHash: CutHash
    let knownBackups = KnownBackups()
    private let condemnedPacks = Mutex<Set<Hash256>>([])

    /// Results under way in a pipeline of pages.
    var pipelineLimit: Int { environment.workers == 1 ? 1 : environment.workers * 2 + 1 }

    private init(
        store: any ObjectStore, environment: Environment, configuration: RepositoryConfiguration
    ) throws(VarveError) {
        self.store = store
        self.environment = environment
        self.configuration = configuration
        cutHash = try CutHash(cutKey: configuration.cutKey.raw)
        blobs = try BlobStore(store)
    }

    /// Makes a repository in an empty store, after probing that the store keeps its promises.
    /// - Throws: `exists` if there is one already; `damaged` if there is one that has lost its
    ///   configuration; `storage` if the store breaks a promise (Spec
    ///   02).
    public static func create(
        in store: any ObjectStore, environment: Environment = Environment(),
        packBytes: UInt64 = RepositoryConfiguration.packBytesDefault
    ) throws(VarveError) -> Repository {
        let name = ObjectName.configuration.path
        if try store.metadataIfPresent(name) != nil { throw alreadyThere(store) }
        if try holdsSomething(store) { throw withoutConfiguration(store) }
        try StoreProbe.check(store)
        let configuration = RepositoryConfiguration(
            id: environment.randomID(), created: environment.time.now(),
            cutKey: environment.random.bytes(16), packBytes: packBytes)
        try store.prepare(ObjectName.prefixes)
        if try !store.createIfAbsent(name, try configuration.seal()) { throw alreadyThere(store) }
        return try Repository(
            store: store, environment: environment, configuration: configuration)
    }

    private static func alreadyThere(_ store: any ObjectStore) -> VarveError {
        VarveError(.exists, "there is a repository here already", at: store.location)
    }

    /// Opens a repository.
    /// - Throws: `notFound` if there is none; `damaged` or `unsupported`.
    public static func open(
        _ store: any ObjectStore, environment: Environment = Environment()
    ) throws(VarveError) -> Repository {
        let name = ObjectName.configuration.path
        guard let bytes = try store.readIfPresent(name) else {
            throw VarveError(
                .notFound, "there is no repository here; make one with 'varve init'",
                at: store.location)
        }
        let configuration = try RepositoryConfiguration(sealed: bytes, name: name)
        return try Repository(
            store: store, environment: environment, configuration: configuration)
    }

    /// Microseconds since 1970, by the environment's clock.
    public func now() -> Int64 { environment.time.now() }

    /// The id as 32 hexadecimal digits.
    public var idText: String { configuration.id.description }

    // MARK: Condemned packs

    /// Packs that are about to be deleted: no new root may rely on them. Source: Spec 11.
    var condemned: Set<Hash256> { condemnedPacks.withLock { $0 } }

    /// Reads the condemned lists anew.
    func reloadCondemned() throws(VarveError) {
        var names: Set<Hash256> = []
        for entry in try store.list(ObjectName.condemnedPrefix) {
            guard case .condemned? = ObjectName(path: entry.name) else { continue }
            guard let bytes = try store.readIfPresent(entry.name) else { continue }
            names.formUnion(try CondemnedRecord(sealed: bytes, name: entry.name).packs)
        }
        condemnedPacks.withLock { $0 = names }
    }
}
