import Synchronization
import Testing
import VarveBytes
import VarveStorage

struct WorkersTests {
    /// A unit of work that is not Sendable.
    final class Unit {
        var value: Int
        init(_ value: Int) { self.value = value }
    }

    static func fault(_ text: String) -> VarveError { VarveError(.invalidInput, text) }

    @Test(arguments: [1, 2, 3, 8], [0, 1, 2, 3, 4, 5, 17, 1000])
    func keepsOrder(count: Int, units: Int) throws {
        var at = 0
        var results: [Int] = []
        try Workers(count: count).orderedMap(
            next: { () throws(VarveError) -> sending Unit? in
                if at == units { return nil }
                at += 1
                return Unit(at)
            },
            transform: { (unit: sending Unit) throws(VarveError) -> sending Unit in
                var spin = (unit.value * 7919) % 500
                while spin > 0 { spin -= 1 }
                unit.value *= 2
                return unit
            },
            consume: { (unit: sending Unit) throws(VarveError) in results.append(unit.value) })
        #expect(results == (0..<units).map { ($0 + 1) * 2 })
    }

    @Test(arguments: [1, 2, 4])
    func movesBuffers(count: Int) throws {
        var at: UInt8 = 0
        var total = 0
        try Workers(count: count).orderedMap(
            next: { () throws(VarveError) -> sending ByteWriter? in
                if at == 100 { return nil }
                at += 1
                var writer = ByteWriter()
                writer.append(repeating: at, count: Int(at))
                return writer
            },
            transform: {
                (writer: consuming sending ByteWriter) throws(VarveError) -> sending ByteWriter in
                var writer = writer
                writer.append(1)
                return writer
            },
            consume: { (writer: consuming sending ByteWriter) throws(VarveError) in
                total += writer.count
            })
        #expect(total == 5050 + 100)
    }

    enum Stage: CaseIterable { case next, transform, consume }

    /// The first error in order is thrown, after all units before it were consumed.
    @Test(arguments: [1, 2, 4], Stage.allCases)
    func throwsTheFirstError(count: Int, stage: Stage) throws {
        for failing in [0, 1, 2, 3, 7, 50, 99] {
            var at = 0
            var consumed: [Int] = []
            let running = Atomic<Int>(0)
            var caught: VarveError?
            do throws(VarveError) {
                try Workers(count: count).orderedMap(
                    next: { () throws(VarveError) -> sending Unit? in
                        if at == 100 { return nil }
                        if stage == .next, at == failing { throw Self.fault("next \(at)") }
                        at += 1
                        return Unit(at - 1)
                    },
                    transform: { (unit: sending Unit) throws(VarveError) -> sending Unit in
                        running.add(1, ordering: .relaxed)
                        defer { running.subtract(1, ordering: .relaxed) }
                        if stage == .transform, unit.value >= failing {
                            throw Self.fault("transform \(unit.value)")
                        }
                        return unit
                    },
                    consume: { (unit: sending Unit) throws(VarveError) in
                        if stage == .consume, unit.value == failing {
                            throw Self.fault("consume \(unit.value)")
                        }
                        consumed.append(unit.value)
                    })
            } catch {
                caught = error
            }
            #expect(caught?.message == "\(stage) \(failing)")
            #expect(consumed == Array(0..<failing))
            #expect(running.load(ordering: .relaxed) == 0)
        }
    }

    @Test func boundsWhatIsUnderWay() throws {
        var taken = 0
        var consumed = 0
        var most = 0
        try Workers(count: 3).orderedMap(
            next: { () throws(VarveError) -> sending Int? in
                if taken == 200 { return nil }
                taken += 1
                most = max(most, taken - consumed)
                return taken
            },
            transform: { (value: sending Int) throws(VarveError) -> sending Int in value },
            consume: { (_: sending Int) throws(VarveError) in consumed += 1 })
        #expect(most <= 7)
        #expect(consumed == 200)
    }
}

struct ConcurrentTests {
    @Test func oneWorkerDoesItAtOnce() throws {
        let done = Atomic<Bool>(false)
        let work = Concurrent(on: 1) { done.store(true, ordering: .relaxed) }
        let isDone = done.load(ordering: .relaxed)
        #expect(isDone)
        try work.value()
    }

    @Test(arguments: [1, 2, 8])
    func whatWasThrownArrives(workers: Int) throws {
        let work = Concurrent<Int>(on: workers) { throw WorkersTests.fault("no disk") }
        #expect(throws: WorkersTests.fault("no disk")) { try work.value() }
        #expect(try Concurrent(on: workers) { 7 }.value() == 7)
    }
}
