import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// Every second of recorded history that was laid out anew: few checkpoints keep the whole digest,
/// and runs go across seconds.
struct LaidOutInstantTests {
    private static func compact(_ test: TestRepository) throws {
        let repository = try test.reopened()
        let table = try #require(try repository.newestTable("orders"))
        try Compactor(repository).run(table.id, table.record, isForced: true)
    }

    @Test(arguments: 0..<3)
    func everySecondIsTheModels(round: Int) throws {
        let recorded = try RecordedHistory(
            try TestRepository(seed: UInt64(round) + 5_100),
            schema: TestTable.schemas[round], largeEvery: round == 1 ? 5 : 0)
        for _ in 0..<3 {
            for _ in 0..<12 {
                try recorded.commit(seconds: 1 + Int(recorded.test.random.next() % 6))
            }
            try Self.compact(recorded.test)
        }
        let repository = try recorded.test.reopened()
        let history = try repository.history(of: "orders")
        let states = recorded.model.states
        #expect(history.commits.count == 1)
        var derived = 0
        var summed = 0
        for second in states.indices {
            let plan = try history.plan(at: TestRepository.instant(Int64(second)))
            let rows = HistoryModel.rows(states[second])
            let proven = try repository.wholeDigest(of: plan, in: history)
            #expect(proven.digest == ItemDigest.tableDigest(of: rows), "second \(second)")
            #expect(try contents(repository, at: Int64(second)) == states[second])
            if proven.derivedFrom != nil { derived += 1 }
            if try repository.sumsUp(to: proven, plan, history) { summed += 1 }
        }
        #expect(derived > states.count / 2)
        #expect(summed > derived / 2)
        for step in 0..<60 {
            let from = Int(recorded.test.random.next() % UInt64(states.count))
            let to = Int(recorded.test.random.next() % UInt64(states.count))
            let difference = try repository.difference(
                in: history, from: history.plan(at: TestRepository.instant(Int64(from))),
                to: history.plan(at: TestRepository.instant(Int64(to))))
            #expect(
                try NetChange.read(difference) == NetChange.between(states[from], states[to]),
                "step \(step): \(from) to \(to)")
        }
        for key in Set(recorded.model.versions.map(\.key)) {
            var found: [HistoryModel.Version] = []
            try repository.versions(of: key, in: history) {
                found.append(HistoryModel.Version(key: key, time: $0.time, value: $0.value))
            }
            #expect(found == recorded.model.versions.filter { $0.key == key })
            for second in states.indices {
                let plan = try history.plan(at: TestRepository.instant(Int64(second)))
                #expect(
                    try repository.value(key, in: plan, schema: recorded.schema)
                        == states[second][key])
            }
        }
    }

    /// A difference of one second, an item, and an item's versions read what they need: a page
    /// for each change, not the table.
    @Test func whatIsReadFollowsWhatChanged() throws {
        let counting = FaultyStore(MemoryStore(clock: ManualTime()))
        let test = try TestRepository(seed: 5_200, packBytes: 1 << 24, store: counting)
        let recorded = try RecordedHistory(test)
        var table = TestTable()
        table.add(400, test.random)
        let keys = table.sortedKeys
        for second in 0..<250 {
            let start = TestRepository.instant(Int64(second)).microseconds
            // First all of the table, so that an image is large and runs may be.
            try recorded.commit([
                (0..<(second == 0 ? 400 : 2)).map { change in
                    HistoryModel.Version(
                        key: keys[(second * 2 + change * 177) % 400],
                        time: start + Int64(change),
                        value: Item([
                            (name: "noise", value: .binary(test.random.bytes(14_000)))
                        ]).canonicalBytes)
                }
            ])
        }
        try Self.compact(test)
        let repository = try test.reopened()
        let history = try repository.history(of: "orders")
        let plans = try [100, 101, 150].map {
            try history.plan(at: TestRepository.instant($0))
        }
        #expect(history.pieces.contains { $0.timeList != nil })
        func reads(_ body: () throws -> Void) throws -> Int {
            let before = counting.operations.count
            try body()
            return counting.operations[before...].filter { $0.name.hasPrefix("packs/") }.count
        }
        let whole = try reads {
            let rows = try repository.rows(plans[2], schema: recorded.schema)
            while try rows.nextBlock() != nil {}
        }
        let states = recorded.model.states
        let difference = try reads {
            let source = try repository.difference(in: history, from: plans[0], to: plans[1])
            #expect(try NetChange.read(source) == NetChange.between(states[100], states[101]))
        }
        let item = try reads {
            let value = try repository.value(keys[200], in: plans[2], schema: recorded.schema)
            #expect(value == states[150][keys[200]])
        }
        let versions = try reads {
            try repository.versions(of: keys[200], in: history) { _ in }
        }
        #expect(whole > 25, "whole \(whole)")
        #expect(difference <= 10, "difference \(difference)")
        #expect(item <= 5, "item \(item)")
        #expect(versions <= 8, "versions \(versions)")
    }
}

extension Repository {
    /// Holds the digest that reading a state's rows sums up to the one worked out by itself.
    /// - Returns: whether there is such a sum.
    func sumsUp(
        to proven: ProvenDigest, _ plan: StatePlan, _ history: TableHistory
    ) throws -> Bool {
        guard let sum = try stretchSum(for: plan, in: history) else { return false }
        let source = try rows(plan, schema: history.record.keySchema, adding: sum)
        while try source.nextBlock() != nil {}
        let summed = try wholeDigest(of: plan, in: history, adding: sum)
        #expect(summed == proven, "at \(plan.instant)")
        return true
    }
}
