import ArgumentParser
import VarveBytes

/// A manual page in roff, made of a command's own help.
struct ManualPage {
    private let name: String
    private let abstract: String
    private let help: String

    /// The page of varve itself.
    init() {
        name = "varve"
        abstract = VarveCommand.configuration.abstract
        help = VarveCommand.helpMessage(columns: 78)
    }

    private init(of type: any ParsableCommand.Type, name: String) {
        self.name = "varve-" + name
        abstract = type.configuration.abstract
        help = VarveCommand.helpMessage(for: type, columns: 78)
    }

    /// The commands that have pages.
    static var commandNames: [String] {
        VarveCommand.configuration.subcommands.compactMap { $0.configuration.commandName }
    }

    /// The page of a command.
    /// - Throws: `usage` if there is no such command.
    static func of(_ command: String) throws(VarveError) -> ManualPage {
        for type in VarveCommand.configuration.subcommands {
            let name = type.configuration.commandName ?? ""
            if name == HelpTopic.commandNames[command] {
                return ManualPage(of: type, name: name)
            }
        }
        throw VarveError(
            .usage,
            "there is no command '\(command)'; "
                + NearestNames.hint(command, among: HelpTopic.commandNames.keys.sorted()))
    }

    var roff: String {
        var lines = [
            ".TH \(name.uppercased()) 1 \"\" \"varve \(VarveCommand.version)\"", ".SH NAME",
            escaped("\(name) - \(abstract)"),
        ]
        var isOpen = false
        for line in help.split(separator: "\n", omittingEmptySubsequences: false) {
            if let section = Self.section(line) {
                if isOpen { lines.append(".fi") }
                lines += [".SH \(section.title)", ".nf"]
                if !section.rest.isEmpty { lines.append(escaped(section.rest)) }
                isOpen = true
            } else if isOpen {
                lines.append(escaped(String(line)))
            }
        }
        if isOpen { lines.append(".fi") }
        lines += Self.environment + exitStatus + seeAlso
        return lines.joined(separator: "\n") + "\n"
    }

    private static let environment = [
        ".SH ENVIRONMENT", ".TP", "VARVE_REPOSITORY",
        "The repository's directory, where no \\-r names one.",
        ".TP", "XDG_CACHE_HOME",
        "Where the caches of \\fBvarve record\\fR lie, in a directory varve; else ~/.cache.",
        ".TP", "TMPDIR", "Where rows that come unsorted are sorted; else /tmp.",
    ]

    /// The text of `varve help exit-status` without its title.
    private var exitStatus: [String] {
        let text = HelpTopic.exitStatus.text.split(
            separator: "\n", omittingEmptySubsequences: false)
        return [".SH EXIT STATUS", ".nf"] + text.dropFirst(2).map { escaped(String($0)) } + [".fi"]
    }

    private var seeAlso: [String] {
        let pages = Self.commandNames.map { "varve-" + $0 } + ["varve"]
        let others = pages.filter { $0 != name }.sorted()
        return [".SH SEE ALSO"]
            + others.map { ".BR \(escaped($0)) (1)" + ($0 == others.last ? "" : " ,") }
    }

    /// A line of help that begins a section: `USAGE: …`, `OPTIONS:`.
    private static func section(_ line: Substring) -> (title: String, rest: String)? {
        guard let first = line.first, first.isUppercase,
            let colon = line.firstIndex(of: ":")
        else { return nil }
        let title = line[..<colon]
        let rest = line[line.index(after: colon)...].drop { $0 == " " }
        let isSection = title.allSatisfy { $0.isUppercase || $0 == " " || $0 == "-" }
        if title == "OVERVIEW" { return ("DESCRIPTION", String(rest)) }
        if title == "USAGE" { return ("SYNOPSIS", String(rest)) }
        if isSection || (rest.isEmpty && title.count < 40) {
            return (title.uppercased(), String(rest))
        }
        return nil
    }

    /// Backslashes, hyphens that are options, and dots at the beginning mean something in roff.
    private func escaped(_ line: String) -> String {
        var result = ""
        for character in line {
            switch character {
            case "\\": result += "\\e"
            case "-": result += "\\-"
            default: result.append(character)
            }
        }
        return result.hasPrefix(".") || result.hasPrefix("'") ? "\\&" + result : result
    }
}
