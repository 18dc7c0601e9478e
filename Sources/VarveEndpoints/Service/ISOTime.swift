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
            hour < 24, minute < 60, second < 60
        else { return nil }
        let date = CivilDate(year: year, month: month, day: day)
        let days = date.daysSince1970
        guard CivilDate(daysSince1970: days) == date else { return nil }
        var fraction: Int64 = 0
        if bytes.count > 20 {
            let digits = bytes[20..<bytes.count - 1]
            guard bytes[19] == UInt8(ascii: "."), digits.count <= 6, let value = number(digits)
            else { return nil }
            fraction = value
            for _ in digits.count..<6 { fraction *= 10 }
        }
        let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second
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
        let date = CivilDate(daysSince1970: day)
        return padded(date.year, 4) + "-" + padded(date.month, 2) + "-" + padded(date.day, 2) + "T"
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

    private static func floorDivide(_ a: Int64, _ b: Int64) -> Int64 {
        a / b - (a % b < 0 ? 1 : 0)
    }
}
