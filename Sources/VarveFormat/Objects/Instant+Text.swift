public import VarveBytes

extension Instant: CustomStringConvertible {
    /// RFC 3339 in UTC: `2025-09-25T10:00:00Z`.
    public var description: String {
        let days = second >= 0 ? second / 86_400 : ~(~second / 86_400)
        let date = CivilDate(daysSince1970: days)
        let rest = second - days * 86_400
        func padded(_ value: Int64, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: width - digits.utf8.count) + digits
        }
        return padded(date.year, 4) + "-" + padded(date.month, 2) + "-" + padded(date.day, 2) + "T"
            + padded(rest / 3600, 2) + ":" + padded(rest / 60 % 60, 2) + ":"
            + padded(rest % 60, 2) + "Z"
    }

    /// Reads an instant as people and programs write it:
    ///
    /// - RFC 3339: `2025-09-25T10:00:00Z`, `2025-09-25 12:00:00+02:00`. The zone is required.
    ///   Seconds may be left out; a fraction of a second must be zero.
    /// - Seconds since 1970: `1758794400`, `1758794400.0`.
    /// - Throws: `invalidInput`, saying what is missing or wrong.
    public init(parsing text: String) throws(VarveError) {
        var scanner = TimeScanner(text)
        self = try scanner.isNumber ? scanner.epoch() : scanner.dateTime()
    }
}

/// Reads one time from a text.
private struct TimeScanner {
    private let text: String
    private let bytes: [UInt8]
    private var at = 0

    init(_ text: String) {
        self.text = text
        bytes = Array(text.utf8)
    }

    /// Whether the text is digits, a sign and dots only, with no second sign: no date.
    var isNumber: Bool {
        let digits = bytes.first == UInt8(ascii: "-") ? bytes[1...] : bytes[...]
        return !digits.isEmpty
            && digits.allSatisfy { isDigit($0) || $0 == UInt8(ascii: ".") }
    }

    private func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private func fault(_ what: String) -> VarveError {
        VarveError(
            .invalidInput,
            "\"\(text.prefix(60))\" is no instant: \(what); write, for example, "
                + "2025-09-25T10:00:00Z")
    }

    private mutating func skip(_ characters: String) -> Bool {
        guard at < bytes.count, characters.utf8.contains(bytes[at]) else { return false }
        at += 1
        return true
    }

    /// Exactly so many digits.
    private mutating func number(_ digits: Int, _ what: String) throws(VarveError) -> Int64 {
        var value: Int64 = 0
        for _ in 0..<digits {
            guard at < bytes.count, isDigit(bytes[at]) else {
                throw fault("\(what) must have \(digits) digits")
            }
            value = value * 10 + Int64(bytes[at] - UInt8(ascii: "0"))
            at += 1
        }
        return value
    }

    private mutating func number(
        in range: ClosedRange<Int64>, _ what: String
    ) throws(VarveError) -> Int64 {
        let value = try number(2, what)
        guard range.contains(value) else { throw fault("there is no \(what) \(value)") }
        return value
    }

    /// A fraction must be zero, and may be left out.
    private mutating func fraction() throws(VarveError) {
        guard skip(".") else { return }
        var digits = 0
        while at < bytes.count, isDigit(bytes[at]) {
            if bytes[at] != UInt8(ascii: "0") {
                throw fault("instants are whole seconds, without a fraction")
            }
            at += 1
            digits += 1
        }
        if digits == 0 { throw fault("digits are missing after the point") }
    }

    private func end() throws(VarveError) {
        if at != bytes.count { throw fault("something follows that does not belong to it") }
    }

    mutating func epoch() throws(VarveError) -> Instant {
        let isNegative = skip("-")
        let start = at
        var value: Int64 = 0
        while at < bytes.count, isDigit(bytes[at]) {
            if at - start == 12 { throw fault("so many seconds are beyond the year 9999") }
            value = value * 10 + Int64(bytes[at] - UInt8(ascii: "0"))
            at += 1
        }
        if at == start { throw fault("digits are missing before the point") }
        if at - start == 8 || at - start == 12 {
            throw fault("\(at - start) digits could be a date; write it with '-' and ':'")
        }
        try fraction()
        try end()
        guard let instant = Instant(second: isNegative ? -value : value) else {
            throw fault("so many seconds are outside the years 0001 to 9999")
        }
        return instant
    }

    mutating func dateTime() throws(VarveError) -> Instant {
        let year = try number(4, "the year")
        guard skip("-") else { throw fault("a '-' is missing after the year") }
        let month = try number(in: 1...12, "month")
        guard skip("-") else { throw fault("a '-' is missing after the month") }
        let day = try number(in: 1...31, "day")
        let date = CivilDate(year: year, month: month, day: day)
        let days = date.daysSince1970
        guard year >= 1, CivilDate(daysSince1970: days) == date else {
            throw fault("there is no such day")
        }
        guard skip("Tt ") else { throw fault("the time of day is missing") }
        let hour = try number(in: 0...23, "hour")
        guard skip(":") else { throw fault("a ':' is missing after the hour") }
        let minute = try number(in: 0...59, "minute")
        var seconds: Int64 = 0
        if skip(":") {
            seconds = try number(in: 0...59, "second")
            try fraction()
        }
        let offset = try zone()
        try end()
        let local = days * 86_400 + hour * 3600 + minute * 60 + seconds
        guard let instant = Instant(second: local - offset) else {
            throw fault("it is outside the years 0001 to 9999")
        }
        return instant
    }

    /// The zone's offset from UTC, in seconds: `Z`, `±hh:mm`, `±hhmm` or `±hh`.
    private mutating func zone() throws(VarveError) -> Int64 {
        if skip("Zz") { return 0 }
        let isWest = at < bytes.count && bytes[at] == UInt8(ascii: "-")
        guard skip("+-") else { throw fault("the time zone is missing; add Z for UTC") }
        let hours = try number(in: 0...23, "hour of a time zone")
        var minutes: Int64 = 0
        if skip(":") || at < bytes.count {
            minutes = try number(in: 0...59, "minute of a time zone")
        }
        let offset = hours * 3600 + minutes * 60
        return isWest ? -offset : offset
    }
}
