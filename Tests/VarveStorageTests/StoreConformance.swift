import Dispatch
import Synchronization
import Testing
import VarveBytes
import VarveStorage

/// What every store must do, whatever it is made of. A new store's tests call `run`.
struct StoreConformance {
    /// Makes an empty store.
    let makeStore: () throws -> any ObjectStore

    static func run(_ makeStore: @escaping () throws -> any ObjectStore) throws {
        let suite = StoreConformance(makeStore: makeStore)
        try suite.createsAndReads()
        try suite.createsOnce()
        try suite.preparesUnseen()
        try suite.drafts()
        try suite.letsOneOfManyCreate()
        try suite.replaces()
        try suite.readsRanges()
        try suite.lists()
        try suite.listsWhatLooksAlike()
        try suite.deletes()
        try suite.reportsWhatIsMissing()
        try suite.refusesOddNames()
        try suite.tellsTheTime()
        try suite.passesTheProbe()
    }

    func pattern(_ count: Int, _ seed: UInt64 = 1) -> [UInt8] {
        SeededRandom(seed: seed).bytes(count)
    }

    func createsAndReads() throws {
        let store = try makeStore()
        for (index, size) in [0, 1, 4095, 4096, 4097, 20 << 20].enumerated() {
            let name = "packs/a\(index)/object"
            let bytes = pattern(size, UInt64(index))
            try store.create(name, bytes)
            #expect(try store.read(name) == bytes, "size \(size)")
            #expect(try store.metadata(name).size == size)
        }
    }

    func createsOnce() throws {
        let store = try makeStore()
        try store.create("config", [1, 2, 3])
        #expect(throws: VarveError(.exists, "")) { try store.create("config", [4]) }
        #expect(throws: VarveError(.exists, "")) { try store.create("config", [1, 2, 3]) }
        #expect(try store.read("config") == [1, 2, 3])
    }

    func preparesUnseen() throws {
        let store = try makeStore()
        for _ in 0..<2 { try store.prepare(["packs/", "tables/a/commits/"]) }
        #expect(try store.list("").isEmpty)
        try store.create("packs/a", [1])
        try store.create("others/b", [2])
        #expect(try store.list("").map(\.name) == ["others/b", "packs/a"])
    }

    func drafts() throws {
        let store = try makeStore()
        let draft = try store.draft()
        let parts = [pattern(1), [], pattern(70_000, 2), pattern(3 << 20, 3)]
        for part in parts { try draft.append(part.raw) }
        #expect(try draft.contents() == parts.flatMap { $0 })
        #expect(try store.list("").isEmpty, "nothing is seen before it is published")
        #expect(try draft.publish(as: "packs/ab/drafted"))
        #expect(try store.read("packs/ab/drafted") == parts.flatMap { $0 })

        let late = try store.draft()
        try late.append([1].raw)
        #expect(try !late.publish(as: "packs/ab/drafted"))
        #expect(try store.metadata("packs/ab/drafted").size == parts.reduce(0) { $0 + $1.count })

        _ = try store.draft()
        let empty = try store.draft()
        #expect(try empty.publish(as: "packs/ab/empty"))
        #expect(try store.list("").map(\.name) == ["packs/ab/drafted", "packs/ab/empty"])
    }

    func letsOneOfManyCreate() throws {
        let store = try makeStore()
        let writers = 8
        for round in 0..<20 {
            let name = "tables/t/commits/\(round)"
            let winners = Mutex<[Int]>([])
            let others = Mutex<[VarveError.Code]>([])
            DispatchQueue.concurrentPerform(iterations: writers) { writer in
                do throws(VarveError) {
                    try store.create(name, [UInt8(writer), UInt8(round)])
                    winners.withLock { $0.append(writer) }
                } catch {
                    others.withLock { $0.append(error.code) }
                }
            }
            let won = winners.withLock { $0 }
            #expect(won.count == 1)
            #expect(others.withLock { $0 } == Array(repeating: .exists, count: writers - 1))
            #expect(try store.read(name) == [UInt8(won[0]), UInt8(round)])
        }
        #expect(try store.list("tables/t/commits/").count == 20)
    }

    func replaces() throws {
        let store = try makeStore()
        try store.replace("intents/a", [1])
        #expect(try store.read("intents/a") == [1])
        try store.replace("intents/a", pattern(100_000))
        try store.replace("intents/a", [])
        #expect(try store.read("intents/a") == [])
        #expect(try store.list("intents/").map(\.name) == ["intents/a"])
    }

    func readsRanges() throws {
        let store = try makeStore()
        let bytes = pattern(10_000)
        try store.create("indexes/x", bytes)
        for range in [0..<0, 0..<1, 0..<10_000, 1..<9_999, 9_999..<10_000, 10_000..<10_000] {
            #expect(try store.read("indexes/x", range) == Array(bytes[range]), "\(range)")
        }
        var output = ByteWriter()
        output.append(UInt8(42))
        try store.read("indexes/x", 5..<8, into: &output)
        #expect(output.copyBytes() == [42] + bytes[5..<8])
        for range in [0..<10_001, 9_999..<10_001, 10_001..<10_001, 10_001..<20_000] {
            var code: VarveError.Code?
            do throws(VarveError) {
                try store.read("indexes/x", range, into: &output)
            } catch {
                code = error.code
            }
            #expect(code == .damaged, "\(range)")
            #expect(output.count == 4)
        }
        try store.create("indexes/empty", [])
        #expect(try store.read("indexes/empty", 0..<0) == [])
    }

