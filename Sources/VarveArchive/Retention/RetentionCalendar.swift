import VarveBytes
import VarveFormat

/// Ends of hours, days, weeks, months and years in UTC, counted back from an instant. Source: Spec
/// 10, Retention.
struct RetentionCalendar {
    enum Period: CaseIterable {
        case hour, day, week, month, year
    }

    /// The end of the period that holds the second before `second`, and its beginning.
    static func period(_ period: Period, endingFrom second: Int64) -> Range<Int64> {
        switch period {
        case .hour: return aligned(second, length: 3_600, offset: 0)
        case .day: return aligned(second, length: 86_400, offset: 0)
        // 1970-01-01 was a Thursday: weeks begin on Mondays, four days later.
        case .week: return aligned(second, length: 604_800, offset: 345_600)
        case .month, .year:
            let day = aligned(second, length: 86_400, offset: 0).lowerBound / 86_400
            let date = CivilDate(daysSince1970: day)
            let (year, month) = (date.year, date.month)
            if period == .year { return start(year, 1)..<start(year + 1, 1) }
            return start(year, month)..<(month == 12 ? start(year + 1, 1) : start(year, month + 1))
        }
    }

    /// Ends of the last `count` periods, the present one first, and their beginnings.
    /// - Parameter first: periods that end before it are left out.
    static func periods(
        _ period: Period, _ count: UInt64, before second: Int64, first: Int64
    ) -> [Range<Int64>] {
        var result: [Range<Int64>] = []
        var end = second
        while UInt64(result.count) < count, end >= first {
            let next = Self.period(period, endingFrom: end)
            result.append(next)
            end = next.lowerBound
        }
        return result
    }

    private static func aligned(_ second: Int64, length: Int64, offset: Int64) -> Range<Int64> {
        let shifted = second - 1 - offset
        let number = shifted >= 0 ? shifted / length : ~(~shifted / length)
        let start = number * length + offset
        return start..<start + length
    }

    /// First second of a month.
    private static func start(_ year: Int64, _ month: Int64) -> Int64 {
        CivilDate(year: year, month: month, day: 1).daysSince1970 * 86_400
    }
}
