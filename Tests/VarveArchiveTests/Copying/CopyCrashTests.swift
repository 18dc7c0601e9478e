import Synchronization
import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

private func open(_ store: any ObjectStore) throws -> Repository {
    try Repository.open(store, environment: TestRepository.environment(seed: 9, workers: 1))
}

/// A history on both sides, and how the source goes on so that the replica lags.
private struct Scene {
    let source: MemoryStore
    let target: MemoryStore
    let world: RecordedHistory
    /// The state of the model that the replica had.
    let secondsBefore: Int64
    /// Another table, whose blobs are in packs; the replica has its first state.
    private var films = TestTable()

    /// - Parameters:
    ///   - isLaidOut: the source frees commits that the replica lacks.
    init(seed: UInt64, isLaidOut: Bool) throws {
        source = MemoryStore(clock: ManualTime())
        let test = try TestRepository(seed: seed, packBytes: 1 << 14, store: source)
        target = MemoryStore(clock: test.time)
        world = try RecordedHistory(test, keys: 12, largeEvery: 6)
        for _ in 0..<4 { try world.commit(seconds: 2) }
        try Self.backUp("first", world)
        films.add(90, test.random, largeEvery: 30, noise: 900)
        try test.backUp(films, at: 10, name: "films")
        try copy(source, to: target)
        secondsBefore = world.model.endSecond
        for _ in 0..<3 { try world.commit(seconds: 2) }
        films.add(80, test.random, largeEvery: 30, noise: 900)
        try test.backUp(films, at: 20, name: "films")
        if isLaidOut { try compact(test.reopened(), isForced: true) }
        for _ in 0..<2 { try world.commit(seconds: 1) }
        try Self.backUp("second", world)
    }

    private init(copying other: Scene) {
        source = other.source.snapshot()
        target = other.target.snapshot()
        world = other.world
        secondsBefore = other.secondsBefore
        films = other.films
    }

    /// The same in stores of its own; the world still writes into the first one.
    func snapshot() -> Scene { Scene(copying: self) }

    static func backUp(_ name: String, _ world: RecordedHistory) throws {
        let repository = try Repository.open(
            world.test.store,
            environment: TestRepository.environment(
                seed: 100 + UInt64(name.utf8.count), workers: 1))
        let history = try repository.history(of: "orders")
        let instant = TestRepository.instant(world.model.endSecond)
        let point = try #require(try history.checkpoint(upTo: instant)?.whole)
        let origin = history.origin(of: point.instant)
        _ = try repository.makeBackup(
            history, name: name, checkpoint: point, commitSequence: origin.sequence,
            commitHash: origin.hash, keepUntil: nil, source: "test")
    }

    /// What of a replica is not sound: it must end at some commit of the source, and every second
    /// up to there, and every backup, must be as it was.
    func check(_ store: any ObjectStore, _ label: Comment) throws {
        let repository = try open(store)
        let history = try repository.history(of: "orders")
        let end = try #require(history.ranges.last?.to.second) - TestRepository.start
        #expect(end >= secondsBefore && end <= world.model.endSecond, label)
        #expect(try contents(repository, at: end) == world.model.states[Int(end)], label)
        for backup in history.backups {
            let plan = try history.plan(of: backup)
            let second = plan.instant.second - TestRepository.start
            #expect(
                try contents(repository, at: second) == world.model.states[Int(second)], label)
        }
        let report = repository.verify(VerificationOptions())
        #expect(report.problems == [], label)
        let other = try repository.history(of: "films")
        for backup in other.backups where backup.name == "at-20" {
            #expect(try contents(repository, at: 20, name: "films") == films.rows, label)
        }
    }

    func checkWhole(_ store: any ObjectStore, _ label: Comment) throws {
        try check(store, label)
        let (own, other) = (
            try open(source).history(of: "orders"), try open(store).history(of: "orders")
        )
        #expect(own.head == other.head, label)
        #expect(own.backups == other.backups, label)
        let backups = try open(source).history(of: "films").backups.map(\.name)
        let names = try open(store).history(of: "films").backups.map(\.name)
        #expect(Set(names).isSuperset(of: backups), label)
    }
}

@Suite("Copying: crashes, and others at work")
struct CopyCrashTests {
    @Test(arguments: [false, true]) func crashAfterEveryOperation(isLaidOut: Bool) throws {
        let scene = try Scene(seed: 60, isLaidOut: isLaidOut)
        let counting = FaultyStore(scene.target.snapshot())
        try copy(scene.source, to: counting)
        try scene.checkWhole(counting, "undisturbed")
        let operations = counting.operations.count
        #expect(operations > 15)
        var interruptedPacks = 0
        let undisturbed = try scene.target.list("packs/")
        let blobs = try Self.blobs(counting)
        for ordinal in 0..<operations {
            for afterwards in [false, true] {
                if afterwards, !counting.operations[ordinal].kind.isWrite { continue }
                let target = scene.target.snapshot()
                let store = FaultyStore.dying(target, at: ordinal, afterwards: afterwards)
                _ = try? copy(scene.source, to: store)
                let label: Comment = "operation \(ordinal) of \(operations)"
                try scene.check(target, label)
                let written = try target.list("packs/")
                let report = try copy(scene.source, to: target, seed: 12)
                #expect(report.isComplete, label)
                try scene.checkWhole(target, label)
                // What the first one brought is not brought again.
                #expect(try Self.blobs(target) == blobs, label)
                if written.count > undisturbed.count { interruptedPacks += 1 }
            }
        }
        #expect(interruptedPacks > 0)
    }

