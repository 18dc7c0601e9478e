internal import Synchronization
public import VarveBytes

/// What a `FaultyStore` is about to do.
public struct StoreOperation: Sendable, Hashable {
    public enum Kind: String, Sendable, CaseIterable {
        case create, replace, read, readRange, metadata, list, delete, now

        /// Whether it changes the store.
        public var isWrite: Bool { self == .create || self == .replace || self == .delete }
    }

    public let kind: Kind
    /// The object's name; the prefix of a listing; empty for `now`.
    public let name: String
    /// Operations before this one.
    public let ordinal: Int
    /// Writes (create, replace, delete) before this one.
    public let writesBefore: Int
}

/// What is to go wrong.
public enum StoreFault: Sendable {
    /// The operation throws this and does nothing.
    case fail(VarveError)
    /// The operation takes effect and throws this all the same: a lost acknowledgement.
    case failAfterwards(VarveError)
    /// The process "dies" before the operation: it and every later one throws.
    case crash
    /// The process "dies" after the operation took effect.
    case crashAfterwards
    /// A read gives only the first bytes, so many, and does not say so.
    case shortRead(Int)
    /// A read gives bytes of which the one at this offset (modulo the size) is flipped.
    case flip(Int)
    /// The operation is done after this ran: a delay, or another writer's turn.
    case after(@Sendable () -> Void)

    /// A full disk.
    public static let diskFull = StoreFault.fail(
        VarveError(.storage, "the disk is full; free some space and try again"))
}

/// Wraps a store and lets a script decide before each operation what goes wrong. For tests.
public final class FaultyStore: ObjectStore {
    /// Decides about an operation; nil lets it pass.
    public typealias Script = @Sendable (StoreOperation) -> StoreFault?

    private struct State {
        var script: Script
        var operations: [StoreOperation] = []
        var writes = 0
        var isCrashed = false
    }

    private let base: any ObjectStore
    private let state: Mutex<State>
    public var location: String { base.location }

    public init(_ base: any ObjectStore, script: @escaping Script = { _ in nil }) {
        self.base = base
        state = Mutex(State(script: script))
    }

    /// A store that dies before write number `count`, counted from 0.
    public static func crashing(_ base: any ObjectStore, beforeWrite count: Int) -> FaultyStore {
        FaultyStore(base) { $0.kind.isWrite && $0.writesBefore == count ? .crash : nil }
    }

    /// A store whose disk is full from write number `count` on, counted from 0.
    public static func full(_ base: any ObjectStore, fromWrite count: Int) -> FaultyStore {
        FaultyStore(base) { operation in
            let isGrowth = operation.kind == .create || operation.kind == .replace
            return isGrowth && operation.writesBefore >= count ? .diskFull : nil
        }
    }

    /// The operations so far.
    public var operations: [StoreOperation] { state.withLock { $0.operations } }
    /// Writes so far, failed ones among them.
    public var writes: Int { state.withLock { $0.writes } }
    /// Whether the store "died".
    public var isCrashed: Bool { state.withLock { $0.isCrashed } }

    /// Replaces the script; the counts go on.
    public func setScript(_ script: @escaping Script) { state.withLock { $0.script = script } }

    private static func crashError(_ name: String) -> VarveError {
        VarveError(.storage, "the store crashed, as the test wanted", at: name)
    }

    /// Counts the operation and asks the script.
    private func begin(
        _ kind: StoreOperation.Kind, _ name: String
    ) throws(VarveError) -> StoreFault? {
        let (operation, script, isCrashed) = state.withLock { state in
            let operation = StoreOperation(
                kind: kind, name: name, ordinal: state.operations.count,
                writesBefore: state.writes)
            state.operations.append(operation)
            if kind.isWrite { state.writes += 1 }
            return (operation, state.script, state.isCrashed)
        }
        if isCrashed { throw FaultyStore.crashError(name) }
        let fault = script(operation)
        switch fault {
        case .fail(let error): throw error
        case .crash:
            state.withLock { $0.isCrashed = true }
            throw FaultyStore.crashError(name)
        case .after(let body): body()
        default: break
        }
        return fault
    }

    private func end(_ fault: StoreFault?, _ name: String) throws(VarveError) {
        switch fault {
        case .failAfterwards(let error): throw error
        case .crashAfterwards:
            state.withLock { $0.isCrashed = true }
            throw FaultyStore.crashError(name)
        default: break
        }
    }

    private func spoil(_ bytes: [UInt8], _ fault: StoreFault?) -> [UInt8] {
        var bytes = bytes
        switch fault {
        case .shortRead(let count): bytes.removeLast(max(0, bytes.count - max(0, count)))
        case .flip(let offset):
            if !bytes.isEmpty { bytes[offset % bytes.count] ^= 0x01 }
        default: break
        }
        return bytes
    }
}

extension FaultyStore {
    public func create(_ name: String, _ bytes: [UInt8]) throws(VarveError) {
        let fault = try begin(.create, name)
        try base.create(name, bytes)
        try end(fault, name)
    }

    public func replace(_ name: String, _ bytes: [UInt8]) throws(VarveError) {
        let fault = try begin(.replace, name)
        try base.replace(name, bytes)
        try end(fault, name)
    }

    public func read(_ name: String) throws(VarveError) -> [UInt8] {
        let fault = try begin(.read, name)
        let bytes = spoil(try base.read(name), fault)
        try end(fault, name)
        return bytes
    }

    public func read(
        _ name: String, _ range: Range<Int>, into output: inout ByteWriter
    ) throws(VarveError) {
        let fault = try begin(.readRange, name)
        let bytes = spoil(try base.read(name, range), fault)
        try end(fault, name)
        output.append(bytes.raw)
    }

    public func metadata(_ name: String) throws(VarveError) -> ObjectMetadata {
        let fault = try begin(.metadata, name)
        let metadata = try base.metadata(name)
        try end(fault, name)
        return metadata
    }

    public func list(_ prefix: String, after name: String?) throws(VarveError) -> [ObjectEntry] {
        let fault = try begin(.list, prefix)
        let entries = try base.list(prefix, after: name)
        try end(fault, prefix)
        return entries
    }

    public func delete(_ name: String) throws(VarveError) {
        let fault = try begin(.delete, name)
        try base.delete(name)
        try end(fault, name)
    }

    public func now() throws(VarveError) -> Int64 {
        let fault = try begin(.now, "")
        let now = try base.now()
        try end(fault, "")
        return now
    }
}
