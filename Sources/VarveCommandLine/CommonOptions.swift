import ArgumentParser
import VarveArchive
import VarveBytes
import VarveFormat
import VarveStorage

/// Options that every command has.
struct CommonOptions: ParsableArguments {
    @Option(
        name: [.customShort("r", allowingJoined: true), .long],
        help: ArgumentHelp(
            "The repository's directory; else the environment variable VARVE_REPOSITORY.",
            valueName: "repository"))
    var repo: String?

    @Flag(help: ArgumentHelp(
            "Print JSON for programs instead of text for people: one document; where items, "
                + "changes or versions stream, one a line."
        ))
    var json = false

    @Flag(name: .shortAndLong, help: "Print nothing but what was asked for, and errors.")
    var quiet = false

    @Flag(name: .shortAndLong, help: "Print more where there is more: whole ids, digests, places.")
    var verbose = false

    /// The store that the options or the environment name.
    /// - Throws: `usage` if neither does.
    func store() throws(VarveError) -> any ObjectStore {
        guard let path = repo ?? CurrentProcess.environmentValue("VARVE_REPOSITORY"), !path.isEmpty
        else {
            throw VarveError(
                .usage, "no repository: name it with -r, or in VARVE_REPOSITORY")
        }
        return DirectoryStore(path)
    }

    /// Holds a directory in which a repository is about to be made to being empty: what lies beside
    /// a repository's objects gets lost among them, and goes with them.
    /// - Throws: `exists`, naming what is there.
    static func checkHasRoom(_ path: String) throws(VarveError) {
        let store = DirectoryStore(path)
        if try store.metadataIfPresent(ObjectName.configuration.path) != nil { return }
        let places = (ObjectName.prefixes + [ObjectName.condemnedPrefix]).map {
            String($0.dropLast())
        }
        let names = try store.foreignNames(besides: places)
        if names.isEmpty { return }
        let shown = names.prefix(3).map { "'\($0)'" }.joined(separator: ", ")
        let more = names.count > 3 ? " and \(names.count - 3) more" : ""
        throw VarveError(
            .exists,
            "the directory is not empty: it holds \(shown)\(more); a repository needs a directory "
                + "of its own: name an empty one, or one that is not there yet",
            at: store.location)
    }

    /// Opens the repository.
    /// - Throws: `noRepository` if there is none.
    func repository() throws(VarveError) -> Repository {
        try Self.open(try store())
    }

    /// Opens a repository.
    /// - Throws: `noRepository` if there is none.
    static func open(_ store: any ObjectStore) throws(VarveError) -> Repository {
        do {
            return try Repository.open(store)
        } catch let error where error.code == .notFound {
            throw VarveError(.noRepository, error.message, at: error.location)
        }
    }
}