    /// How many blobs packs hold.
    private static func blobs(_ store: any ObjectStore) throws -> Int {
        try store.list("packs/").reduce(0) { sum, pack in
            let bytes = try store.read(pack.name)
            return sum + (try PackReader.entries(of: bytes.raw).count)
        }
    }

    /// From nothing, too: until its configuration is there the replica is none.
    @Test func crashAfterEveryOperationOfTheFirst() throws {
        let scene = try Scene(seed: 61, isLaidOut: true)
        let counting = FaultyStore(MemoryStore(clock: ManualTime()))
        try copy(scene.source, to: counting)
        for ordinal in 0..<counting.operations.count {
            let target = MemoryStore(clock: ManualTime())
            let store = FaultyStore.dying(target, at: ordinal)
            _ = try? copy(scene.source, to: store)
            let label: Comment = "operation \(ordinal)"
            if try target.metadataIfPresent("config") != nil {
                let report = try open(target).verify(VerificationOptions(data: .all))
                #expect(report.problems == [], label)
            }
            let report = try copy(scene.source, to: target, seed: 12)
            #expect(report.isComplete, label)
            try scene.checkWhole(target, label)
        }
    }

    /// The source fails at any operation: the replica stays sound.
    @Test func theSourceFails() throws {
        let scene = try Scene(seed: 62, isLaidOut: true)
        let counting = FaultyStore(scene.source)
        try copy(counting, to: scene.target.snapshot())
        for ordinal in 0..<counting.operations.count {
            let target = scene.target.snapshot()
            let store = FaultyStore(scene.source) { operation in
                operation.ordinal == ordinal
                    ? .fail(VarveError(.storage, "the disk of the source failed")) : nil
            }
            _ = try? copy(store, to: target)
            try scene.check(target, "operation \(ordinal)")
        }
    }

    enum Other: String, CaseIterable {
        case compactsSource, recordsIntoSource, prunesSource, backsUpSource
        case prunesTarget, compactsTarget, copiesToo
    }

    /// Another program works before any one operation of a copy, on either side.
    @Test(arguments: Other.allCases, [false, true])
    func othersAtWork(other: Other, isLaidOut: Bool) throws {
        let first = try Scene(seed: 63, isLaidOut: isLaidOut)
        var place = 0
        while true {
            // Who records goes on with the chain that it knows.
            let scene =
                other == .recordsIntoSource
                ? try Scene(seed: 63, isLaidOut: isLaidOut) : first.snapshot()
            let box = Box(scene)
            let at = place
            let script: FaultyStore.Script = { operation in
                guard operation.ordinal == at else { return nil }
                return .after {
                    do { try box.scene.run(other) } catch { Issue.record("\(other): \(error)") }
                }
            }
            let onSource = ![.prunesTarget, .compactsTarget, .copiesToo].contains(other)
            let source = FaultyStore(scene.source)
            let target = FaultyStore(scene.target)
            (onSource ? source : target).setScript(script)
            let report = try copy(source, to: target)
            let label: Comment = "\(other) before operation \(place)"
            #expect(report.isComplete, label)
            try scene.check(scene.target, label)
            #expect(try copy(scene.source, to: scene.target, seed: 12).isComplete, label)
            try scene.checkWhole(scene.target, label)
            if (onSource ? source : target).operations.count <= place { break }
            // Where the replica goes on by commits alone, fewer places will do.
            place += isLaidOut ? 1 : 4
        }
        #expect(place > 10)
    }
}

extension Scene {
    fileprivate func run(_ other: CopyCrashTests.Other) throws {
        switch other {
        case .compactsSource: try compact(try open(source), isForced: true)
        case .recordsIntoSource: try world.commit(seconds: 1)
        case .prunesSource:
            // The image moves, and the packs that held it go.
            let repository = try open(source)
            let history = try repository.history(of: "films")
            try repository.forget(history.id, history.backups.filter { $0.name == "at-10" })
            _ = try Pruning(repository, Pruning.Request(grace: 0, deadShareMax: 0)).run()
        case .backsUpSource:
            var table = films
            table.add(30, world.test.random)
            try VarveArchiveTests.backUp(
                table, at: 40, name: "films", world.test.random, in: try open(source))
        case .prunesTarget:
            _ = try Pruning(try open(target), Pruning.Request(grace: 0)).run()
        case .compactsTarget: try compact(try open(target), isForced: true)
        case .copiesToo: try copy(source, to: target, seed: 77)
        }
    }
}

/// Sendable: the store calls back on the test's own thread.
private final class Box: @unchecked Sendable {
    let scene: Scene

    init(_ scene: Scene) { self.scene = scene }
}
