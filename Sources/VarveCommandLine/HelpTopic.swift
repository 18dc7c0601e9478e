import ArgumentParser
import VarveBytes

/// Texts of `varve help` that belong to no command.
enum HelpTopic: String, CaseIterable {
    case glossary
    case tableNames = "table-names"
    case times
    case changes
    case exitStatus = "exit-status"

    /// Names of everything that `varve help` and, but for the topics, `varve man` tell of: commands
    /// with their aliases.
    static var commandNames: [String: String] {
        var names: [String: String] = [:]
        for type in VarveCommand.configuration.subcommands {
            guard let name = type.configuration.commandName else { continue }
            for known in [name] + type.configuration.aliases { names[known] = name }
        }
        return names
    }

    /// `varve help NAME` with a command's own name in place of an alias.
    /// - Throws: `usage` if there is no command or topic of that name.
    static func resolved(_ arguments: [String]) throws(VarveError) -> [String] {
        guard arguments.count > 1, arguments[0] == "help", !arguments[1].hasPrefix("-"),
            arguments[1] != "help"
        else { return arguments }
        let name = arguments[1]
        if HelpTopic(rawValue: name) != nil { return arguments }
        if let command = commandNames[name] { return ["help", command] }
        let known = commandNames.keys.sorted() + allCases.map(\.rawValue)
        throw VarveError(
            .usage,
            "there is no command or topic '\(name)'; \(NearestNames.hint(name, among: known))")
    }

    /// - Throws: `usage` if the first argument is no option, and no command has that name.
    static func checkCommand(_ arguments: [String]) throws(VarveError) {
        guard let name = arguments.first, !name.hasPrefix("-"), name != "help",
            commandNames[name] == nil
        else { return }
        let known = commandNames.keys.sorted()
        throw VarveError(
            .usage, "there is no command '\(name)'; \(NearestNames.hint(name, among: known))")
    }

    /// The topic that `varve help TOPIC` asks for; nil if it asks for a command, or nothing.
    init?(arguments: [String]) {
        guard arguments.count == 2, arguments[0] == "help" else { return nil }
        self.init(rawValue: arguments[1])
    }

    var text: String {
        switch self {
        case .glossary: Self.glossaryText
        case .tableNames: Self.tableNamesText
        case .times: Self.timesText
        case .changes: Self.changesText
        case .exitStatus: Self.exitStatusText
        }
    }

    private static let glossaryText = """
        Words that varve uses

          repository   All objects in one place: the tables, their history, their backups.
          table        A set of items with a key. A table that was deleted and made again begins a
                       new incarnation; the old one stays.
          state        What a table was at an instant: every change before it.
          backup       A name and a promise of keeping for one state. It copies nothing: states
                       share what they have in common.
          image        A whole state as it is stored.
          run          The changes between two states as they are stored.
          commit       One step of a table's history. Each commit's hash covers the one before.
          head         The hash of the last commit: it vouches for all of a table's history.
          digest       A sum of hashes over a state's items, recorded when the data was live and
                       computed again from what a restore wrote.
          receipt      What a restore prints: what was restored, and how it was proven.
          restorable   The times of which a state can be restored. varve never makes up a state
                       between two copies.

        """

    private static let tableNamesText = """
        How tables are named

          A table is named by its name. A table that was deleted and made again under its name
          (another TableId, or another key with --force) has several incarnations, each a table of
          its own with its own history and backups. 'varve tables' lists them from the oldest:
            Orders (1)
            Orders (2)

          Wherever a table is named, one of these means it:
            Orders                   all incarnations, as below
            'Orders (1)'             this one; the number is that of the incarnation
            3f9a0c11                 an id as --json prints it, or at least two of its digits
            arn:aws:dynamodb:…       a table's ARN; incarnations may share it
            1a2b3c4d-…               the TableId that the service gave it
          'backup' and 'record' take an id or a TableId for the name of a new table.

          Of several incarnations that a name or an ARN means
            a backup         is searched in all; a name that several have is refused with their
                             ids, which tell them apart
            --at TIME        is the newest that has a state of that time; so with --all
            --latest         is the newest; so are retention, history, checkpoints, head
            forget           by rules judges the newest; by name it searches all
            backups, copy, compact    are about all
            a new copy       goes to the one that has its TableId; without one to the newest

        """

    private static let timesText = """
        Times and durations

          Instants are whole seconds, with a time zone:
            2025-09-25T10:00:00Z    2025-09-25 12:00:00+02:00    1758794400 (seconds since 1970)
          Ago, of the second under way:
            '90s ago'    '2h ago'    '3 days ago'    '1 week ago'
          A time without a zone, or with a fraction of a second, is refused. With --at, and in
          diff, 'now' is the newest state that is recorded, as --latest.

          The state at an instant holds every change before it, and none from it on. A change
          belongs to the checkpoint at the end of its second.

          Where changes were recorded as they came, every second can be restored; between two
          checkpoints nothing changed, and the state is that of the first. Where full copies were
          made, only their own instants can be. 'varve tables' shows which times those are; another
          time is refused, with the nearest that can be had: varve makes up no state.

          Durations are a number and a unit: s seconds, m minutes, h hours, d days, w weeks,
          y years:
            12h    35d    2w

        """

    private static let changesText = """
        Change records that 'varve record' reads

          One a line, or on several lines; plain or gzip. Each by itself is one of:

          incremental export, also as a plain line
            {"Metadata":{"WriteTimestampMicros":{"N":"1758794400123456"}},
             "Keys":{…},"OldImage":{…},"NewImage":{…}}          no NewImage: a deletion
          DynamoDB Streams, as GetRecords prints it and Lambda delivers it, also in "Records":[…]
            {"eventName":"MODIFY","dynamodb":{"ApproximateCreationDateTime":1758794400,
             "Keys":{…},"OldImage":{…},"NewImage":{…},"StreamViewType":"NEW_AND_OLD_IMAGES"}}
          Kinesis Data Streams for DynamoDB, bare or in the envelopes "Data" and "kinesis"
            {"tableName":"Orders","eventName":"REMOVE","dynamodb":{…}}

          Times are microseconds, milliseconds or seconds since 1970, or RFC 3339 with a zone. Old
          images may be left out; where one is given, it must be the item that is recorded.

          The table that a record names ("tableName", "Table" or "eventSourceARN") decides with
          --all; without it, records of other tables are left out.

          A second is complete once a record of a later second has come, or the clock has passed;
          --lateness keeps it open longer. Complete seconds can be restored, each for itself.

          The directory of an incremental export gives a state at its end alone.

        Records that cannot be recorded go to the rejects file, a line of JSON each:
            {"table":"Orders","file":"…","line":7,"byte":3100,"reason":"…","record":{…}}
          The restorable range ends at the last good second. A full backup begins a new one; then
          the records can be recorded again, from where they came or from the rejects file.

        """

    private static let exitStatusText = """
        How varve ends

            0   done
            1   an error that is none of the following; also what is refused although --force
                or another option would allow it
            2   the arguments are wrong: an option, a number, a key's definition, a name that
                'help' does not know
            3   an input cannot be accepted: a source that is not there, cannot be opened, is
                malformed, of the wrong kind or ends too early, a key, a time
           10   there is no repository at that place
           11   another writer was faster; try again
           12   reserved: wrong password of an encrypted repository
           20   damage was found, or a proof failed
          130   interrupted; nothing was changed but for what 'record' had committed, and verify
                tells what it has found so far
          141   whoever read the output went away

        With --json an error is printed to standard error as
          {"error":{"code":"…","message":"…","location":"…"}}

        """
}
