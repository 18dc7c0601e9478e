import ArgumentParser
import VarveBytes

struct CompletionCommand: ParsableCommand {
    enum Shell: String, ExpressibleByArgument, CaseIterable {
        case bash
        case zsh
        case fish
    }

    static let configuration = CommandConfiguration(
        commandName: "completion", abstract: "Print a script that completes commands in a shell.",
        discussion: """
            Example:
              varve completion bash > ~/.local/share/bash-completion/completions/varve
            """)

    @Argument(help: "The shell.")
    var shell: Shell

    func run() throws {
        try Console.write(CompletionScript(shell).text)
    }
}