    func lists() throws {
        let store = try makeStore()
        #expect(try store.list("") == [])
        #expect(try store.list("tables/") == [])
        let names = [
            "tables/b/table", "tables/a/commits/0002", "tables/a/commits/0010",
            "tables/a/commits/0001", "tables/a/table", "config", "packs/ff/ffff", "packs/00/0000",
        ]
        for (size, name) in names.enumerated() {
            try store.create(name, [UInt8](repeating: 0, count: size))
        }
        #expect(try store.list("").map(\.name) == names.sorted())
        for entry in try store.list("") {
            #expect(entry.size == names.firstIndex(of: entry.name))
            #expect(try store.metadata(entry.name) == entry.metadata)
        }
        let commits = names.filter { $0.hasPrefix("tables/a/commits/") }.sorted()
        #expect(try store.list("tables/a/commits/").map(\.name) == commits)
        #expect(try store.list("tables/a/commits/00").map(\.name) == commits)
        #expect(try store.list("tables/a/commits/000").map(\.name) == Array(commits[..<2]))
        #expect(
            try store.list("tables/a/commits/", after: commits[0]).map(\.name)
                == Array(commits[1...]))
        #expect(
            try store.list("tables/a/commits/", after: "tables/a/commits/0005").map(\.name)
                == Array(commits[2...]))
        #expect(try store.list("tables/a/commits/", after: "tables/a/commits/0010").isEmpty)
        #expect(
            try store.list("tables/", after: "tables/a/commits/0010").map(\.name)
                == ["tables/a/table", "tables/b/table"])
        #expect(try store.list("", after: "tables/a").count == 5)
        #expect(try store.list("config").map(\.name) == ["config"])
        #expect(try store.list("config/").isEmpty)
        #expect(try store.list("x/y/z/").isEmpty)
    }

    /// Bytes order names, not components: `-` and `.` come before `/`.
    func listsWhatLooksAlike() throws {
        let store = try makeStore()
        let names = ["p/a-b", "p/a.b", "p/a/b", "p/a0", "p/aa/b", "pa", "p-", "q"]
        for name in names.reversed() { try store.create(name, []) }
        let sorted = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        #expect(try store.list("").map(\.name) == sorted)
        for (index, name) in sorted.enumerated() {
            #expect(try store.list("", after: name).map(\.name) == Array(sorted[(index + 1)...]))
        }
        #expect(try store.list("p/a").map(\.name) == ["p/a-b", "p/a.b", "p/a/b", "p/a0", "p/aa/b"])
        #expect(try store.list("p/").count == 5)
        #expect(try store.list("p").count == 7)
    }

    func deletes() throws {
        let store = try makeStore()
        try store.create("packs/00/a", [1])
        try store.create("packs/00/b", [2])
        try store.delete("packs/00/a")
        #expect(throws: VarveError(.notFound, "")) { try store.read("packs/00/a") }
        #expect(try store.list("").map(\.name) == ["packs/00/b"])
        #expect(throws: VarveError(.notFound, "")) { try store.delete("packs/00/a") }
        try store.deleteIfPresent("packs/00/a")
        try store.create("packs/00/a", [3])
        #expect(try store.read("packs/00/a") == [3])
    }

    func reportsWhatIsMissing() throws {
        let store = try makeStore()
        let missing = VarveError(.notFound, "")
        for _ in 0..<2 {
            for name in ["config", "tables/x/table", "tables"] {
                #expect(throws: missing) { try store.read(name) }
                #expect(throws: missing) { try store.read(name, 0..<1) }
                #expect(throws: missing) { try store.metadata(name) }
                #expect(throws: missing) { try store.delete(name) }
                #expect(try store.metadataIfPresent(name) == nil)
                #expect(try store.readIfPresent(name) == nil)
            }
            // Again with something near.
            try store.replace("tables/y/table", [])
        }
    }

    func refusesOddNames() throws {
        let store = try makeStore()
        let long = String(repeating: "a", count: 256)
        let names = [
            "", "/", "a/", "/a", "a//b", ".", "..", "a/../b", "a/./b", "a b", "ü", "a\0b",
            "temporary/x", "temporary", long, "a/" + long, "a\\b", "a:b", "a/b/c/d/e/f/g/h/i",
        ]
        for name in names {
            let refused = VarveError(.invalidInput, "")
            #expect(throws: refused, "\(name)") { try store.create(name, []) }
            #expect(throws: refused, "\(name)") { try store.replace(name, []) }
            #expect(throws: refused, "\(name)") { try store.read(name) }
            #expect(throws: refused, "\(name)") { try store.metadata(name) }
            #expect(throws: refused, "\(name)") { try store.delete(name) }
        }
        #expect(try store.list("") == [])
        for name in [
            "a", "...", ".a", "A_z-0.9", String(repeating: "a", count: 255),
            "a/b/c/d/e/f/g/h", "b/temporary",
        ] {
            try store.create(name, [1])
            #expect(try store.read(name) == [1])
            try store.delete(name)
        }
    }

    func tellsTheTime() throws {
        let store = try makeStore()
        let before = try store.now()
        try store.create("config", [])
        let modified = try store.metadata("config").modified
        let after = try store.now()
        #expect(before <= modified && modified <= after)
        #expect(before > 1_600_000_000_000_000)
        #expect(try store.list("").map(\.name) == ["config"])
    }

    func passesTheProbe() throws {
        let store = try makeStore()
        try StoreProbe.check(store)
        #expect(try store.list("") == [])
        try store.create("config", [9])
        try StoreProbe.check(store)
        #expect(try store.list("").map(\.name) == ["config"])
    }
}
