import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// Clocks that step back, sources whose clock is another, and when a commit comes.
struct RecorderClockTests {
    /// A recorder of a new table; the clock stands at second 10 of the test.
    private func scene(
        _ change: (inout Recorder.Options) -> Void = { _ in }
    ) throws -> (TestRepository, Recorder) {
        let test = try TestRepository(seed: 590)
        _ = try test.repository.beginHistory(
            name: "orders", schema: TestTable.schemas[0], at: TestRepository.instant(0))
        test.time.set(TestRepository.instant(10).microseconds)
        let recorder = try test.recorder(nil, change)
        recorder.begin(source: "pipe", isLasting: false)
        return (test, recorder)
    }

    /// One change of a key of its own.
    private func batch(_ number: Int, at time: Int64) throws -> ChangeBatch {
        let key = Array("key \(number)".utf8) + [0, 1]
        let version = HistoryModel.Version(key: key, time: time, value: [0])
        // Only the change matters; the model's seconds do not.
        var batch = try RecordedSource(
            [.init(key: key, time: TestRepository.instant(0).microseconds, value: [0])], seconds: 1
        ).batch(0..<1)
        batch.changes.stamps[0].time = version.time
        batch.ends[0] = UInt64(number + 1) * 10
        return batch
    }

    /// The clock steps back by an hour, while changes come ten times a second.
    @Test func aClockThatStepsBackStopsNothing() throws {
        let (test, recorder) = try scene()
        var last = Int64.min
        for number in 0..<200 {
            if number == 60 { test.time.advance(seconds: -3_600) }
            let time = recorder.presentTime()
            #expect(time >= last)
            last = time
            try recorder.append(try batch(number, at: time))
            // At most the second under way is not committed, and what waits half a second.
            #expect(recorder.pendingCount <= 26, "change \(number)")
            test.time.advance(microseconds: 100_000)
        }
        #expect(recorder.takeRejected() == nil)
        // Nothing comes any more: the last second is complete when it is over.
        for _ in 0..<3 {
            test.time.advance(seconds: 1)
            try recorder.tick()
        }
        #expect(recorder.pendingCount == 0)
        #expect(recorder.statistics.recorded == 200)
        let span = try #require(recorder.head.to) - TestRepository.instant(10).microseconds
        #expect(span >= 19_000_000 && span <= 23_000_000)
        try recorder.end()
        // Another one, whose clock is behind the end of the history, goes on.
        let reopened = try test.reopened()
        let next = try test.recorder(reopened)
        next.begin(source: "pipe", isLasting: false)
        for number in 200..<240 {
            try next.append(try batch(number, at: next.presentTime()))
            test.time.advance(microseconds: 100_000)
        }
        #expect(next.takeRejected() == nil)
        #expect(next.statistics.recorded >= 20)
    }

    /// The clock steps back while nothing comes.
    @Test func aStepBackInAPauseDelaysByAPauseAtMost() throws {
        let (test, recorder) = try scene()
        try recorder.append(try batch(0, at: recorder.presentTime()))
        test.time.advance(seconds: -5_000)
        for _ in 0..<25 {
            try recorder.tick()
            test.time.advance(microseconds: 100_000)
        }
        #expect(recorder.statistics.recorded == 1)
    }

    /// A source whose clock is ahead by an hour, or behind by one.
    @Test(arguments: [3_600, -3_600, 0]) func aSourceHasAClockOfItsOwn(ahead: Int64) throws {
        let (test, recorder) = try scene()
        let history = TestRepository.instant(10).microseconds + max(ahead, -9) * 1_000_000
        if ahead < 0 { test.time.advance(seconds: 3_600) }
        for number in 0..<20 {
            try recorder.append(try batch(number, at: history + Int64(number) * 100_000))
            test.time.advance(microseconds: 100_000)
        }
        var waited = 0
        while recorder.pendingCount > 0, waited < 100 {
            test.time.advance(microseconds: 100_000)
            try recorder.tick()
            waited += 1
        }
        #expect(recorder.statistics.recorded == 20)
        // Of a source from the past a pause means less.
        #expect(waited <= (ahead < 0 ? 70 : 20))
    }

    /// Changes are held up on their way, in the midst of a second and at its end.
    @Test(arguments: 0..<10) func aSourceThatIsHeldUpIsWaitedFor(seed: UInt64) throws {
        let (test, recorder) = try scene()
        let random = SeededRandom(seed: seed)
        var behind: Int64 = 0
        let start = test.time.now()
        for number in 0..<400 {
            // They tell of a steady flow; they come late by up to 0.8 s, now and then.
            let told = start + Int64(number) * 50_000
            if random.next() % 10 == 0 { behind = Int64(random.next() % 800_000) }
            let comes = max(test.time.now(), told + behind)
            while test.time.now() < comes {
                test.time.advance(microseconds: min(10_000, comes - test.time.now()))
                if let next = recorder.nextFlush, next <= test.time.now() { try recorder.tick() }
            }
            try recorder.append(try batch(number, at: told))
            #expect(!recorder.isClosed, "seed \(seed), change \(number)")
        }
        try recorder.finish()
        #expect(recorder.statistics.recorded == 400)
    }

    @Test func aTimeFarAheadIsNoTime() throws {
        let (test, recorder) = try scene { $0.aheadSecondsMax = 86_400 }
        let now = TestRepository.instant(10).microseconds
        try recorder.append(try batch(0, at: now))
        try recorder.append(try batch(1, at: now + 86_400_000_000))
        #expect(!recorder.isClosed)
        try recorder.append(try batch(2, at: now + 90_000_000_000))
        #expect(recorder.isClosed)
        let rejected = try #require(recorder.takeRejected())
        #expect(rejected.reasons.contains(.ahead))
        // What comes after it can be recorded, once a full copy begins a new range.
        #expect(try #require(recorder.head.to) <= now + 86_400_000_000)
        try recorder.end()
        #expect(try test.reopened().verify(everything).problems == [])
    }

    /// Each second of a live source is committed as soon as it is complete, whatever the next
    /// brings; with a longer flush many at once.
    @Test(arguments: [1, 10]) func aLiveSourceIsNotBehind(flushSeconds: Int64) throws {
        let (test, recorder) = try scene { $0.flushSeconds = flushSeconds }
        for number in 0..<Int64(600) {
            let now = test.time.now()
            try recorder.append(try batch(Int(number), at: now))
            let behind = now - (try #require(recorder.head.to))
            // The commit, and what of a second is not complete then.
            let limit = (flushSeconds == 1 ? 1 : flushSeconds + 1) * 1_000_000 + 50_000
            if number > 21 * flushSeconds { #expect(behind <= limit) }
            test.time.advance(microseconds: 50_000)
        }
        #expect(recorder.statistics.commits <= UInt64(30 / flushSeconds) + 1)
    }
}
