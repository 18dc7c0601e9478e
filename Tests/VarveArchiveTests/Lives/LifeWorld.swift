import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

/// A repository with tables that are recorded, laid out, pruned and copied, in any order.
final class LifeWorld {
    let random: SeededRandom
    let memory: MemoryStore
    let target: MemoryStore
    /// The writers' clock; the stores have another.
    let time = ManualTime(TestRepository.instant(0).microseconds)
    private let storeTime = ManualTime(TestRepository.instant(0).microseconds)
    private(set) var tables: [TableLife] = []
    /// What the replica must hold, by table.
    private var copied: [String: Kept] = [:]
    /// Second of the test up to which all tables have lived.
    var now: Int64 = 0
    /// What the clock shows when a record comes, beyond that record's own idea of the time;
    /// microseconds.
    private(set) var offset: Int64
    /// How often things happened.
    var counts: [String: Int] = [:]
    private let compactor: Compactor
    private let directory: String?
    private var opened: UInt64 = 0

    init(seed: UInt64) throws {
        random = SeededRandom(seed: seed)
        memory = MemoryStore(clock: storeTime)
        target = MemoryStore(clock: storeTime)
        offset = [0, 300_000, 3_000_000, 7_000_000_000][Int(seed / 3 % 4)]
        directory = seed % 5 == 0
            ? try FileSystem.makeTemporaryDirectory(prefix: "varve-lives") : nil
        let repository = try Repository.create(
            in: memory, environment: Self.environment(seed, time), packBytes: 1 << 14)
        compactor = Compactor(repository)
        for number in 0..<(seed % 3 == 0 ? 2 : 1) { try makeTable(number, seed) }
    }

    private static func environment(_ seed: UInt64, _ time: ManualTime) -> Repository.Environment {
        TestRepository.environment(seed: seed, workers: 1, time: time)
    }

    func end() throws {
        if let directory { try FileSystem.removeTree(directory) }
    }

    func below(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }

    func open(_ store: (any ObjectStore)? = nil) throws -> Repository {
        opened += 1
        return try Repository.open(
            store ?? memory, environment: Self.environment(1_000 + opened, time))
    }

    // MARK: Clock

    func clock(atLeast wanted: Int64) { if time.now() < wanted { time.set(wanted) } }

    func stepBack() {
        let step = below(2) == 0 ? Int64(below(3_000_000)) : Int64(below(7_200)) * 1_000_000
        offset -= step
        time.advance(microseconds: -step)
    }

    /// Somebody sets the clock.
    private func setClock() {
        offset = [0, 300_000, 3_000_000, 7_000_000_000][below(4)]
        time.set((TestRepository.start + now + 2) * 1_000_000 + offset)
    }

    // MARK: Tables

    private func makeTable(_ number: Int, _ seed: UInt64) throws {
        let name = "table\(number)"
        let kind = Int(seed / 2) + number
        let schema = TestTable.schemas[kind % 4]
        let lateness = kind % 3 == 0 ? Int64(1 + kind / 3 % 4) : 0
        let isOrdered = kind % 3 == 1
        let large = kind % 4 == 2 ? 5 : 0
        let repository = try open()
        var first = PlainTable.State()
        if kind % 5 == 2 {
            var rows = TestTable(schema: schema)
            rows.add(3 + below(20), random, largeEvery: large)
            first = rows.rows
            try backUp(rows, at: 0, name: name, keep: false, random, in: repository)
            let id = try repository.history(of: name).id
            try repository.promise(
                RetentionRecord(written: repository.now(), days: 20), of: id)
        } else {
            _ = try repository.beginHistory(
                name: name, schema: schema, at: TestRepository.instant(0))
        }
        var options = Recorder.Options(sourceKind: "test")
        options.latenessSeconds = lateness
        options.flushSeconds = [1, 1, 10, 1_000][below(4)]
        options.commitSeconds = 3 + below(60)
        if isOrdered { options.pendingBytesMax = 2_000 + below(20_000) }
        let source = LifeSource(
            random, schema: schema, lateness: lateness, isOrdered: isOrdered,
            keys: 3 + below(18), largeEvery: large,
            hotMax: seed % 16 == 0 ? 3_000 : 100)
        tables.append(
            TableLife(
                self, name: name, heads: directory.map { .directory($0) } ?? .memory,
                options: options, source: source,
                table: try PlainTable(first, at: 0, schema: schema)))
    }

    // MARK: Living on

    /// Does something.
    /// - Returns: what.
    func step() throws -> String {
        storeTime.advance(seconds: Int64(below(100)))
        let table = tables[below(tables.count)]
        switch below(20) {
        case 0...7: return try record()
        case 8: return try gap(table)
        case 9:
            try table.settle()
            return "settled"
        case 10, 11:
            for table in tables {
                try compact(open(), table.name, isForced: below(4) > 0)
            }
            return "compacted"
        case 12:
            try compactor.collect(grace: 0)
            return "collected"
        case 13, 14:
            try table.backUp()
            return "backed up"
        case 15:
            try table.forget()
            return "forgot"
        case 16, 17: return try prune(table)
        default: return try copy()
        }
    }

