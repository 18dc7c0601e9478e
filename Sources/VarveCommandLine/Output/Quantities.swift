import VarveFormat

/// Numbers, sizes, times and durations as people read them.
enum Quantities {
    /// With commas between groups of three digits: `541,909`.
    static func count(_ value: some BinaryInteger) -> String {
        let digits = String(value)
        var result = ""
        for (index, digit) in digits.enumerated() {
            let rest = digits.count - index
            if index > 0, rest % 3 == 0, result != "-" { result.append(",") }
            result.append(digit)
        }
        return result
    }

    /// `1 item`, `2 items`.
    static func count(_ value: some BinaryInteger, _ noun: String) -> String {
        "\(count(value)) \(noun)\(value == 1 ? "" : "s")"
    }

    /// Bytes in decimal units: `9.1 MB`.
    static func bytes(_ value: some BinaryInteger) -> String {
        if value < 1_000 { return "\(value) B" }
        var scaled = Double(value)
        for unit in ["kB", "MB", "GB", "TB", "PB"] {
            scaled /= 1_000
            if scaled < 999.95 || unit == "PB" { return "\(decimal(scaled, 1)) \(unit)" }
        }
        return "\(value) B"
    }

    /// A number with so many digits behind the point.
    static func decimal(_ value: Double, _ digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        guard let whole = Int64(exactly: (value * scale).rounded()) else { return "\(value)" }
        if digits == 0 { return String(whole) }
        let text = String(whole.magnitude)
        let padded = String(repeating: "0", count: max(0, digits + 1 - text.count)) + text
        return (whole < 0 ? "-" : "") + padded.dropLast(digits) + "." + padded.suffix(digits)
    }

    /// A time of a clock, to the second: `2024-01-01T00:00:00Z`.
    static func time(_ microseconds: Int64) -> String {
        let seconds = microseconds / 1_000_000 - (microseconds % 1_000_000 < 0 ? 1 : 0)
        return Instant(second: seconds)?.description ?? "\(microseconds) µs"
    }

    /// A time to the microsecond: `2024-01-01T00:00:00.000123Z`; whole seconds without a fraction.
    static func preciseTime(_ microseconds: Int64) -> String {
        let rest = (microseconds % 1_000_000 + 1_000_000) % 1_000_000
        if rest == 0 { return time(microseconds) }
        let digits = String(rest)
        let fraction = String(repeating: "0", count: 6 - digits.count) + digits
        return time(microseconds).dropLast() + "." + fraction + "Z"
    }

    /// How long something took: `0.31 s`, `2 min 5 s`.
    static func elapsed(_ microseconds: Int64) -> String {
        let seconds = Double(microseconds) / 1_000_000
        if seconds < 60 { return "\(decimal(seconds, 2)) s" }
        return duration(seconds: Int64(seconds.rounded()))
    }

    /// `45 s`, `2 min 5 s`, `3 h 20 min`, `12 d 3 h`.
    static func duration(seconds: Int64) -> String {
        let parts: [(Int64, String)] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")]
        var rest = seconds
        var shown: [String] = []
        for (size, unit) in parts {
            if rest >= size, shown.count < 2 {
                shown.append("\(rest / size) \(unit)")
                rest %= size
            } else if !shown.isEmpty {
                break
            }
        }
        return shown.isEmpty ? "0 s" : shown.joined(separator: " ")
    }
}
