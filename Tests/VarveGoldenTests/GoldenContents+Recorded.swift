import Testing
import VarveArchive
import VarveModel

extension GoldenContents {
    // MARK: Recorded

    /// History from nothing, closed by a change that contradicts it and begun again by a full copy;
    /// and history upon a full copy.
    static func recorded() throws -> GoldenBuilder {
        var builder = try GoldenBuilder(seed: 6)
        let stream = schema(("id", .string))
        try builder.beginHistory("stream", stream, second: 0)
        func put(_ time: Int64, _ id: String, _ value: Int) -> GoldenBuilder.Change {
            GoldenBuilder.Change(
                time: time, line: item(#""id":{"S":"\#(id)"},"v":{"N":"\#(value)"}"#))
        }
        func removal(_ time: Int64, _ id: String) -> GoldenBuilder.Change {
            GoldenBuilder.Change(
                time: time, line: item(#""id":{"S":"\#(id)"}"#), isRemoval: true)
        }
        let large = String(repeating: "w", count: 20_000)
        let first: [[GoldenBuilder.Change]] = [
            [put(0, "a", 1), put(0, "b", 2), put(999_999, "a", 3), removal(1_000_000, "b")],
            [
                put(3_200_000, "hot", 0), put(3_200_000, "hot", 1), put(3_900_000, "hot", 2),
                GoldenBuilder.Change(
                    time: 4_500_000, line: item(#""id":{"S":"c"},"v":{"S":"\#(large)"}"#)),
            ],
            (0..<300).map { put(10_000_000 + Int64($0) * 70_000, "key \($0 % 23)", $0) },
            [removal(40_000_000, "a"), removal(40_000_001, "c"), put(41_000_000, "b", 4)],
        ]
        #expect(
            try !builder.record(
                "stream", first, seconds: [0, 1, 2, 3, 4, 5, 6, 11, 20, 30, 40, 41, 42]))
        // It is there: what says that it was not, and all that follow, cannot be recorded.
        var wrong = put(43_000_000, "hot", 9)
        wrong.claimsAbsence = true
        #expect(try builder.record("stream", [[wrong]], seconds: []))
        let copy = [item(#""id":{"S":"a"},"v":{"N":"5"}"#), item(#""id":{"S":"z"}"#)]
        try builder.backUp("stream", copy, name: "full-copy", second: 60)
        try builder.record(
            "stream",
            [[put(61_000_000, "a", 6), put(63_500_000, "y", 7)], [removal(65_000_000, "z")]],
            first: copy, seconds: [60, 61, 62, 63, 64, 65, 66])
        let counters = schema(("year", .number), ("name", .binary))
        func counter(_ year: Int, _ name: String, _ value: Int) -> String {
            item(
                #""year":{"N":"\#(year)"},"name":{"B":"\#(name)"}"#, #""v":{"N":"\#(value)"}"#)
        }
        try builder.makeTable("counters", counters)
        let names = ["AA==", "AAE=", "/w==", "Bw=="]
        let rows = (0..<40).map { counter(1990 + $0 / 4, names[$0 % 4], $0) }
        try builder.backUp("counters", rows, name: "full-copy", second: 5)
        try builder.record(
            "counters",
            [
                (0..<120).map { index in
                    GoldenBuilder.Change(
                        time: 5_000_000 + Int64(index) * 250_000,
                        line: counter(1985 + index % 17, "AAE=", index), isRemoval: index % 9 == 8)
                }
            ], first: rows, seconds: [5, 6, 7, 12, 20, 33, 34, 35])
        return builder
    }
}
