import ArgumentParser
import VarveBackups
import VarveBytes
import VarveFormat

/// A length of time as an argument: `35d`, `12h`, `2w`.
struct DurationArgument: ExpressibleByArgument {
    let microseconds: Int64

    init(microseconds: Int64) { self.microseconds = microseconds }

    init?(argument: String) {
        let units: [Character: Int64] = [
            "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "y": 31_557_600,
        ]
        guard let unit = argument.last.flatMap({ units[$0] }),
            let number = Int64(argument.dropLast()), number > 0
        else { return nil }
        let (seconds, overflow) = number.multipliedReportingOverflow(by: unit)
        // A thousand years are long enough.
        guard !overflow, seconds <= 31_557_600_000 else { return nil }
        microseconds = seconds * 1_000_000
    }
}

/// An instant as an argument.
enum InstantArgument {
    /// - Throws: `invalidInput` if it is none.
    static func parse(_ text: String?) throws(VarveError) -> Instant? {
        guard let text else { return nil }
        return try TimeText.instant(text)
    }

    /// Reads both ends of a stretch of time.
    /// - Throws: `invalidInput` if one is no time, `usage` if the end lies before the beginning.
    static func span(
        _ from: String?, _ to: String?
    ) throws(VarveError) -> (from: Instant?, to: Instant?) {
        let (first, last) = (try parse(from), try parse(to))
        if let first, let last, last < first {
            throw VarveError(.usage, "--from \(first) is later than --to \(last)")
        }
        return (first, last)
    }
}
