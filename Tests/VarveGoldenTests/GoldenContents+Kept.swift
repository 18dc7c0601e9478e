import Testing
import VarveFormat
import VarveModel

@testable import VarveArchive

extension GoldenContents {
    // MARK: Kept

    /// A replica of history that was laid out and thinned: a layout with checkpoint pages and a
    /// time list, net changes, backups, a retention record, commits behind the layout that end
    /// within a second, a condemned list, and the mark of the copy.
    static func kept() throws -> GoldenBuilder {
        var source = try GoldenBuilder(seed: 8)
        let day: Int64 = 86_400_000_000
        try source.beginHistory("stream", schema(("id", .string)), second: 0)
        func put(_ time: Int64, _ id: String, _ value: Int) -> GoldenBuilder.Change {
            GoldenBuilder.Change(
                time: time, line: item(#""id":{"S":"\#(id)"},"v":{"N":"\#(value)"}"#))
        }
        func removal(_ time: Int64, _ id: String) -> GoldenBuilder.Change {
            GoldenBuilder.Change(
                time: time, line: item(#""id":{"S":"\#(id)"}"#), isRemoval: true)
        }
        var changes: [GoldenBuilder.Change] = []
        for number in 0..<5 as Range<Int64> {
            // Second 32,000 is a midnight and the end of a week: the state of that very instant.
            var group = [put(number * day + 31_999_500_000, "midnight", Int(number))]
            for index in 0..<16 as Range<Int64> {
                let time = number * day + 33_000_000_000 + index * 2_900_000_000
                group.append(put(time, "key \(index % 5)", Int(number * 100 + index)))
                group.append(put(time + 900_000, "often", Int(index)))
            }
            // There and gone between two states that stay: a tombstone of what neither has.
            group.append(put(number * day + 80_000_000_000, "brief", 1))
            group.append(removal(number * day + 80_002_000_000, "brief"))
            group.append(removal(number * day + 80_003_000_000, "key \(number)"))
            try source.record(
                "stream", [Array(group.prefix(12)), Array(group.dropFirst(12))], seconds: [])
            changes += group
            if number == 1 {
                let second = number * day / 1_000_000 + 33_001
                try source.name(second, of: "stream", as: "named")
                source.expected["stream-named"] = try GoldenBuilder.state(
                    [], changes, before: second, schema(("id", .string)))
            }
        }
        try copies(&source)
        let stream = try source.repository.history(of: "stream").id
        try source.repository.promise(
            RetentionRecord(written: source.repository.now(), days: 2, daily: 5, weekly: 2),
            of: stream)
        let report = try source.prune(grace: 0)
        #expect(report.tables.count { $0.isLaidOut } == 2)
        try source.listTimes(of: "stream")
        let tail = [
            put(5 * day + 10_000_000, "late", 1), put(5 * day + 12_000_000, "late", 2),
            put(5 * day + 12_300_000, "open", 3), removal(5 * day + 12_400_000, "midnight"),
        ]
        try source.recordOpenSecond("stream", tail)
        changes += tail
        var replica = try GoldenBuilder(replicaOf: source, seed: 9)
        try replica.leavePack(of: String(repeating: "w", count: 20_000))
        #expect(try replica.prune(grace: day).collection.condemnedPacks > 0)
        try expect(&replica, changes)
        return replica
    }

    /// Full copies, of which one is forgotten.
    private static func copies(_ builder: inout GoldenBuilder) throws {
        try builder.makeTable("copies", schema(("id", .number)))
        func line(_ id: Int, _ value: Int) -> String {
            item(#""id":{"N":"\#(id)"},"v":{"N":"\#(value)"}"#)
        }
        let first = (0..<12).map { line($0, 0) }
        try builder.backUp("copies", first, name: "first", second: 100)
        // Item 20 is only in the copy that goes, item 1 only not in that; item 2 is changed there
        // and changed back: the run from the first to the third holds changes of no effect.
        let second = first.filter { $0 != line(1, 0) && $0 != line(2, 0) }
            + [line(2, 7), line(20, 0)]
        try builder.backUp("copies", second, name: "second", second: 200)
        try builder.backUp("copies", first + [line(30, 1)], name: "third", second: 300)
        try builder.backUp("copies", Array(first.dropLast(3)), name: "fourth", second: 400)
        try builder.forget("second", of: "copies")
    }

    /// The states that are still there, a choice of them, as the changes make them.
    private static func expect(
        _ builder: inout GoldenBuilder, _ changes: [GoldenBuilder.Change]
    ) throws {
        let history = try builder.repository.history(of: "stream")
        let start = GoldenBuilder.start / 1_000_000
        var points = history.checkpoints()
        let seconds = try points.rest().map { $0.instant.second - start }
        let exact = try #require(history.ranges.last { !$0.isExactAtCheckpointsOnly })
        let window = exact.from.second - start
        let before = seconds.filter { $0 < window }
        #expect(before.contains(32_000) && before.count > 2)
        let within = seconds.filter { $0 >= window }
        #expect(within.count > 20)
        let some = within.enumerated().filter { $0.offset % 9 == 0 }.map(\.element)
        for second in before + some + [window + 1, (try #require(within.last))] {
            builder.expected["stream@\(start + second)"] = try GoldenBuilder.state(
                [], changes, before: second, history.record.keySchema)
        }
        builder.expected["stream@newest"] = try GoldenBuilder.state(
            [], changes, before: 6 * 86_400, history.record.keySchema)
    }
}
