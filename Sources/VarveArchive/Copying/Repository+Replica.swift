public import VarveBytes
import VarveFormat
public import VarveStorage

// A replica is a repository with the configuration of another one: the same id, so that tables
// have the same ids and chains of commits the same hashes, and the same cut key, so that equal
// rows have equal pages. Source: Spec 11, Copying.

extension Repository {
    /// Opens the replica of a repository, and makes it one if nothing was ever stored in it.
    ///
    /// - Parameters:
    ///   - source: what is to be copied.
    ///   - makes: make it if there is no repository.
    ///   - isDryRun: change nothing: a replica that would have to be made is one in memory.
    /// - Returns: the replica, and whether it was made.
    /// - Throws: `refused` if it is another repository that holds something; `notFound` if there is
    ///   none and none may be made; `damaged`, `unsupported` as `open`.
    public static func replica(
        of source: Repository, in store: any ObjectStore,
        environment: Environment = Environment(), makes: Bool, isDryRun: Bool = false
    ) throws(VarveError) -> (repository: Repository, isNew: Bool) {
        let name = ObjectName.configuration.path
        let own = try source.configuration.seal()
        guard let bytes = try store.readIfPresent(name) else {
            if try holdsSomething(store) { throw withoutConfiguration(store) }
            if !makes {
                throw VarveError(
                    .notFound, "there is no repository here; add --init to make a replica",
                    at: store.location)
            }
            if isDryRun { return (try imagined(source, environment), true) }
            try StoreProbe.check(store)
            if try !store.createIfAbsent(name, own) { throw madeMeanwhile(store) }
            return (try open(store, environment: environment), true)
        }
        let found = try RepositoryConfiguration(sealed: bytes, name: name)
        if found.id == source.configuration.id {
            guard found.cutKey == source.configuration.cutKey else {
                throw VarveError(
                    .damaged, "it has the id of the source, and another cut key", at: name)
            }
            return (try open(store, environment: environment), false)
        }
        if try holdsSomething(store) {
            throw VarveError(
                .refused,
                "this is another repository, \(found.id), with contents of its own; copy into "
                    + "an empty one, or into none with --init", at: store.location)
        }
        if isDryRun { return (try imagined(source, environment), true) }
        try adopt(own, instead: bytes, in: store)
        return (try open(store, environment: environment), true)
    }

    /// A replica without contents, in memory.
    private static func imagined(
        _ source: Repository, _ environment: Environment
    ) throws(VarveError) -> Repository {
        let store = MemoryStore()
        try store.create(ObjectName.configuration.path, try source.configuration.seal())
        return try open(store, environment: environment)
    }

    static func withoutConfiguration(_ store: any ObjectStore) -> VarveError {
        VarveError(
            .damaged,
            "there are objects of a repository here that has lost its configuration; 'varve repair "
                + "--from' can take it from a replica, or from the repository that this is a "
                + "replica of", at: store.location)
    }

    /// Whether a store has an object of a repository beside the configuration.
    static func holdsSomething(_ store: any ObjectStore) throws(VarveError) -> Bool {
        for entry in try store.list("") {
            switch ObjectName(path: entry.name) {
            case nil, .configuration?: continue
            default: return true
            }
        }
        return false
    }

    private static func madeMeanwhile(_ store: any ObjectStore) -> VarveError {
        VarveError(
            .conflict, "another program has just begun to use this place; run this again",
            at: store.location)
    }

    /// Gives a repository in which nothing was ever stored the source's configuration.
    private static func adopt(
        _ own: [UInt8], instead former: [UInt8], in store: any ObjectStore
    ) throws(VarveError) {
        let name = ObjectName.configuration.path
        try store.deleteIfPresent(name)
        if try !store.createIfAbsent(name, own) { throw madeMeanwhile(store) }
        // A writer that had opened it may have come in between: then it stays what it was.
        guard try holdsSomething(store) else { return }
        try store.deleteIfPresent(name)
        _ = try store.createIfAbsent(name, former)
        throw madeMeanwhile(store)
    }
}
