import Testing
import VarveBytes
import VarveStorage

struct MemoryStoreTests {
    @Test func conforms() throws { try StoreConformance.run { MemoryStore() } }

    @Test func anOverlayConforms() throws {
        try StoreConformance.run { OverlayStore(over: MemoryStore()) }
    }

    /// What is done in the layer does not touch what lies below.
    @Test func anOverlayLeavesItsBaseAlone() throws {
        let base = MemoryStore()
        try base.create("a", [1])
        try base.create("b", [2])
        let store = OverlayStore(over: base)
        #expect(throws: VarveError(.exists, "")) { try store.create("a", [9]) }
        try store.delete("a")
        #expect(throws: VarveError(.notFound, "")) { try store.read("a") }
        #expect(throws: VarveError(.notFound, "")) { try store.delete("a") }
        #expect(try store.list("").map(\.name) == ["b"])
        try store.create("a", [3])
        try store.replace("b", [4])
        try store.create("c", [5])
        #expect(try store.list("").map(\.name) == ["a", "b", "c"])
        #expect(try store.list("", after: "a").map(\.name) == ["b", "c"])
        #expect(try ["a", "b", "c"].map { try store.read($0) } == [[3], [4], [5]])
        try store.delete("b")
        #expect(try store.metadataIfPresent("b") == nil)
        #expect(try base.list("").map(\.name) == ["a", "b"])
        #expect(try base.read("a") == [1] && base.read("b") == [2])
    }

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
