import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

struct CommitPublisherTests {
    @Test(arguments: 0..<4, [1, 4])
    func everySecondComesOut(schema: Int, workers: Int) throws {
        let test = try TestRepository(seed: UInt64(schema) + 900, workers: workers)
        let recorded = try RecordedHistory(
            test, schema: TestTable.schemas[schema], largeEvery: 9)
        for length in [1, 5, 20, 3] { try recorded.commit(seconds: length) }
        try recorded.check(test.reopened(workers: workers))
        let ranges = try test.repository.history(of: "orders").ranges
        #expect(ranges.count == 1)
        #expect(ranges.first?.from == TestRepository.instant(0))
        #expect(ranges.first?.to == TestRepository.instant(29))
        #expect(ranges.first?.isExactAtCheckpointsOnly == false)
        #expect(test.repository.verify(everything).problems == [])
    }

    @Test func smallCommitsWriteOneObject() throws {
        let memory = MemoryStore(clock: ManualTime())
        let counting = FaultyStore(memory)
        let test = try TestRepository(seed: 4, store: counting)
        let recorded = try RecordedHistory(test)
        try recorded.commit(seconds: 3)
        let before = counting.operations.filter { $0.kind.isWrite }.count
        try recorded.commit(seconds: 3)
        let written = counting.operations.filter { $0.kind.isWrite }.dropFirst(before)
        #expect(written.map(\.kind) == [.create])
        #expect(written.first?.name.contains("/commits/") == true)
        #expect(try memory.list("packs/").isEmpty)
    }

    @Test func aSecondPublisherLosesTheRace() throws {
        let test = try TestRepository(seed: 5)
        let recorded = try RecordedHistory(test)
        let other = CommitPublisher(
            test.repository, history: try test.repository.history(of: "orders"))
        try recorded.commit(seconds: 3)
        let content = CommitPublisher.Content(
            to: TestRepository.instant(2).microseconds, items: 0, bytes: 0, digest: .zero)
        #expect(throws: VarveError(.conflict, "")) {
            try other.publish(content, ChangeBuffer())
        }
        try recorded.check(test.reopened())
    }

    @Test func aClosedRangeNeedsAFullCopy() throws {
        let test = try TestRepository(seed: 6)
        let recorded = try RecordedHistory(test)
        try recorded.commit(seconds: 4)
        let publisher = CommitPublisher(
            test.repository, history: try test.repository.history(of: "orders"))
        _ = try publisher.close(sourceKind: "test", sourcePosition: [1])
        #expect(publisher.head.isClosed)
        let reopened = try test.reopened()
        var history = try reopened.history(of: "orders")
        #expect(history.chainHead == publisher.head)
        #expect(history.ranges.map(\.isClosed) == [true])
        #expect(throws: VarveError(.refused, "")) {
            try CommitPublisher(reopened, history: history)
                .close(sourceKind: "", sourcePosition: [])
        }
        var table = TestTable()
        table.add(9, test.random)
        let outcome = try test.backUp(table, at: 10)
        #expect(outcome.wroteImage)
        history = try test.reopened().history(of: "orders")
        #expect(history.ranges.map(\.isClosed) == [true, false])
        #expect(history.chainHead.exactFrom == TestRepository.instant(10).microseconds)
        #expect(try contents(reopened, at: 10) == table.rows)
        #expect(reopened.verify(everything).problems == [])
    }

    @Test func aBackupFollowsRecordedHistory() throws {
        let test = try TestRepository(seed: 7)
        let recorded = try RecordedHistory(test)
        try recorded.commit(seconds: 9, busy: 12)
        var table = TestTable()
        table.add(9, test.random)
        #expect(try !test.backUp(table, at: 20).wroteImage)
        let repository = try test.reopened()
        #expect(try contents(repository, at: 20) == table.rows)
        #expect(repository.verify(everything).problems == [])
        let history = try repository.history(of: "orders")
        #expect(history.ranges.map(\.isExactAtCheckpointsOnly) == [false, true])
        #expect(history.ranges.map(\.from.second) == [0, 9].map { TestRepository.start + $0 })
    }

    @Test func historyBeginsOnce() throws {
        let test = try TestRepository(seed: 8)
        let schema = TestTable.schemas[0]
        let first = TestRepository.instant(0)
        // A process that died between the table's record and its first commit.
        let planned = try test.repository.plannedTable(
            name: "orders", schema: schema, arn: "", serviceID: "")
        try test.repository.storeTable(planned)
        let history = try test.repository.beginHistory(name: "orders", schema: schema, at: first)
        #expect(history.id == planned.id)
        #expect(history.chainHead.to == first.microseconds)
        #expect(throws: VarveError(.refused, "")) {
            try test.repository.beginHistory(name: "orders", schema: schema, at: first)
        }
        #expect(throws: VarveError(.refused, "")) {
            try test.repository.beginHistory(
                name: "orders", schema: TestTable.schemas[1], at: first)
        }
    }
}
