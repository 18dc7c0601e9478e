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
            let (year, month) = civil(day)
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
        while UInt64(result.count) < count, end > first {
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
        days(year, month) * 86_400
    }

    /// Days since 1970-01-01 of the first day of a month, in the proleptic Gregorian calendar.
    private static func days(_ year: Int64, _ month: Int64) -> Int64 {
        // Years are counted from March, so that the leap day is their last.
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// Year and month of a day since 1970-01-01.
    private static func civil(_ day: Int64) -> (year: Int64, month: Int64) {
        let shifted = day + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month)
    }
}
