public import ArgumentParser
import VarveBackups
import VarveBytes
import VarveEndpoints

/// The command `varve`.
public struct VarveCommand: ParsableCommand {
    public static let version = "0.1.0"

    public static let configuration = CommandConfiguration(
        commandName: "varve",
        abstract: "Backups of DynamoDB tables that deduplicate, and prove themselves.",
        discussion: """
            A repository holds any number of tables, and of each any number of states. Every \
            restore is proven against the digest that was recorded when the data was live.

            Example:
              varve init -r /backups/shop
              varve backup Orders orders.jsonl -r /backups/shop --name monday \\
                --partition-key InvoiceNo:S --sort-key Line:N
              varve restore Orders -r /backups/shop --backup monday --to restored.jsonl

            The options -r, --json, -q and -v may stand before the command, too: \
            varve -r /backups/shop tables

            Topics: varve help glossary, varve help table-names, varve help times, \
            varve help changes, varve help exit-status
            """,
        version: version,
        groupedSubcommands: [
            CommandGroup(
                name: "Making and using backups",
                subcommands: [
                    InitCommand.self, BackupCommand.self, RecordCommand.self, RestoreCommand.self,
                    GetCommand.self, DiffCommand.self, HistoryCommand.self,
                ]),
            CommandGroup(
                name: "Looking",
                subcommands: [
                    TablesCommand.self, BackupsCommand.self, CheckpointsCommand.self,
                    ShowCommand.self, StatsCommand.self, HeadCommand.self, VerifyCommand.self,
                ]),
            CommandGroup(
                name: "Keeping house",
                subcommands: [
                    RetentionCommand.self, ForgetCommand.self, PruneCommand.self,
                    CompactCommand.self, CopyCommand.self, RepairCommand.self,
                ]),
            CommandGroup(
                name: "About varve", subcommands: [CompletionCommand.self, ManCommand.self]),
        ])

    public init() {}

    /// Runs a command line and ends the process.
    /// - Parameter arguments: without the program's name.
    public static func main(arguments: [String]) -> Never {
        CurrentProcess.occupyStandardStreams()
        CurrentProcess.keepFreedMemory()
        CurrentProcess.ignoreBrokenPipes()
        CurrentProcess.ignoreFileSizeLimits()
        CurrentProcess.exit(status(of: arguments).rawValue)
    }

    /// Runs a command line.
    static func status(of arguments: [String]) -> ExitStatus {
        var arguments = LeadingOptions.moved(arguments)
        do throws(VarveError) {
            arguments = try HelpTopic.resolved(arguments)
            try HelpTopic.checkCommand(arguments)
        } catch {
            return report(asJSON: arguments.contains("--json")) { throw error }
        }
        if let topic = HelpTopic(arguments: arguments) {
            return report(asJSON: false) { try Console.write(topic.text) }
        }
        var command: any ParsableCommand
        do {
            command = try parseAsRoot(arguments)
        } catch {
            return reportParsing(error, asJSON: arguments.contains("--json"))
        }
        guard let subcommand = command as? any VarveSubcommand else {
            do {
                try command.run()
                return .success
            } catch let error as VarveError {
                return report(asJSON: false) { throw error }
            } catch {
                return reportParsing(error, asJSON: false)
            }
        }
        let asJSON = subcommand.common.json
        let control = OperationControl { warn($0, asJSON: asJSON) }
        handleInterruption(control, endsGently: type(of: subcommand).endsGently)
        return report(asJSON: asJSON) {
            try subcommand.run(in: Session(options: subcommand.common, control: control))
        }
    }

    /// The first signal asks a command that must clean up to end; another one ends it at once.
    private static func handleInterruption(_ control: OperationControl, endsGently: Bool) {
        CurrentProcess.onInterruption {
            if !endsGently || control.isStopping {
                CurrentProcess.exit(ExitStatus.interrupted.rawValue)
            }
            control.stop()
        }
    }

    // MARK: Errors

    private static func report(asJSON: Bool, _ body: () throws -> Void) -> ExitStatus {
        do {
            try body()
            return .success
        } catch let status as SilentStatus {
            return status.status
        } catch let error as VarveError {
            let status = ExitStatus(error)
            if status == .brokenPipe || error.systemError?.isBrokenPipe == true {
                return .brokenPipe
            }
            tell(error, asJSON: asJSON)
            return error.code == .usage ? .usage : status
        } catch {
            tell(VarveError(.unexpected, "\(error)"), asJSON: asJSON)
            return .failure
        }
    }

    /// Help that was asked for, or arguments that are wrong.
    private static func reportParsing(_ error: any Error, asJSON: Bool) -> ExitStatus {
        let message = fullMessage(for: error)
        if exitCode(for: error) == .success {
            return report(asJSON: false) {
                if !message.isEmpty { try Console.write(message + "\n") }
            }
        }
        if asJSON {
            tell(VarveError(.usage, self.message(for: error)), asJSON: true)
        } else {
            let text = message.hasPrefix("Error: ") ? "error: " + message.dropFirst(7) : message
            Console.note("varve: \(text)\n")
        }
        return .usage
    }

    /// Tells of damage that the command can do without.
    static func warn(_ damage: VarveError, asJSON: Bool) {
        if asJSON { return note("warning", damage) }
        Console.note("varve: warning: \(damage)\n")
    }

    /// Writes an error as a line of JSON.
    private static func note(_ kind: String, _ error: VarveError) {
        let json = JSONValue.members([
            kind: .members([
                "code": .string(error.code.name),
                "message": .string(error.message),
                "location": error.location.map { .string($0) },
            ])
        ])
        Console.note(json.compactText + "\n")
    }

    static func tell(_ error: VarveError, asJSON: Bool) {
        if asJSON { return note("error", error) }
        var text = "varve: error: \(error)"
        if error.code == .interrupted { text = "varve: \(error.message)" }
        Console.note(text + "\n")
    }
}

/// The command has told everything; its end still says that something was found.
struct SilentStatus: Error {
    let status: ExitStatus
}
