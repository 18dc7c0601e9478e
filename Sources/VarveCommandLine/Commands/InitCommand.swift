import ArgumentParser
import VarveArchive
import VarveEndpoints
import VarveFormat
import VarveStorage

struct InitCommand: VarveSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make a repository.",
        discussion: """
            Checks first that the place keeps the promises that a repository needs.

            Example:
              varve init -r /backups/shop
            """)

    @OptionGroup var common: CommonOptions

    func run(in session: Session) throws {
        let store = try common.store()
        let repository = try Repository.create(in: store)
        try session.print(
            .members([
                "repository": .string(store.location),
                "id": .string(repository.idText),
                "created": .string(Quantities.time(repository.configuration.created)),
            ]),
            lines: ["made repository \(repository.idText.prefix(8)) at \(store.location)"])
    }
}
