import ArgumentParser
import VarveBytes

struct ManCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "man", abstract: "Print a manual page.",
        discussion: """
            Example:
              varve man restore | man -l -
            """)

    @Argument(help: "A command; the page of varve itself if left out.")
    var command: String?

    func run() throws {
        let page = try command.map { try ManualPage.of($0) } ?? ManualPage()
        try Console.write(page.roff)
    }
}
