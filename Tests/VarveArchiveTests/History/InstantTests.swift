import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// A changed key with its values.
struct NetChange: Equatable {
    var key: [UInt8]
    var old: [UInt8]?
    var new: [UInt8]?

    /// What differs between two states, in key order.
    static func between(_ a: [[UInt8]: [UInt8]], _ b: [[UInt8]: [UInt8]]) -> [NetChange] {
        Set(a.keys).union(b.keys).sorted { $0.lexicographicallyPrecedes($1) }
            .filter { a[$0] != b[$0] }
            .map { NetChange(key: $0, old: a[$0], new: b[$0]) }
    }

    static func read(_ source: any DifferenceSource) throws -> [NetChange] {
        var result: [NetChange] = []
        while let block = try source.nextBlock() {
            for entry in block.entries {
                guard
                    let key = entry.old.map({ block.old.keyBytes($0) })
                        ?? entry.new.map({ block.new.keyBytes($0) })
                else { continue }
                result.append(
                    NetChange(
                        key: key, old: entry.old.map { block.old.valueBytes($0) },
                        new: entry.new.map { block.new.valueBytes($0) }))
            }
        }
        return result
    }
}

/// Every second of recorded history.
struct InstantTests {
    /// A history of some commits.
    static func recorded(
        seed: UInt64, schema: Int = 0, keys: Int = 30, largeEvery: Int = 9
    ) throws -> RecordedHistory {
        let recorded = try RecordedHistory(
            try TestRepository(seed: seed), schema: TestTable.schemas[schema], keys: keys,
            largeEvery: largeEvery)
        for length in [1, 7, 2, 12, 4] { try recorded.commit(seconds: length) }
        return recorded
    }

