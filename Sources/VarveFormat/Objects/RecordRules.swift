import VarveBytes

/// Rules that several records share. All throw `invalidInput`. Source: Spec 13.
enum RecordRules {
    /// Greatest length of names, ARNs and sources, in bytes of UTF-8.
    static let textBytesMax = 65_535
    /// Greatest length of a document of settings, in bytes of UTF-8.
    static let jsonBytesMax = 1_048_576
    /// First and last microsecond of the years 0001 to 9999.
    static let times =
        Instant.least.microseconds...Instant.greatest.microseconds + 999_999

    /// Greatest sequence, number or ordinal: the one after it is a number too.
    static let numberMax = UInt64(Int64.max)

    static func fault(_ message: String) -> VarveError { VarveError(.invalidInput, message) }

    static func checkText(
        _ text: String, _ what: String, limit: Int = textBytesMax
    ) throws(VarveError) {
        if text.utf8.count > limit { throw fault("\(what) is longer than \(limit) bytes") }
    }

    static func checkNumber(_ number: UInt64, _ what: String) throws(VarveError) {
        if number > numberMax { throw fault("\(what) is not less than 2^63") }
    }

    static func checkTime(_ time: Int64, _ what: String) throws(VarveError) {
        if !times.contains(time) { throw fault("\(what) is outside the years 0001 to 9999") }
    }

    static func checkInstant(_ time: Int64, _ what: String) throws(VarveError) {
        try checkTime(time, what)
        if time % 1_000_000 != 0 { throw fault("\(what) is not a whole second") }
    }

    static func checkStretch(_ from: Int64, _ to: Int64, _ what: String) throws(VarveError) {
        try checkTime(from, "the beginning of \(what)")
        try checkTime(to, "the end of \(what)")
        if from > to { throw fault("\(what) ends before it begins") }
    }
}

extension ByteCursor {
    /// Reads an `Instant` stored as `time`.
    mutating func instant() throws(VarveError) -> Instant {
        guard let instant = Instant(microseconds: try i64()) else {
            throw fault("a time is not a whole second of the years 0001 to 9999")
        }
        return instant
    }

    /// Reads `bytes` of exactly this length.
    @_lifetime(copy self)
    mutating func counted(exactly count: Int) throws(VarveError) -> RawSpan {
        let span = try counted()
        if span.byteCount != count { throw fault("\(count) bytes were expected") }
        return span
    }
}

extension ByteWriter {
    mutating func append(_ instant: Instant) { append(i64: instant.microseconds) }
}
