import Testing
import VarveBytes
import VarveStorage

/// A directory that goes away with the value.
final class TemporaryDirectory {
    let path: String

    init() throws { path = try FileSystem.makeTemporaryDirectory(prefix: "varve-test") }

    deinit { try? FileSystem.removeTree(path) }
}

struct DirectoryStoreTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test func conforms() throws {
        var count = 0
        try StoreConformance.run {
            count += 1
            return DirectoryStore("\(directory.path)/below/\(count)/")
        }
    }

    @Test func leavesNoTemporaries() throws {
        let store = DirectoryStore(directory.path)
        try store.create("a/b", [1])
        try store.replace("a/b", [2])
        #expect(throws: VarveError.self) { try store.create("a/b", [3]) }
        _ = try store.now()
        #expect(try FileSystem.names(in: directory.path + "/temporary") == [])
        #expect(try FileSystem.names(in: directory.path).sorted() == ["a", "temporary"])
    }

    /// What making a repository leaves when it is cut off counts as nothing; an empty directory,
    /// where a disk may not be mounted, and one with objects do not.
    @Test func knowsWhatWasCutOff() throws {
        #expect(try DirectoryStore(directory.path + "/none").isUnfinished())
        let store = DirectoryStore(directory.path)
        #expect(try !store.isUnfinished())
        try FileSystem.makeDirectory(directory.path + "/packs")
        #expect(try !store.isUnfinished())
        try store.create("probe/1-race", [1])
        #expect(try store.isUnfinished())
        try store.delete("probe/1-race")
        try StoreProbe.check(store)
        #expect(try store.isUnfinished())
        try store.create("config", [1])
        #expect(try !store.isUnfinished())
    }

    /// What is no repository's is told; what making one leaves is not.
    @Test func tellsWhatIsForeign() throws {
        #expect(try DirectoryStore(directory.path + "/none").foreignNames(besides: []) == [])
        let store = DirectoryStore(directory.path)
        try StoreProbe.check(store)
        try FileSystem.makeDirectory(directory.path + "/packs")
        try FileSystem.makeDirectory(directory.path + "/lost+found")
        #expect(try store.foreignNames(besides: ["packs"]) == [])
        #expect(try store.foreignNames(besides: []) == ["packs"])
        try FileSystem.makeDirectory(directory.path + "/a folder")
        try store.create("zebra", [1])
        #expect(try store.foreignNames(besides: ["packs"]) == ["a folder", "zebra"])
    }

    @Test func tellsWhatIsWithin() throws {
        let path = directory.path
        try FileSystem.makeDirectories(path + "/one/two")
        try FileSystem.makeDirectory(path + "/one-more")
        #expect(FileSystem.isWithin(path + "/one", path + "/one"))
        #expect(FileSystem.isWithin(path + "/one/two", path + "/one/"))
        #expect(FileSystem.isWithin(path + "/one/none/at/all", path + "/one"))
        #expect(FileSystem.isWithin(path + "/one-more/../one/two/none", path + "/one"))
        #expect(!FileSystem.isWithin(path + "/one-more", path + "/one"))
        #expect(!FileSystem.isWithin(path + "/one-more/none", path + "/one"))
        #expect(!FileSystem.isWithin(path + "/one", path + "/one/two"))
        #expect(!FileSystem.isWithin(path + "/none", path + "/one"))
        #expect(FileSystem.isWithin(path + "/none", "/"))
        #expect(!FileSystem.isWithin("/", path))
    }

    @Test func readsWithoutTouching() throws {
        let store = DirectoryStore(directory.path + "/none")
        #expect(try store.list("") == [])
        #expect(try store.readIfPresent("config") == nil)
        #expect(try FileSystem.names(in: directory.path) == [])
    }

    @Test func ignoresForeignFiles() throws {
        let store = DirectoryStore(directory.path)
        try store.create("packs/x", [1])
        for name in ["packs/a b", "packs/ü", "odd name"] {
            try FileDescriptor(creating: directory.path + "/" + name).close()
        }
        try FileSystem.makeDirectory(directory.path + "/empty")
        #expect(try store.list("").map(\.name) == ["packs/x"])
    }

    @Test func makesItsDirectoriesAgain() throws {
        let store = DirectoryStore(directory.path)
        try store.create("a", [1])
        try FileSystem.removeTree(directory.path + "/temporary")
        try store.create("b/c/d", [2])
        #expect(try store.list("").map(\.name) == ["a", "b/c/d"])
    }

    @Test func preparingMakesDirectories() throws {
        try DirectoryStore(directory.path).prepare(["packs/", "tables/a/"])
        #expect(try FileSystem.names(in: directory.path).sorted() == ["packs", "tables"])
        #expect(try FileSystem.names(in: directory.path + "/tables") == ["a"])
    }

    @Test func saysWhatIsInTheWay() throws {
        let store = DirectoryStore(directory.path)
        try store.create("a", [1])
        var caught: VarveError?
        do throws(VarveError) { try store.create("a/b", [2]) } catch { caught = error }
        #expect(caught != nil)
        #expect(try store.read("a") == [1])
        #expect(try store.readIfPresent("a/b") == nil)
    }

    @Test func reportsFailuresWithAdvice() throws {
        // /proc takes no files, whoever asks.
        let store = DirectoryStore("/proc/self/fdinfo/none")
        do throws(VarveError) {
            try store.create("a", [1])
            Issue.record("a file was made in /proc")
        } catch {
            #expect(error.location?.contains("/proc/self") == true)
        }
        let full = VarveError(SystemError(call: "write", number: 28), at: "/x")
        #expect(full.code == .storage)
        #expect(full.description.hasPrefix("/x: the disk is full"))
        #expect(full.description.contains("write: No space left on device"))
        #expect(VarveError(SystemError(call: "open", number: 13), at: "/x").code == .storage)
        #expect(VarveError(SystemError(call: "read", number: 5), at: "/x").code == .storage)
    }

    @Test func findsAFullDisk() throws {
        // The device that is always full.
        let device = try FileDescriptor(overwriting: "/dev/full")
        let bytes: [UInt8] = [1, 2, 3]
        do throws(VarveError) {
            try device.write(bytes.raw)
            Issue.record("/dev/full took bytes")
        } catch {
            #expect(error.code == .storage)
            #expect(error.description.contains("disk is full"))
        }
    }
}

