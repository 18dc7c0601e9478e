import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// Changes that cannot be recorded, and such that come twice.
struct RecorderClosingTests {
    /// The seconds of a history that a range covers must be those of the model, up to `end`.
    private func check(
        _ repository: Repository, _ model: HistoryModel, upTo end: Int64,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let history = try repository.history(of: "orders")
        let range = try #require(history.ranges.last, sourceLocation: sourceLocation)
        #expect(range.isClosed, sourceLocation: sourceLocation)
        #expect(range.to <= TestRepository.instant(end), sourceLocation: sourceLocation)
        let recorded = Int64(range.to.second - TestRepository.start)
        // Nothing is missing between what was recorded and the end: no second changed there.
        #expect(
            !model.changedSeconds.contains { $0 > recorded && $0 <= end },
            sourceLocation: sourceLocation)
        for second in 0...recorded {
            #expect(
                try contents(repository, at: second) == model.states[Int(second)],
                "second \(second)", sourceLocation: sourceLocation)
        }
        #expect(repository.verify(everything).problems == [], sourceLocation: sourceLocation)
    }

    @Test(arguments: 0..<12) func aContradictionEndsTheRange(seed: UInt64) throws {
        let test = try RecorderTests.repository(seed: 500 + seed)
        var source = RecordedSource(test.random, seconds: 25, onlyWholeSeconds: seed % 2 == 0)
        let bad = 5 + Int(seed * 7) % (source.records.count - 5)
        source.setBefore(.item(sha256([UInt8(seed)].raw)), of: bad)
        let recorder = try test.recorder()
        try recorder.feed(source, test.random, time: test.time)
        #expect(recorder.isClosed)
        let rejected = try #require(recorder.takeRejected())
        // The next record of the same key contradicts too: what it follows was not recorded.
        let place = try #require(rejected.reasons.firstIndex(of: .contradiction))
        #expect(
            rejected.positions[place]
                == SourcePosition(name: "changes", offset: UInt64(bad) * 10))
        let statistics = recorder.statistics
        #expect(
            statistics.recorded + statistics.noChanges + statistics.rejected
                == UInt64(source.records.count))
        try recorder.end()
        let end = source.records[bad].version.time / 1_000_000 - TestRepository.start
        let repository = try test.reopened()
        try check(repository, source.model, upTo: end)
        // Nothing more is recorded, and the rejected records are those from the position on.
        let again = try test.recorder(repository)
        #expect(again.isClosed)
        let position = try #require(again.acknowledged)
        let first = RecordedSource.index(at: position.offset)
        #expect(first <= bad)
        try again.feed(source, from: first, test.random, time: test.time)
        #expect(again.statistics.rejected == UInt64(source.records.count - first))
        #expect(again.statistics.commits == 0)
        try again.end()
        // A full copy begins a new range, from which recording goes on.
        var table = TestTable()
        table.add(10, test.random)
        try backUp(table, at: 100, test.random, in: repository)
        let fresh = try test.recorder(repository)
        #expect(!fresh.isClosed)
        let key = try #require(table.sortedKeys.first)
        let removal = HistoryModel.Version(
            key: key, time: TestRepository.instant(105).microseconds + 7, value: nil)
        let next = RecordedSource([removal], seconds: 106, first: table.rows)
        try fresh.append(try next.batch(0..<1))
        try fresh.finish()
        #expect(try contents(repository, at: 106)[key] == nil)
        #expect(try contents(repository, at: 105) == table.rows)
        #expect(repository.verify(everything).problems == [])
    }

    /// A record that comes after its second was complete, or after it was committed.
    @Test(arguments: [false, true]) func aLateRecordEndsTheRange(isCommitted: Bool) throws {
        let test = try RecorderTests.repository(seed: 530)
        let source = RecordedSource(test.random, seconds: 20, busy: 5)
        let recorder = try test.recorder()
        recorder.begin(source: "changes")
        try recorder.append(try source.batch(0..<source.records.count))
        if isCommitted { try recorder.flush() }
        let late = HistoryModel.Version(
            key: source.records[0].version.key,
            time: TestRepository.instant(4).microseconds + 1, value: [1, 1, 0x61, 5])
        try recorder.append(try RecordedSource([late], seconds: 5).batch(0..<1))
        try recorder.finish()
        #expect(recorder.isClosed)
        let rejected = try #require(recorder.takeRejected())
        #expect(rejected.reasons.contains {
            if case .tooLate = $0 { return true }
            return false
        })
        let repository = try test.reopened()
        let end = try #require(repository.history(of: "orders").ranges.last?.to.second)
            - TestRepository.start
        #expect(end <= 4)
        try check(repository, source.model, upTo: end)
    }

    @Test func anImpossibleTimeEndsTheRange() throws {
        let test = try RecorderTests.repository(seed: 531)
        let source = RecordedSource(test.random, seconds: 9, busy: 5)
        let recorder = try test.recorder()
        recorder.begin(source: "changes")
        try recorder.append(try source.batch(0..<source.records.count))
        let far = HistoryModel.Version(key: [1, 2], time: .max - 5, value: nil)
        var batch = try source.batch(0..<1)
        batch.changes.stamps[0].time = far.time
        try recorder.append(batch)
        #expect(recorder.isClosed)
        #expect(recorder.takeRejected()?.reasons.last == .impossibleTime)
        let last = try #require(source.records.map(\.version.time).max())
        try check(
            try test.reopened(), source.model,
            upTo: last / 1_000_000 - TestRepository.start)
    }

    @Test func recordsThatComeTwiceAreKnown() throws {
        for seed: UInt64 in 540..<548 {
            let test = try RecorderTests.repository(seed: seed)
            var source = RecordedSource(
                test.random, seconds: 20, busy: 20, keys: 4, onlyWholeSeconds: seed % 2 == 0)
            var index = 0
            while index < source.records.count {
                if test.random.next() % 3 == 0 {
                    source.insert(source.records[index], at: index + 1)
                    index += 1
                }
                index += 1
            }
            let recorder = try test.recorder()
            try recorder.feed(source, test.random, time: test.time)
            #expect(recorder.takeRejected() == nil, "seed \(seed)")
            try source.model.check(
                try test.reopened(), name: "orders", schema: TestTable.schemas[0])
            #expect(recorder.statistics.recorded == UInt64(source.model.versions.count))
        }
    }

    /// One second has more than may be held: it is committed in parts.
    @Test(arguments: 0..<8) func aCrowdedSecondIsCommittedInParts(seed: UInt64) throws {
        let test = try RecorderTests.repository(seed: 560 + seed)
        let changes = RandomChanges(test.random)
        let versions = (0..<6).flatMap { second in
            changes.second(second, count: 150).map { version in
                var told = version
                if seed % 2 == 0 { told.time = TestRepository.instant(second).microseconds }
                return told
            }
        }
        let source = RecordedSource(versions, seconds: 6)
        let recorder = try test.recorder { $0.pendingBytesMax = 8_000 }
        let half = source.records.count / 2
        recorder.begin(source: "changes")
        for index in stride(from: 0, to: half, by: 25) {
            try recorder.append(try source.batch(index..<min(half, index + 25)))
        }
        #expect(recorder.takeRejected()?.reasons == nil)
        #expect(recorder.statistics.commits > 4)
        let head = recorder.head
        // It dies within a second, and begins at the beginning, or where it was.
        var repository = try test.reopened()
        #expect(try repository.history(of: "orders").chainHead == head)
        let second = try test.recorder(repository) { $0.pendingBytesMax = 8_000 }
        let first = seed % 3 == 0
            ? RecordedSource.index(at: try #require(second.acknowledged).offset) : 0
        try second.feed(source, from: first, test.random, time: test.time, batchMax: 200)
        #expect(second.takeRejected() == nil)
        repository = try test.reopened()
        try source.model.check(repository, name: "orders", schema: TestTable.schemas[0])
        #expect(repository.verify(everything).problems == [])
        let entries = try repository.history(of: "orders").pieces.reduce(0) { $0 + $1.tree.entries }
        #expect(entries == UInt64(source.model.versions.count))
    }

    /// While nothing comes the clock completes seconds, and they do not wait for longer than they
    /// may behind the last commit.
    @Test(arguments: [1, 10] as [Int64]) func theClockCompletesSeconds(flush: Int64) throws {
        let test = try TestRepository(seed: 580)
        _ = try test.repository.beginHistory(
            name: "orders", schema: TestTable.schemas[0], at: TestRepository.instant(0))
        let start = TestRepository.instant(3).microseconds
        test.time.set(start)
        let recorder = try test.recorder(lateness: 2) { $0.flushSeconds = flush }
        test.time.set(start + 300_000)
        let version = HistoryModel.Version(key: [0x61, 0, 1], time: start + 200_000, value: [0])
        try recorder.append(try RecordedSource([version], seconds: 4).batch(0..<1))
        let due = try #require(recorder.nextFlush)
        #expect(due == start + 3_100_000)
        test.time.set(due - 1)
        try recorder.tick()
        #expect(recorder.statistics.commits == 0)
        test.time.set(due)
        try recorder.tick()
        #expect(recorder.statistics.commits == (flush == 1 ? 1 : 0))
        if flush > 1 {
            let last = try #require(recorder.nextFlush)
            #expect(last == start + 9_900_000)
            test.time.set(last)
            try recorder.tick()
            #expect(recorder.statistics.commits == 1)
        }
        #expect(recorder.head.to == start + 1_000_000)
        #expect(recorder.nextFlush == nil)
    }
}
