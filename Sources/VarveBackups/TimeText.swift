public import VarveBytes
public import VarveFormat

/// Instants as people write them: `2025-09-25T10:00:00Z`, `1758794400`, `2h ago`, `now`.
public enum TimeText {
    /// Seconds that a unit has, by the ways to write it.
    private static let units: [String: Int64] = [
        "s": 1, "sec": 1, "second": 1, "seconds": 1,
        "m": 60, "min": 60, "minute": 60, "minutes": 60,
        "h": 3_600, "hour": 3_600, "hours": 3_600,
        "d": 86_400, "day": 86_400, "days": 86_400,
        "w": 604_800, "week": 604_800, "weeks": 604_800,
    ]

    /// Whether the text asks for the present.
    public static func isNow(_ text: String) -> Bool { text.lowercased() == "now" }

    /// Reads an instant.
    /// - Parameter now: microseconds since 1970, for `now` and for times ago; the second under way
    ///   counts from its beginning.
    /// - Throws: `invalidInput`, saying what is wrong: a fraction of a second, no time zone.
    public static func instant(
        _ text: String, now: Int64 = SystemClock.microseconds()
    ) throws(VarveError) -> Instant {
        let words = text.lowercased().split(separator: " ")
        if words == ["now"] { return try instant(secondsAgo: 0, text, now) }
        guard words.last == "ago" else { return try Instant(parsing: text) }
        let amount = words.dropLast().joined()
        let digits = amount.prefix { $0.isASCII && $0.isNumber }
        guard let count = Int64(digits), let unit = units[String(amount.dropFirst(digits.count))]
        else {
            throw VarveError(
                .invalidInput,
                "\"\(text.prefix(60))\" is no time; write, for example, '90s ago', '2h ago' or "
                    + "'3 days ago'")
        }
        let (seconds, overflow) = count.multipliedReportingOverflow(by: unit)
        return try instant(secondsAgo: overflow ? .max : seconds, text, now)
    }

    private static func instant(
        secondsAgo: Int64, _ text: String, _ now: Int64
    ) throws(VarveError) -> Instant {
        let second = now >= 0 ? now / 1_000_000 : ~(~now / 1_000_000)
        let (then, overflow) = second.subtractingReportingOverflow(secondsAgo)
        guard !overflow, let instant = Instant(second: then) else {
            throw VarveError(
                .invalidInput, "\"\(text.prefix(60))\" is outside the years 0001 to 9999")
        }
        return instant
    }
}
