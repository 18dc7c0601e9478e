import ArgumentParser
import VarveArchive
import VarveBackups
import VarveBytes
import VarveEndpoints

/// What a command works with: its common options, the repository, output, and the way to stop it.
struct Session {
    let options: CommonOptions
    let control: OperationControl

    /// Prints what was asked for: a JSON document, or lines.
    func print(
        _ json: @autoclosure () throws -> JSONValue, lines: @autoclosure () throws -> [String]
    ) throws {
        if options.json {
            try Console.write(json().prettyText)
        } else {
            try Console.writeLines(lines())
        }
    }

    /// Prints what a command did, for those who look on: not if `--quiet` was given, unless it did
    /// nothing but tell.
    func printOutcome(
        isTrial: Bool = false,
        _ json: @autoclosure () throws -> JSONValue, lines: @autoclosure () throws -> [String]
    ) throws {
        if options.json || !options.quiet || isTrial { try print(json(), lines: lines()) }
    }

    /// Tells what is not wrong and still should be known.
    func warn(_ warnings: [String]) {
        if options.json || options.quiet { return }
        for warning in warnings { Console.note("varve: note: \(warning)\n") }
    }

    /// Tells of damage that the command can do without. Said even if `--quiet` was given.
    func warn(_ damage: [VarveError]) {
        for error in damage { VarveCommand.warn(error, asJSON: options.json) }
    }

    /// Runs an operation with a progress line, if someone watches.
    func withProgress<Result>(
        _ verb: String, countsBytes: Bool, of noun: String = "item",
        _ body: () throws -> Result
    ) rethrows -> Result {
        guard !options.quiet, !options.json, Console.errorsGoToTerminal else { return try body() }
        let line = ProgressLine(control, verb: verb, countsBytes: countsBytes, noun: noun)
        defer { line.end() }
        return try body()
    }
}

/// A command of Varve.
protocol VarveSubcommand: ParsableCommand {
    var common: CommonOptions { get }
    /// Whether the command must clean up when it is interrupted; others just end.
    static var endsGently: Bool { get }

    func run(in session: Session) throws
}

extension VarveSubcommand {
    static var endsGently: Bool { false }
}