    @Test(arguments: 0..<4)
    func everySecondIsTheModels(schema: Int) throws {
        let recorded = try InstantTests.recorded(seed: UInt64(schema) + 4_100, schema: schema)
        let repository = try recorded.test.reopened()
        let history = try repository.history(of: "orders")
        for second in 0...recorded.model.endSecond {
            let state = recorded.model.states[Int(second)]
            let instant = TestRepository.instant(second)
            #expect(try contents(repository, at: second) == state, "second \(second)")
            let plan = try history.plan(at: instant)
            let digest = ItemDigest.tableDigest(of: HistoryModel.rows(state))
            #expect(plan.instant == instant)
            #expect(plan.checkpoint.digest == .whole(digest), "second \(second)")
            #expect(plan.checkpoint.items == UInt64(state.count))
            #expect(
                plan.checkpoint.instant == instant
                    || !recorded.model.changedSeconds.contains(second), "second \(second)")
            #expect(try repository.wholeDigest(of: plan, in: history).digest == digest)
        }
    }

    @Test func whatIsNotExactIsRefusedWithTheNearest() throws {
        let recorded = try InstantTests.recorded(seed: 4_200)
        let end = recorded.model.endSecond
        let publisher = CommitPublisher(
            recorded.test.repository,
            history: try recorded.test.repository.history(of: "orders"))
        _ = try publisher.close(sourceKind: "test", sourcePosition: [])
        var table = TestTable()
        table.add(9, recorded.test.random)
        try recorded.test.backUp(table, at: end + 20)
        table.add(3, recorded.test.random)
        try recorded.test.backUp(table, at: end + 30)
        let history = try recorded.test.reopened().history(of: "orders")
        func nearest(_ second: Int64) -> String? {
            do throws(VarveError) {
                _ = try history.plan(at: TestRepository.instant(second))
                return nil
            } catch {
                #expect(error.code == .notFound)
                return error.message
            }
        }
        func text(_ second: Int64) -> String { TestRepository.instant(second).description }
        #expect(nearest(end) == nil)
        #expect(nearest(end + 20) == nil)
        #expect(nearest(end + 1)?.hasSuffix("are: \(text(end)) and \(text(end + 20))") == true)
        #expect(nearest(end + 19)?.hasSuffix("are: \(text(end)) and \(text(end + 20))") == true)
        #expect(nearest(end + 25)?.hasSuffix("\(text(end + 20)) and \(text(end + 30))") == true)
        #expect(nearest(end + 31)?.hasSuffix("are: \(text(end + 30))") == true)
        #expect(nearest(-1)?.hasSuffix("are: \(text(0))") == true)
    }

    @Test func theNewestStateHasTheTail() throws {
        let recorded = try InstantTests.recorded(seed: 4_300)
        let repository = recorded.test.repository
        let end = recorded.model.endSecond
        let publisher = CommitPublisher(repository, history: try repository.history(of: "orders"))
        var state = recorded.model.latest
        let key = state.keys.first ?? [1]
        state[key] = nil
        let time = TestRepository.instant(end).microseconds + 400_000
        let point = try HistoryModel.checkpoint(
            state, TestRepository.instant(end), changes: 1, schema: recorded.schema)
        var content = CommitPublisher.Content(
            to: time + 1, items: point.items, bytes: point.bytes, digest: point.digest)
        content.changes = 1
        _ = try publisher.publish(
            content,
            RecordedHistory.buffer([HistoryModel.Version(key: key, time: time, value: nil)]))
        let reopened = try recorded.test.reopened()
        let history = try reopened.history(of: "orders")
        let plan = try history.newestPlan()
        #expect(plan.isUnsealed)
        #expect(plan.instant == TestRepository.instant(end + 1))
        #expect(plan.checkpoint.digest == .whole(point.digest))
        var found: [[UInt8]: [UInt8]] = [:]
        let source = try reopened.rows(plan, schema: recorded.schema)
        while let block = try source.nextBlock() {
            var whole = RowBuffer()
            try reopened.expand(block, 0..<block.rows.count, into: &whole)
            for index in 0..<whole.count { found[whole.keyBytes(index)] = whole.valueBytes(index) }
        }
        #expect(found == state)
        #expect(history.ranges.last?.to == TestRepository.instant(end))
        #expect(throws: VarveError(.notFound, "")) {
            try history.plan(at: TestRepository.instant(end + 1))
        }
        let sealed = try history.plan(at: TestRepository.instant(end))
        let difference = try reopened.difference(in: history, from: sealed, to: plan)
        let changes = try NetChange.read(difference)
        #expect(changes == NetChange.between(recorded.model.latest, state))
    }

    @Test(arguments: 0..<3)
    func differencesAreTheModels(schema: Int) throws {
        let recorded = try InstantTests.recorded(seed: UInt64(schema) + 4_400, schema: schema)
        let repository = try recorded.test.reopened()
        let history = try repository.history(of: "orders")
        let states = recorded.model.states
        for from in stride(from: 0, through: states.count - 1, by: 3) {
            for to in states.indices where to % 2 == 0 {
                let difference = try repository.difference(
                    in: history, from: history.plan(at: TestRepository.instant(Int64(from))),
                    to: history.plan(at: TestRepository.instant(Int64(to))))
                #expect(
                    try NetChange.read(difference) == NetChange.between(states[from], states[to]),
                    "\(from) to \(to)")
            }
        }
    }

    @Test func itemsHaveTheModelsVersions() throws {
        let recorded = try InstantTests.recorded(seed: 4_500)
        let repository = try recorded.test.reopened()
        let history = try repository.history(of: "orders")
        for key in Set(recorded.model.versions.map(\.key)) {
            var found: [HistoryModel.Version] = []
            try repository.versions(of: key, in: history) { version in
                #expect(version.isExact)
                #expect((version.kind == .put) == (version.value != nil))
                found.append(
                    HistoryModel.Version(key: key, time: version.time, value: version.value))
            }
            #expect(found == recorded.model.versions.filter { $0.key == key })
            for second in 0...recorded.model.endSecond {
                let value = try repository.value(
                    key, in: history.plan(at: TestRepository.instant(second)),
                    schema: recorded.schema)
                #expect(value == recorded.model.states[Int(second)][key])
            }
        }
    }
}
