import ArgumentParser

/// A script that completes commands in a shell, as the parser's library makes it, with what that
/// leaves out: the other names of commands, and what may stand behind `help` and `man`.
struct CompletionScript {
    private(set) var text: String
    /// Other names, each with the command's own.
    private let aliases: [(name: String, command: String)]
    private let commands: [String]
    private let topics: [String]

    init(_ shell: CompletionCommand.Shell) {
        aliases = HelpTopic.commandNames.filter { $0.key != $0.value }
            .map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 }
        commands = HelpTopic.commandNames.keys.sorted()
        topics = HelpTopic.allCases.map(\.rawValue)
        switch shell {
        case .bash:
            text = VarveCommand.completionScript(for: .bash)
            completeBash()
        case .zsh:
            text = VarveCommand.completionScript(for: .zsh)
            completeZsh()
        case .fish:
            text = VarveCommand.completionScript(for: .fish)
            completeFish()
        }
    }

    /// Puts text before the first place of an anchor that follows another text.
    private mutating func insert(_ addition: String, before anchor: String, after start: String) {
        // A release of the library may write otherwise: then the script is as it was.
        guard let from = text.firstRange(of: start),
            let place = text[from.upperBound...].firstRange(of: anchor)
        else { return }
        text.insert(contentsOf: addition, at: place.lowerBound)
    }

    private mutating func completeBash() {
        let cases = aliases.map {
            "    \($0.name)) \"_varve_\($0.command)\" ;;\n"
        }.joined()
        let start = "\n_varve() {"
        insert(cases, before: "    *)\n        # Offer subcommand completions", after: start)
        insert(
            aliases.map { " " + $0.name }.joined(), before: "' -- \"${cur}\"",
            after: "# Offer subcommand completions")
        for (command, words) in [("help", commands + topics), ("man", commands)] {
            insert(
                "    if [[ \"${COMP_CWORD}\" -eq 2 && \"${cur}\" != -* ]]; then\n"
                    + "        COMPREPLY+=($(compgen -W '\(words.joined(separator: " "))' -- "
                    + "\"${cur}\"))\n    fi\n",
                before: "}\n", after: "\n_varve_\(command)() {\n")
        }
    }

    private mutating func completeZsh() {
        let names = aliases.map { "            '\($0.name):The same as \($0.command).'\n" }.joined()
        insert(names, before: "        )", after: "local -ar subcommands=(")
        let start = "\n    arg)"
        for (name, command) in aliases {
            insert(
                "        \(name))\n            \"_varve_\(command)\" && ret=0\n            ;;\n",
                before: "        esac", after: start)
        }
        for (command, words) in [("help", commands + topics), ("man", commands)] {
            insert(
                "    (( CURRENT == 2 )) && compadd -- \(words.joined(separator: " ")) && ret=0\n",
                before: "    _arguments", after: "\n_varve_\(command)() {\n")
        }
    }

    private mutating func completeFish() {
        let isFirst = "-n '__varve_should_offer_completions_for_positional \"varve\" -eq 1'"
        for (name, command) in aliases {
            text = text.replacing("case '\(command)'\n", with: "case '\(command)' '\(name)'\n")
            // What is told of a command's words is told of its other name's, too.
            let own = text.split(separator: "\n").filter { $0.contains("\"varve \(command)\"") }
            for line in own {
                text += line.replacing("\"varve \(command)\"", with: "\"varve \(name)\"") + "\n"
            }
            text += "complete -c 'varve' \(isFirst) -fa '\(name)' "
                + "-d 'The same as \(command).'\n"
        }
        for (command, words) in [("help", commands + topics), ("man", commands)] {
            text += "complete -c 'varve' -n '__fish_seen_subcommand_from \(command)' "
                + "-fa '\(words.joined(separator: " "))'\n"
        }
    }
}
