import VarveArchive
import VarveBackups
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// A temporary directory, a repository in memory, and a clock that stands still.
final class Workshop {
    let directory: String
    let store: any ObjectStore
    let time = ManualTime(1_750_000_000_300_000)
    let repository: Repository
    static let schema = KeySchema(
        partition: KeyAttribute(name: "P", type: .string),
        sort: KeyAttribute(name: "S", type: .number))

    init(store: (any ObjectStore)? = nil, workers: Int = 1) throws {
        directory = try FileSystem.makeTemporaryDirectory(prefix: "varve-test")
        let made: any ObjectStore = store ?? MemoryStore(clock: time)
        self.store = made
        repository = try Repository.create(
            in: made,
            environment: Repository.Environment(
                time: time, random: SeededRandom(seed: 7), workers: workers, writer: "test"))
    }

    deinit { try? FileSystem.removeTree(directory) }

    func path(_ name: String) -> String { "\(directory)/\(name)" }

    func write(_ name: String, _ lines: [String]) throws -> String {
        let path = path(name)
        let file = try FileDescriptor(overwriting: path)
        try file.write(Array(lines.map { $0 + "\n" }.joined().utf8).raw)
        try file.close()
        return path
    }

    func read(_ name: String) throws -> String {
        String(decoding: try FileDescriptor(reading: path(name)).readAll(), as: UTF8.self)
    }

    /// The names of all objects, with their sizes.
    func listing() throws -> [String] {
        try store.list("").map { "\($0.name) \($0.size)" }
    }

    var storedBytes: Int {
        get throws { try store.list("").reduce(0) { $0 + $1.size } }
    }

    // MARK: Operations

    func request(_ name: String, _ lines: [String]) throws -> FullBackupRequest {
        var request = FullBackupRequest(
            table: "T", source: try write("\(name).jsonl", lines), name: name)
        request.schema = Self.schema
        return request
    }

    @discardableResult
    func backUp(
        _ name: String, _ lines: [String], second: Int64? = nil,
        _ change: (inout FullBackupRequest) -> Void = { _ in }
    ) throws -> FullBackupReport {
        var request = try request(name, lines)
        request.instant = second.flatMap { Instant(second: $0) }
        change(&request)
        return try FullBackupOperation(repository, request).run()
    }

    /// Restores to a new file and gives its text.
    func restore(
        _ state: StateSelection, _ change: (inout RestoreRequest) -> Void = { _ in }
    ) throws -> (text: String, receipt: RestoreReceipt) {
        let name = "restored-\(UInt64.random(in: 0 ... .max))"
        var request = RestoreRequest(table: "T", state: state, target: path(name))
        change(&request)
        let receipt = try RestoreOperation(repository, request).run()
        return (try read(name), receipt)
    }

    /// Lines as the archive renders them: `{"Item":{"P":…,"S":…,"V":…}}`, keys ascending.
    static func lines(_ count: Int, salt: Int = 0) -> [String] {
        (0..<count).map { index in
            let partition = String(100_000 + index / 4)
            let value = index % 10 == 3 ? "v\(index)-\(salt)" : "v\(index)"
            return "{\"Item\":{\"P\":{\"S\":\"\(partition)\"},\"S\":{\"N\":\"\(index % 4)\"},"
                + "\"V\":{\"S\":\"\(value)\"}}}"
        }
    }

    static func text(_ lines: [String]) -> String { lines.map { $0 + "\n" }.joined() }
}

/// The code that a body's error has; nil if it throws none.
func errorCode(_ body: () throws -> Void) -> VarveError.Code? {
    do {
        try body()
        return nil
    } catch let error as VarveError {
        return error.code
    } catch {
        return VarveError.Code("another")
    }
}
