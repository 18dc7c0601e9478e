import Synchronization
import Testing
import VarveArchive
import VarveBackups
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

@Suite("What is refused leaves nothing behind")
struct RefusalTests {
    static let good = Workshop.lines(200)

    /// A line of text that is no item, in the place of the tenth.
    static func replacing(_ line: String) -> [String] {
        var lines = good
        lines[10] = line
        return lines
    }

    @Test(arguments: [
        "{", "nonsense", #"{"Item":{"P":{"S":"1"}}}"#, #"{"Item":{"P":{"N":"1"},"S":{"N":"1"}}}"#,
        #"{"Item":{"P":{"S":"1"},"S":{"N":"1"},"X":{"Z":"1"}}}"#,
    ])
    func malformedSources(line: String) throws {
        let shop = try Workshop(workers: 2)
        let before = try shop.listing()
        let code = errorCode { try shop.backUp("one", Self.replacing(line)) }
        #expect(code == .invalidInput)
        #expect(try shop.listing() == before)
    }

    @Test func duplicates() throws {
        let shop = try Workshop()
        let before = try shop.listing()
        #expect(errorCode { try shop.backUp("one", Self.good + [Self.good[0]]) } == .invalidInput)
        #expect(try shop.listing() == before)
    }

    @Test func dangerousCopies() throws {
        let shop = try Workshop()
        try shop.backUp("one", Self.good, second: 1_000) { $0.keepFor = 1_000_000 }
        let before = try shop.listing()
        func refused(_ lines: [String], _ second: Int64) -> Bool {
            errorCode { try shop.backUp("two", lines, second: second) } == .refused
        }
        // Most items gone, and another state for an instant that is known.
        #expect(refused(Array(Self.good[..<90]), 2_000))
        #expect(refused(Array(Self.good[..<150]), 1_000))
        // The future.
        #expect(refused(Self.good, 1_750_001_000))
        #expect(try shop.listing() == before)
        try shop.backUp("two", Array(Self.good[..<90]), second: 2_000) { $0.force = true }
        #expect(try shop.restore(.latest).receipt.items == 90)
    }

    @Test func arguments() throws {
        let shop = try Workshop()
        let before = try shop.listing()
        let changes: [(inout FullBackupRequest) -> Void] = [
            { $0.name = "no good" }, { $0.table = "a/b" }, { $0.table = "" }, { $0.schema = nil },
        ]
        for change in changes {
            #expect(errorCode { try shop.backUp("one", Self.good, change) } == .invalidInput)
        }
        #expect(errorCode { try shop.backUp("one", Self.good) { $0.source += "x" } } == .noSource)
        #expect(try shop.listing() == before)
        for text in ["P", "P:", ":S", "P:SS", "P:s"] {
            #expect(errorCode { _ = try KeyDefinition.attribute(text) } == .invalidInput)
        }
        #expect(try KeyDefinition.attribute("a:b:N") == KeyAttribute(name: "a:b", type: .number))
    }

    @Test func sourcesOfChanges() throws {
        let shop = try Workshop()
        try FileSystem.makeDirectories(shop.path("empty"))
        let before = try shop.listing()
        func code(_ source: String, rejects: String = "rejects.jsonl") -> VarveError.Code? {
            var request = RecordRequest(table: "T", sources: [shop.path(source)])
            request.schema = Workshop.schema
            request.rejectsPath = shop.path(rejects)
            request.cacheDirectory = nil
            return errorCode { _ = try RecordOperation(shop.repository, request).run() }
        }
        #expect(code("missing") == .noSource)
        #expect(code("empty") == .noSource)
        _ = try shop.write("nothing.jsonl", [])
        #expect(code("nothing.jsonl") == nil)
        // Before anything is read: what comes later could not be kept.
        #expect(code("nothing.jsonl", rejects: "empty") == .invalidInput)
        #expect(try shop.listing() == before)
    }

