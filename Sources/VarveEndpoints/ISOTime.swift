import VarveBytes

/// Times as AWS writes them: `2025-06-15T16:00:00.123Z`, in UTC.
enum ISOTime {
    /// Microseconds since 1970, or nil if the text is not such a time.
    static func microseconds(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.last == UInt8(ascii: "Z") else { return nil }
        let marks: [(Int, Character)] = [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")]
        guard marks.allSatisfy({ bytes[$0.0] == $0.1.asciiValue }),
            let year = number(bytes[0..<4]), let month = number(bytes[5..<7]),
            let day = number(bytes[8..<10]), let hour = number(bytes[11..<13]),
            let minute = number(bytes[14..<16]), let second = number(bytes[17..<19]),
            month >= 1, month <= 12, day >= 1, day <= daysIn(month: month, year: year),
            hour < 24, minute < 60, second < 60
        else { return nil }
        var fraction: Int64 = 0
        if bytes.count > 20 {
            let digits = bytes[20..<bytes.count - 1]
            guard bytes[19] == UInt8(ascii: "."), digits.count <= 6, let value = number(digits)
            else { return nil }
            fraction = value
            for _ in digits.count..<6 { fraction *= 10 }
        }
        let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second
        return seconds * 1_000_000 + fraction
    }

    /// Microseconds since 1970 of a time with any zone, as RFC 3339 and Python write it:
    /// `2025-06-15T18:00:00+02:00`, `2025-06-15 16:00:00.5Z`.
    static func microseconds(zoned text: String) -> Int64? {
        var bytes = Array(text.utf8)
        guard bytes.count >= 20 else { return nil }
        if bytes[10] == UInt8(ascii: " ") || bytes[10] == UInt8(ascii: "t") {
            bytes[10] = UInt8(ascii: "T")
        }
        var offset: Int64 = 0
        if bytes.last == UInt8(ascii: "z") { bytes[bytes.count - 1] = UInt8(ascii: "Z") }
        if bytes.last != UInt8(ascii: "Z") {
            let zone = bytes.suffix(6)
            let sign = zone[zone.startIndex]
            guard bytes.count >= 25, zone[zone.startIndex + 3] == UInt8(ascii: ":"),
                sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"),
                let hours = number(zone[zone.startIndex + 1..<zone.startIndex + 3]), hours < 24,
                let minutes = number(zone[zone.startIndex + 4..<zone.endIndex]), minutes < 60
            else { return nil }
            offset = (hours * 60 + minutes) * 60_000_000
            if sign == UInt8(ascii: "-") { offset = -offset }
            bytes.removeLast(6)
            bytes.append(UInt8(ascii: "Z"))
        }
        guard let time = microseconds(String(decoding: bytes, as: UTF8.self)) else { return nil }
        return time - offset
    }

    /// The time to the millisecond, rounded down.
    static func text(microseconds: Int64) -> String {
        let milliseconds = floorDivide(microseconds, 1_000)
        let seconds = floorDivide(milliseconds, 1_000)
        let day = floorDivide(seconds, 86_400)
        let inDay = seconds - day * 86_400
        let (year, month, dayOfMonth) = date(day)
        return padded(year, 4) + "-" + padded(month, 2) + "-" + padded(dayOfMonth, 2) + "T"
            + padded(inDay / 3_600, 2) + ":" + padded(inDay / 60 % 60, 2) + ":"
            + padded(inDay % 60, 2) + "." + padded(milliseconds - seconds * 1_000, 3) + "Z"
    }

    static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
        var value: Int64 = 0
        for digit in digits {
            guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else { return nil }
            value = value * 10 + Int64(digit - UInt8(ascii: "0"))
        }
        return digits.isEmpty ? nil : value
    }

    private static func daysIn(month: Int64, year: Int64) -> Int64 {
        let next = month == 12 ? days(year + 1, 1, 1) : days(year, month + 1, 1)
        return next - days(year, month, 1)
    }

    private static func floorDivide(_ a: Int64, _ b: Int64) -> Int64 {
        a / b - (a % b < 0 ? 1 : 0)
    }

    /// Days since 1970 of a date in the Gregorian calendar; years counted from March.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let y = month <= 2 ? year - 1 : year
        let era = floorDivide(y, 400)
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
            - 719_468
    }

    private static func date(_ day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let z = day + 719_468
        let era = floorDivide(z, 146_097)
        let dayOfEra = z - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }
}
