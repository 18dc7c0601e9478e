import ArgumentParser
import VarveBackups
import VarveBytes
import VarveFormat

/// Which state of a table a command is about.
struct StateOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A backup: its name, its ARN, or the beginning of its id.", valueName: "name"))
    var backup: String?

    @Flag(help: "The newest state.")
    var latest = false

    @Option(
        help: ArgumentHelp(
            "The state at a recorded time, for example 2025-09-25T10:00:00Z.", valueName: "time"))
    var at: String?

    /// - Throws: `usage` unless exactly one is given.
    func selection() throws(VarveError) -> StateSelection {
        let given = (backup == nil ? 0 : 1) + (latest ? 1 : 0) + (at == nil ? 0 : 1)
        guard given == 1 else {
            throw VarveError(.usage, "say which state: one of --backup NAME, --latest, --at TIME")
        }
        if let backup { return .backup(backup) }
        if let instant = try InstantArgument.parse(at) { return .instant(instant) }
        return .latest
    }
}