    @Test func interruptions() throws {
        let shop = try Workshop(workers: 2)
        try shop.backUp("one", Self.good)
        let before = try shop.listing()
        let control = OperationControl()
        control.stop()
        let request = try shop.request("two", Self.good)
        let code = errorCode {
            _ = try FullBackupOperation(shop.repository, request, control: control).run()
        }
        #expect(code == .interrupted)
        #expect(try shop.listing() == before)
        let names = try FileSystem.names(in: shop.directory).sorted()
        let restore = RestoreRequest(table: "T", state: .latest, target: shop.path("target"))
        let other = errorCode {
            _ = try RestoreOperation(shop.repository, restore, control: control).run()
        }
        #expect(other == .interrupted)
        #expect(try FileSystem.names(in: shop.directory).sorted() == names)
    }

    @Test func aTargetIsNeverReplaced() throws {
        let shop = try Workshop()
        try shop.backUp("one", Self.good)
        _ = try shop.write("target", ["precious"])
        let request = RestoreRequest(table: "T", state: .latest, target: shop.path("target"))
        #expect(errorCode { _ = try RestoreOperation(shop.repository, request).run() } == .exists)
        #expect(try shop.read("target") == "precious\n")
    }

    /// A store that fails at any write: either the backup is there and the operation succeeds,
    /// with a warning, or the repository holds what it held, and nothing else that counts.
    @Test(arguments: [true, false]) func failuresAtEveryWrite(forGood: Bool) throws {
        var counts = (failed: 0, warned: 0)
        for count in 0... {
            let base = MemoryStore()
            let shop = try Workshop(store: base)
            try shop.backUp("one", Self.good, second: 1_000)
            var request = try shop.request("two", Workshop.lines(300, salt: 1))
            request.instant = Instant(second: 2_000)
            let store = FaultyStore(base) { operation in
                guard operation.kind.isWrite, operation.writesBefore == count else { return nil }
                return forGood ? .crash : .failAfterwards(VarveError(.storage, "not answered"))
            }
            let repository = try Repository.open(
                store, environment: shop.repository.environment)
            var report: FullBackupReport?
            let code = errorCode { report = try FullBackupOperation(repository, request).run() }
            let after = try Repository.open(base, environment: shop.repository.environment)
            let history = try after.history(of: "T")
            #expect(history.backups.map(\.name) == (code == nil ? ["one", "two"] : ["one"]))
            let again = try shop.restore(.backup("one"))
            #expect(again.text == Workshop.text(Self.good))
            if store.writes <= count {
                #expect(report?.warnings == [])
                break
            }
            if code == nil {
                counts.warned += 1
                #expect(report?.warnings.isEmpty == false, "write \(count)")
            } else {
                counts.failed += 1
            }
        }
        #expect(counts.failed >= 2 && counts.warned >= 1)
    }

    /// A collector drops states that no backup names, unless their writer is at work: so it must
    /// be, until the backup is there. Source: Spec 11.
    @Test func aStateIsNamedWhileItsWriterIsAtWork() throws {
        let base = MemoryStore()
        let shop = try Workshop(store: base)
        let named = Mutex(0)
        let store = FaultyStore(base) { operation in
            guard operation.kind == .create, operation.name.contains("/backups/") else {
                return nil
            }
            return .after {
                let intents = (try? base.list("intents/")) ?? []
                #expect(intents.count == 1)
                named.withLock { $0 += 1 }
            }
        }
        let repository = try Repository.open(store, environment: shop.repository.environment)
        for (index, count) in [200, 300].enumerated() {
            var request = try shop.request("b\(index)", Workshop.lines(count, salt: index))
            request.instant = Instant(second: Int64(index) + 1_000)
            _ = try FullBackupOperation(repository, request).run()
        }
        #expect(named.withLock { $0 } == 2)
        #expect(try base.list("intents/") == [])
    }

    @Test func aNewTableNeedsItsRowsFirst() throws {
        for count in 0..<3 {
            let base = MemoryStore()
            let shop = try Workshop(store: base)
            let request = try shop.request("one", Self.good)
            let store = FaultyStore.crashing(base, beforeWrite: count)
            let repository = try Repository.open(
                store, environment: shop.repository.environment)
            let code = errorCode { _ = try FullBackupOperation(repository, request).run() }
            #expect(code == .storage)
            let after = try Repository.open(base, environment: shop.repository.environment)
            for table in try after.tables() {
                // A table without a state is harmless: the next backup goes on with it.
                _ = try after.history(table.id, table.record)
            }
            let report = try FullBackupOperation(after, request).run()
            #expect(report.backup.items == 200)
        }
    }
}
