import ArgumentParser
import VarveArchive
import VarveBytes
import VarveEndpoints
import VarveFormat

struct RetentionCommand: VarveSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "retention", abstract: "Say how long a table's history stays.",
        discussion: """
            Without options: what is promised now. A table of which nothing is said keeps all of \
            its history. 'varve prune' drops what is not promised. A shorter promise frees nothing \
            of what a longer one before it covers until 'varve prune --allow-shrink'. Backups stay \
            as long as they are kept, whatever becomes of the history around them.

            Example:
              varve retention Orders -r /backups/shop --days 35 --keep-daily 90
              varve retention Orders -r /backups/shop
            """)

    @OptionGroup var common: CommonOptions

    @Argument(help: TableArgument.help)
    var table: String

    @Option(help: "Days in which every second stays (default: 35; any number; 0 for none).")
    var days: UInt64?

    @Option(help: "Before that, keep the last state of each of so many hours.")
    var keepHourly: UInt64?

    @Option(help: "Before that, keep the last state of each of so many days.")
    var keepDaily: UInt64?

    @Option(help: "Before that, keep the last state of each of so many weeks.")
    var keepWeekly: UInt64?

    @Option(help: "Before that, keep the last state of each of so many months.")
    var keepMonthly: UInt64?

    @Option(help: "Before that, keep the last state of each of so many years.")
    var keepYearly: UInt64?

    /// Days of the window if nothing else is said.
    private static let daysDefault: UInt64 = 35

    private var counts: [UInt64] {
        [days, keepHourly, keepDaily, keepWeekly, keepMonthly, keepYearly].compactMap { $0 }
    }

    func validate() throws {
        if counts.contains(where: { $0 > RetentionRecord.countMax }) {
            throw ValidationError("At most \(RetentionRecord.countMax) days or periods.")
        }
    }

    func run(in session: Session) throws {
        let repository = try common.repository()
        let history = try repository.history(of: table)
        if !counts.isEmpty {
            try repository.promise(
                RetentionRecord(
                    written: repository.now(), days: days ?? Self.daysDefault,
                    hourly: keepHourly ?? 0, daily: keepDaily ?? 0, weekly: keepWeekly ?? 0,
                    monthly: keepMonthly ?? 0, yearly: keepYearly ?? 0),
                of: history.id)
        }
        let policy = try repository.retention(of: history.id)
        try session.print(json(policy), lines: lines(policy))
    }

    private func lines(_ policy: RetentionPolicy) -> [String] {
        guard let newest = policy.newest, !newest.isEmpty else {
            return ["table \(table): all of its history stays"]
        }
        var facts = FactList()
        facts.add("every second", "of \(Quantities.count(newest.days, "day"))")
        let periods = [
            ("hour", newest.hourly), ("day", newest.daily), ("week", newest.weekly),
            ("month", newest.monthly), ("year", newest.yearly),
        ]
        for (noun, count) in periods where count > 0 {
            facts.add("last state", "of each of \(Quantities.count(count, noun))")
        }
        if common.verbose {
            facts.add("promised", Quantities.time(newest.written))
            facts.add("promises", Quantities.count(policy.records.count))
        }
        var lines = ["table \(table)"] + facts.lines
        if policy.isShortened {
            lines.append(
                "What was promised before and is more stays, until 'varve prune --allow-shrink'.")
        }
        return lines
    }

    private func json(_ policy: RetentionPolicy) -> JSONValue {
        let newest = policy.newest ?? RetentionRecord(written: 0)
        return .members([
            "table": .string(table), "keepsEverything": .boolean(policy.keepsEverything),
            "days": .number(newest.days), "keepHourly": .number(newest.hourly),
            "keepDaily": .number(newest.daily), "keepWeekly": .number(newest.weekly),
            "keepMonthly": .number(newest.monthly), "keepYearly": .number(newest.yearly),
            "earlierPromisesMore": .boolean(policy.isShortened),
        ])
    }
}
