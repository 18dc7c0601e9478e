import Testing
import VarveBytes
import VarveStorage

struct MemoryStoreTests {
    @Test func conforms() throws { try StoreConformance.run { MemoryStore() } }

    @Test func stampsByItsClock() throws {
        let clock = ManualTime(1_700_000_000_000_000)
        let store = MemoryStore(clock: clock)
        try store.create("a", [])
        clock.advance(seconds: 3)
        try store.create("b", [])
        #expect(try store.metadata("a").modified == 1_700_000_000_000_000)
        #expect(try store.metadata("b").modified == 1_700_000_003_000_000)
        #expect(try store.now() == 1_700_000_003_000_000)
    }

    @Test func snapshotsStandAlone() throws {
        let store = MemoryStore()
        try store.create("a", [1])
        let copy = store.snapshot()
        try store.create("b", [2])
        try store.replace("a", [3])
        #expect(try copy.list("").map(\.name) == ["a"])
        #expect(try copy.read("a") == [1])
        try copy.delete("a")
        #expect(try store.read("a") == [3])
    }
}
