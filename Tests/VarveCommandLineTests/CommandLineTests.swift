import ArgumentParser
import Testing
import VarveBackups
import VarveBytes

@testable import VarveCommandLine

@Suite("Arguments and help")
struct CommandLineTests {
    @Test(arguments: [
        ("-r R tables", "tables -r R"), ("-rR tables x", "tables -r R x"),
        ("--repo R snapshots", "snapshots --repo R"), ("--repo=R tables", "tables --repo=R"),
        ("--json tables", "tables --json"), ("-q -v tables", "tables -q -v"),
        ("-qvr R tables", "tables -q -v -r R"), ("-qrR tables", "tables -q -r R"),
        ("-r R tables -r S", "tables -r R -r S"), ("-r R help tables", "help tables"),
        ("-r R --version", "--version"), ("-r R", ""), ("tables -r R", "tables -r R"),
        ("-r", "-r"), ("-x tables", "-x tables"), ("-q -x tables", "-q -x tables"),
        ("-r tables", ""), ("--verbose --quiet stats", "stats --verbose --quiet"),
        ("- tables", "- tables"), ("", ""),
    ])
    func leadingOptions(given: String, expected: String) {
        let words = { (text: String) in text.split(separator: " ").map(String.init) }
        #expect(LeadingOptions.moved(words(given)) == words(expected))
    }

    @Test(arguments: ["-rR tables", "-r R tables", "tables -rR", "tables -r=R", "--repo=R tables"])
    func leadingOptionsAreParsed(line: String) throws {
        let arguments = LeadingOptions.moved(line.split(separator: " ").map(String.init))
        let command = try #require(try VarveCommand.parseAsRoot(arguments) as? TablesCommand)
        #expect(command.common.repo == "R")
    }

    @Test(arguments: [
        ("restor", "restore"), ("snapshot", "snapshots"), ("exit-staus", "exit-status"),
        ("tabels", "tables"),
    ])
    func nearestNames(given: String, expected: String) {
        let error = #expect(throws: VarveError.self) { try HelpTopic.resolved(["help", given]) }
        #expect(error?.code == .usage && error?.message.contains("mean \(expected)") == true)
    }

    @Test func unknownNames() throws {
        #expect(VarveCommand.status(of: ["help", "nonsense"]) == .usage)
        #expect(VarveCommand.status(of: ["man", "nonsense"]) == .usage)
        #expect(VarveCommand.status(of: ["nonsense", "-r", "R"]) == .usage)
        let error = #expect(throws: VarveError.self) { try HelpTopic.checkCommand(["tabels"]) }
        #expect(error?.message.contains("did you mean tables?") == true)
        for known in [[], ["tables"], ["snapshots"], ["help"], ["--version"]] {
            try HelpTopic.checkCommand(known)
        }
        #expect(try HelpTopic.resolved(["help", "snapshots"]) == ["help", "backups"])
        #expect(try ManualPage.of("snapshots").roff == ManualPage.of("backups").roff)
    }

    @Test(arguments: ["P", "P:X", ":S", "P:S S", "P:S P:N"])
    func malformedKeysAreMistakesOfTheArguments(given: String) {
        let words = given.split(separator: " ").map(String.init)
        let error = #expect(throws: VarveError.self) {
            try KeyDefinition.schema(
                partition: words[0], sort: words.count > 1 ? words[1] : nil)
        }
        #expect(error?.code == .usage)
    }

    /// Other names of commands, and what stands behind help and man.
    @Test func completion() {
        let bash = CompletionScript(.bash).text
        #expect(bash.contains("    check) \"_varve_verify\" ;;\n"))
        #expect(bash.contains(" help check snapshots' -- \"${cur}\""))
        let zsh = CompletionScript(.zsh).text
        #expect(zsh.contains("        check)\n            \"_varve_verify\" && ret=0\n"))
        #expect(zsh.contains("'snapshots:The same as backups.'\n"))
        let fish = CompletionScript(.fish).text
        #expect(fish.contains("case 'verify' 'check'\n"))
        #expect(fish.contains("\"varve check\" decode' -l 'decode'"))
        for script in [bash, zsh, fish] {
            let lines = script.split(separator: "\n").filter { $0.contains(" table-names ") }
            #expect(lines.count == 1)
            #expect(lines.allSatisfy { $0.contains(" snapshots ") && $0.contains(" verify ") })
        }
    }

    // MARK: Examples

    /// The lines of a command's examples as its source has them.
    private static func examples(_ discussion: String) -> [String] {
        var lines: [String] = []
        var isExample = false
        for line in discussion.split(separator: "\n", omittingEmptySubsequences: false) {
            if line == "Example:" {
                isExample = true
            } else if isExample, line.hasPrefix("  ") {
                lines.append(String(line))
            } else {
                isExample = false
            }
        }
        return lines
    }

    /// The words of a shell's line; what `$(…)` gives is one word.
    private static func words(_ line: String) -> [String] {
        var words: [String] = []
        var word: String?
        var quote: Character?
        for character in line {
            if let open = quote {
                if character == open { quote = nil } else { word?.append(character) }
            } else if character == "'" || character == "\"" {
                quote = character
                word = word ?? ""
            } else if character == " " {
                if let done = word { words.append(done) }
                word = nil
            } else {
                word = (word ?? "") + String(character)
            }
        }
        return words + (word.map { [$0] } ?? [])
    }

    private static var pages: [any ParsableCommand.Type] {
        [VarveCommand.self] + VarveCommand.configuration.subcommands
    }

    /// Printed in 78 columns, as manual pages are, no example is broken.
    @Test func examplesArePrintedAsTheyAre() throws {
        for page in Self.pages {
            let examples = Self.examples(page.configuration.discussion)
            #expect(!examples.isEmpty, "\(page)")
            let help = VarveCommand.helpMessage(for: page, columns: 78)
            let printed = help.split(separator: "\n").map(String.init)
            for line in examples {
                #expect(line.count <= 78, "\(page): \(line)")
                if !printed.contains(line) { Issue.record("\(page) breaks: \(line)") }
            }
        }
    }

    @Test func examplesAreUnderstood() throws {
        for page in Self.pages {
            var line = ""
            for piece in Self.examples(page.configuration.discussion) {
                line += piece.drop { $0 == " " }
                if line.hasSuffix("\\") {
                    line.removeLast()
                    continue
                }
                if line.hasSuffix("|") {
                    line += " "
                    continue
                }
                for command in line.replacing("$(cat head-of-orders)", with: Self.anchor).split(
                    separator: " | ")
                {
                    let words = Self.words(String(command.prefix { $0 != ">" && $0 != "<" }))
                    if words.first != "varve" { continue }
                    let arguments = LeadingOptions.moved(Array(words.dropFirst()))
                    #expect(throws: Never.self, "\(page): \(line)") {
                        _ = try VarveCommand.parseAsRoot(arguments)
                    }
                }
                line = ""
            }
            #expect(line.isEmpty, "\(page): an example has no end")
        }
    }

    private static let anchor = String(repeating: "0", count: 64) + "@Orders"
}