struct FileSystemTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test(arguments: [
        ("/a/b", "/a"), ("/a", "/"), ("/", "/"), ("a", "."), ("a/b", "a"), ("a//b/", "a"),
        ("//a", "/"), (".", "."), ("../x", ".."),
    ])
    func findsParents(path: String, parent: String) {
        #expect(FileSystem.parent(of: path) == parent)
    }

    @Test func makesDirectories() throws {
        let path = directory.path + "/a/b/c"
        try FileSystem.makeDirectories(path)
        try FileSystem.makeDirectories(path)
        #expect(try FileSystem.metadata(path).kind == .directory)
        try FileDescriptor(creating: path + "/file").close()
        #expect(throws: VarveError(.exists, "")) { try FileSystem.makeDirectories(path + "/file") }
        #expect(throws: VarveError.self) { try FileSystem.makeDirectories(path + "/file/x") }
    }

    @Test func readsInParts() throws {
        let path = directory.path + "/file"
        let bytes = SeededRandom(seed: 5).bytes(100_000)
        let file = try FileDescriptor(creating: path)
        try file.write(bytes.raw)
        let nothing: [UInt8] = []
        try file.write(nothing.raw)
        try file.close()
        #expect(throws: VarveError(.exists, "")) { try FileDescriptor(creating: path).close() }
        let reader = try FileDescriptor(reading: path)
        var output = ByteWriter()
        while try reader.read(into: &output, atMost: 30_001) > 0 {}
        #expect(output.takeBytes() == bytes)
        #expect(try reader.read(at: 99_990, count: 100, into: &output) == 10)
        #expect(output.takeBytes() == Array(bytes[99_990...]))
        #expect(try reader.read(at: 200_000, count: 1, into: &output) == 0)
        #expect(try reader.readAll() == bytes)
        let isTerminal = reader.isTerminal
        #expect(!isTerminal)
        #expect(try reader.metadata().size == 100_000)
    }
}