    private func record() throws -> String {
        if below(3) == 0, tables.allSatisfy(\.isTold) { setClock() }
        now += Int64(1 + below([3, 3, 30_000, 130_000][below(4)]))
        var end = now
        for table in tables where below(4) > 0 {
            let kind = LifeSource.Kind.allCases[below(LifeSource.Kind.allCases.count)]
            let seconds = switch kind {
            case .quiet, .busy: 1 + below(25)
            default: 1 + below(2)
            }
            counts["\(kind)", default: 0] += 1
            end = max(
                end, try table.source.live(kind, from: now, seconds: seconds, &table.table))
        }
        now = end
        let stops = below(5) == 0
        var rounds = 0
        while rounds < 400, !stops || rounds < 3 {
            let waiting = tables.filter { !$0.isTold }
            if waiting.isEmpty { break }
            try waiting[below(waiting.count)].tell()
            rounds += 1
        }
        for table in tables {
            try table.rest()
            try table.notice()
        }
        return "recorded"
    }

    private func gap(_ table: TableLife) throws -> String {
        let kind = below(5)
        if kind == 4 {
            try table.copyFully()
            return "copied \(table.name) fully"
        }
        try table.breakOff(TableLife.Break.allCases[kind])
        return "broke \(table.name) off: \(TableLife.Break.allCases[kind])"
    }

    private func prune(_ table: TableLife) throws -> String {
        let shrinks = below(2) == 0
        let repository = try open()
        try repository.promise(
            RetentionRecord(
                written: repository.now(), days: UInt64(1 + below(3)),
                hourly: UInt64(below(2) * below(60)), daily: UInt64(below(6)),
                weekly: UInt64(below(3))),
            of: try table.history(repository).id)
        if tables.allSatisfy(\.isTold) { setClock() }
        var next: [TableID: Kept] = [:]
        for table in tables {
            let history = try table.history(repository)
            let policy = try repository.retention(of: history.id)
            let isShortened = policy.isShortened && shrinks
            guard !policy.keepsEverything || isShortened,
                let promise = isShortened ? policy.newest : policy.longest,
                let covered = try history.coverable(repository.blobs).latest
            else { continue }
            var kept = table.table.kept
            kept.prune(
                promise, now: time.now() / 1_000_000 - TestRepository.start,
                covered: covered.instant.second - TestRepository.start, trustsClock: shrinks)
            next[history.id] = kept
        }
        let report = try Pruning(
            try open(), Pruning.Request(grace: 0, allowsShrinking: shrinks)
        ).run()
        var started: [String] = []
        for table in tables {
            let id = try table.history(repository).id
            guard let kept = next[id],
                let told = report.tables.first(where: { $0.id == id })
            else { continue }
            // Where no checkpoint goes, the seconds between them need not go either.
            if kept.stored == table.table.kept.stored, !told.isLaidOut { continue }
            table.table.kept = kept
            started.append("\(table.name) from \(kept.segments[0].lowerBound)")
        }
        counts["pruned", default: 0] += started.count
        return "pruned \(started)"
    }

    private func copy() throws -> String {
        let report = try VarveArchiveTests.copy(
            memory, to: target, seed: 5_000 + opened, time: time)
        #expect(report.isComplete)
        #expect(report.tables.allSatisfy { $0.leftOut.isEmpty })
        for table in tables { copied[table.name] = table.table.kept }
        if below(3) == 0 {
            #expect(
                try VarveArchiveTests.copy(memory, to: target, time: time).isUpToDate)
        }
        if below(3) == 0 {
            for table in tables { try compact(open(target), table.name, isForced: true) }
            if below(2) == 0 {
                try Compactor(try open(target)).collect(grace: 0)
            }
        }
        counts["copies", default: 0] += 1
        return "copied"
    }

    // MARK: What is

    /// What the tables are made of, for looking into one life.
    func trace() throws -> String {
        func seconds(_ time: Int64) -> String {
            "\(Double(time - TestRepository.instant(0).microseconds) / 1_000_000)"
        }
        return try tables.map { table in
            let history = try table.history(try open())
            let ranges = history.storedRanges.map {
                "\($0.isExactAtCheckpointsOnly ? "points" : "exact") "
                    + "\(seconds($0.from.microseconds))...\(seconds($0.to.microseconds))"
                    + ($0.isClosed ? " closed" : "")
            }
            let pieces = (history.layout?.pieces ?? []).map {
                "\($0.kind) \(seconds($0.from))...\(seconds($0.to))"
            }
            let commits = history.commits.map {
                "\($0.logical.sequence): \(seconds($0.logical.from))...\(seconds($0.logical.to))"
            }
            return "\n  \(table.name): \(ranges) layout \(history.layoutNumber) \(pieces)"
                + " commits \(commits)"
        }.joined()
    }

    /// Restores every checkpoint, here and in the replica.
    func check(_ label: String, isLast: Bool) throws {
        for table in tables {
            let check = LifeCheck(
                table: table.table, kept: table.table.kept, isReplica: false,
                hasTails: table.source.isOrdered, label: "\(table.name), \(label)")
            counts["restored", default: 0] += try check.run(
                try open(), table.name, isLast: isLast)
            if let kept = copied[table.name] {
                let check = LifeCheck(
                    table: table.table, kept: kept, isReplica: true,
                    hasTails: table.source.isOrdered, label: "copy of \(table.name), \(label)")
                counts["restored from copies", default: 0] += try check.run(
                    try open(target), table.name, isLast: isLast)
            }
        }
        guard isLast || below(4) == 0 else { return }
        var options = VerificationOptions(data: .all)
        options.provesEverySecond = below(2) == 0
        let problems = try open().verify(options).problems
        #expect(problems == [], "\(label): \(problems)")
        if !copied.isEmpty {
            let problems = try open(target).verify(options).problems
            #expect(problems == [], "copy, \(label): \(problems)")
        }
    }
}
