import ArgumentParser
import VarveBackups
import VarveBytes

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
            "The state at a time: 2025-09-25T10:00:00Z, 1758794400, '2h ago', now; see "
                + "'varve help times'.", valueName: "time"))
    var at: String?

    /// - Throws: `usage` unless exactly one is given.
    func selection() throws(VarveError) -> StateSelection {
        let given = (backup == nil ? 0 : 1) + (latest ? 1 : 0) + (at == nil ? 0 : 1)
        guard given == 1 else {
            throw VarveError(.usage, "say which state: one of --backup NAME, --latest, --at TIME")
        }
        if let backup { return .backup(backup) }
        if let at { return try StateSelection(time: at) }
        return .latest
    }
}
