import Testing
import VarveBytes

@testable import VarveCommandLine

@Suite("Text for people")
struct OutputTests {
    @Test(arguments: [
        (0, "0"), (7, "7"), (999, "999"), (1_000, "1,000"), (541_909, "541,909"),
        (-1_234, "-1,234"), (-123, "-123"), (12_345_678, "12,345,678"),
    ])
    func counts(value: Int, text: String) {
        #expect(Quantities.count(value) == text)
    }

    @Test(arguments: [
        (0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (1_049, "1.0 kB"), (1_050, "1.1 kB"),
        (999_949, "999.9 kB"), (999_950, "1.0 MB"), (148_436_434, "148.4 MB"),
        (9_100_000_000, "9.1 GB"),
    ])
    func sizes(value: Int, text: String) {
        #expect(Quantities.bytes(value) == text)
    }

    @Test(arguments: [
        (Int64(0), "0 s"), (59, "59 s"), (60, "1 min"), (125, "2 min 5 s"), (3_601, "1 h"),
        (90_000, "1 d 1 h"),
    ])
    func durations(seconds: Int64, text: String) {
        #expect(Quantities.duration(seconds: seconds) == text)
    }

    @Test func times() {
        #expect(Quantities.time(1_704_067_200_999_999) == "2024-01-01T00:00:00Z")
        #expect(Quantities.time(-1) == "1969-12-31T23:59:59Z")
        #expect(Quantities.elapsed(310_000) == "0.31 s")
        #expect(Quantities.decimal(-1.25, 1) == "-1.3")
        #expect(Quantities.decimal(.infinity, 1) == "inf")
        #expect(Quantities.bytes(UInt64.max) == "18446.7 PB")
    }

    @Test func tablesAreAligned() {
        var table = TextTable(.text("NAME"), .number("ITEMS"), .text("NOTE"))
        table.add("a", "1", "x")
        table.add("longer", "1,000", "")
        #expect(
            table.lines == ["NAME    ITEMS  NOTE", "a           1  x", "longer  1,000  "])
    }

    @Test(arguments: [
        ("35d", Int64(35 * 86_400)), ("12h", 43_200), ("2w", 1_209_600), ("1s", 1),
        ("3m", 180), ("1y", 31_557_600),
    ])
    func durationArguments(text: String, seconds: Int64) {
        #expect(DurationArgument(argument: text)?.microseconds == seconds * 1_000_000)
    }

    @Test(arguments: ["", "d", "0d", "-1d", "5", "1.5h", "5x", "99999999999999y", "2000y"])
    func malformedDurations(text: String) {
        #expect(DurationArgument(argument: text) == nil)
    }

    @Test func statusesAreStable() {
        let expected: [(VarveError.Code, Int32)] = [
            (.invalidInput, 3), (.noRepository, 10), (.conflict, 11), (.damaged, 20),
            (.proofFailed, 20), (.storage, 1), (.notFound, 1), (.ambiguous, 1), (.refused, 1),
            (.exists, 1), (.unsupported, 1),
        ]
        for (code, status) in expected {
            #expect(ExitStatus(VarveError(code, "")).rawValue == status, "\(code)")
        }
    }

    @Test func manualPages() throws {
        #expect(ManualPage.commandNames.contains("restore"))
        for name in ManualPage.commandNames {
            let roff = try ManualPage.of(name).roff
            #expect(roff.hasPrefix(".TH VARVE-\(name.uppercased()) 1 "))
            for section in ["NAME", "DESCRIPTION", "SYNOPSIS", 
                "EXAMPLE", "OPTIONS", "ENVIRONMENT", "EXIT STATUS",
                "SEE ALSO",
            ] {
                #expect(roff.contains("\n.SH \(section)\n"), "\(name) has no \(section)")
            }
        }
    }

    @Test func topics() {
        for topic in HelpTopic.allCases {
            #expect(HelpTopic(arguments: ["help", topic.rawValue]) == topic)
            #expect(topic.text.split(separator: "\n").allSatisfy { $0.count <= 100 })
        }
        #expect(HelpTopic(arguments: ["help", "backup"]) == nil)
    }
}
