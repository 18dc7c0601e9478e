import Testing
import VarveBytes
import VarveStorage

struct FaultyStoreTests {
    @Test func conformsWithoutFaults() throws {
        try StoreConformance.run { FaultyStore(MemoryStore()) }
    }

    @Test func crashesForGood() throws {
        let memory = MemoryStore()
        let store = FaultyStore.crashing(memory, beforeWrite: 2)
        try store.create("a", [1])
        _ = try store.read("a")
        try store.create("b", [1])
        #expect(throws: VarveError(.storage, "")) { try store.create("c", [1]) }
        #expect(store.isCrashed)
        #expect(throws: VarveError(.storage, "")) { try store.read("a") }
        #expect(throws: VarveError(.storage, "")) { try store.list("") }
        #expect(try memory.list("").map(\.name) == ["a", "b"])
        #expect(store.operations.count == 6)
        #expect(store.writes == 3)
    }

    @Test func losesAcknowledgements() throws {
        let memory = MemoryStore()
        let store = FaultyStore(memory) { operation in
            operation.name == "a" ? .failAfterwards(VarveError(.storage, "lost")) : nil
        }
        #expect(throws: VarveError(.storage, "")) { try store.create("a", [1]) }
        #expect(try memory.read("a") == [1])
        store.setScript { $0.kind == .create ? .crashAfterwards : nil }
        #expect(throws: VarveError(.storage, "")) { try store.create("b", [1]) }
        #expect(try memory.read("b") == [1])
        #expect(throws: VarveError(.storage, "")) { try store.now() }
    }

    @Test func fillsUp() throws {
        let store = FaultyStore.full(MemoryStore(), fromWrite: 1)
        try store.create("a", [1])
        #expect(throws: VarveError(.storage, "")) { try store.create("b", [1]) }
        try store.delete("a")
        #expect(throws: VarveError(.storage, "")) { try store.create("c", [1]) }
    }

    @Test func spoilsReads() throws {
        let memory = MemoryStore()
        try memory.create("a", [1, 2, 3, 4])
        let store = FaultyStore(memory) { _ in .shortRead(3) }
        #expect(try store.read("a") == [1, 2, 3])
        #expect(try store.read("a", 0..<2) == [1, 2])
        store.setScript { _ in .flip(6) }
        #expect(try store.read("a") == [1, 2, 2, 4])
    }

    /// A store that lets two create one name must not pass.
    @Test func probeFindsBrokenStores() throws {
        struct Forgetful: ObjectStore {
            let base = MemoryStore()
            var location: String { "forgetful" }
            func create(_ name: String, _ bytes: [UInt8]) throws(VarveError) {
                try base.replace(name, bytes)
            }
            func replace(_ name: String, _ bytes: [UInt8]) throws(VarveError) {
                try base.replace(name, bytes)
            }
            func read(_ name: String) throws(VarveError) -> [UInt8] { try base.read(name) }
            func read(
                _ name: String, _ range: Range<Int>, into output: inout ByteWriter
            ) throws(VarveError) {
                try base.read(name, range, into: &output)
            }
            func metadata(_ name: String) throws(VarveError) -> ObjectMetadata {
                try base.metadata(name)
            }
            func list(_ prefix: String, after name: String?) throws(VarveError) -> [ObjectEntry] {
                try base.list(prefix, after: name)
            }
            func delete(_ name: String) throws(VarveError) { try base.delete(name) }
            func now() throws(VarveError) -> Int64 { try base.now() }
        }
        #expect(throws: VarveError(.unsupported, "")) { try StoreProbe.check(Forgetful()) }
        let stale = FaultyStore(MemoryStore()) { $0.kind == .read ? .flip(0) : nil }
        #expect(throws: VarveError(.unsupported, "")) { try StoreProbe.check(stale) }
        let dead = FaultyStore(MemoryStore()) { $0.kind == .list ? .crash : nil }
        #expect(throws: VarveError(.storage, "")) { try StoreProbe.check(dead) }
    }
}
