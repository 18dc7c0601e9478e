import ArgumentParser

/// Common options before the command, `varve -r REPO tables`, as restic has them: they are moved
/// behind it, where the parser knows them.
enum LeadingOptions {
    /// The arguments with the common options behind the command's name, in their order; so one that
    /// stands there already counts more. What is not understood stays for the parser to refuse.
    static func moved(_ arguments: [String]) -> [String] {
        var options: [String] = []
        var rest = arguments[...]
        while let first = rest.first {
            guard let taken = read(first, rest.dropFirst().first) else { break }
            options += taken.options
            rest = rest.dropFirst(taken.count)
        }
        if options.isEmpty { return arguments }
        guard let command = rest.first else { return [] }
        // These have no common options: where an alias of a shell adds some, they do no harm.
        let isTold = ["help", "man", "completion", "-h", "--help", "--version"].contains(command)
        if isTold { return Array(rest) }
        return command.hasPrefix("-") ? arguments : [command] + options + rest.dropFirst()
    }

    /// - Returns: the options that an argument holds, each as the parser reads it, and how many
    ///   arguments they are; nil if it holds something else.
    private static func read(
        _ argument: String, _ next: String?
    ) -> (options: [String], count: Int)? {
        switch argument {
        case "--json", "--quiet", "--verbose": return ([argument], 1)
        case "--repo": return next.map { (["--repo", $0], 2) }
        default: break
        }
        if argument.hasPrefix("--repo=") { return ([argument], 1) }
        guard argument.hasPrefix("-"), !argument.hasPrefix("--") else { return nil }
        var letters = argument.dropFirst()
        if letters.isEmpty { return nil }
        var options: [String] = []
        while let letter = letters.popFirst() {
            switch letter {
            case "q", "v": options.append("-\(letter)")
            case "r":
                if !letters.isEmpty { return (options + ["-r", String(letters)], 1) }
                return next.map { (options + ["-r", $0], 2) }
            default: return nil
            }
        }
        return (options, 1)
    }
}
