import ArgumentParser
import VarveArchive
import VarveBytes
import VarveEndpoints
import VarveFormat
import VarveStorage

struct InitCommand: VarveSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make a repository.",
        discussion: """
            The directory must be empty, or not be there. Checks first that the place keeps the \
            promises that a repository needs.

            Example:
              varve init -r /backups/shop
            """)

    @OptionGroup var common: CommonOptions

    func run(in session: Session) throws {
        let store = try common.store()
        if let metadata = try? FileSystem.metadata(store.location), metadata.kind != .directory {
            throw VarveError(
                .exists, "a file is here; a repository is a directory: name another path",
                at: store.location)
        }
        try CommonOptions.checkHasRoom(store.location)
        let repository = try Repository.create(in: store)
        try session.printOutcome(
            .members([
                "repository": .string(store.location),
                "id": .string(repository.idText),
                "created": .string(Quantities.time(repository.configuration.created)),
            ]),
            lines: ["made repository \(repository.idText.prefix(8)) at \(store.location)"])
    }
}
