import Synchronization
import VarveBytes
import VarveFormat
import VarveStorage

/// What a compactor remembers of its own garbage.
///
/// Sendable: its state is behind a lock.
final class CompactionGarbage: Sendable {
    struct State {
        /// Ordinals of condemned lists that this process published.
        var lists: Set<UInt64> = []
        /// Packs and indexes that there were after the last collection; nil before the first.
        var objects: Int?
        /// When that was; microseconds.
        var collected: Int64 = 0
    }

    let state = Mutex(State())
}

extension Compactor {
    /// New packs and indexes after which garbage is collected, and the time after which it is in
    /// any case; microseconds.
    private static let objectsMax = 256
    private static let intervalMax: Int64 = 3_600_000_000
    /// Bytes of indexes beyond which only pruning collects: it holds some bytes for each blob.
    private static let indexBytesMax = 48 << 20
    /// How long packs stay that compaction has made useless; microseconds. It spares readers a
    /// second look for a pack that has gone, and no more.
    public static let graceDefault: Int64 = 600_000_000

    /// Frees what compaction has made useless, if that is much or long ago: packs whose runs are
    /// merged, and indexes of such packs; small packs are written together.
    ///
    /// - Returns: nil if it is not due, or if so much is stored that only pruning does it.
    /// - Complexity: two listings; if it is due, the indexes and the index pages of all tables.
    @discardableResult
    public func collectIfDue(
        grace: Int64 = Compactor.graceDefault
    ) throws -> CollectionReport? {
        let now = repository.now()
        let (objects, indexBytes) = try countObjects()
        if indexBytes > Self.indexBytesMax { return nil }
        let isDue = garbage.state.withLock { state in
            guard let before = state.objects else {
                state.objects = objects
                state.collected = now
                return objects > 4 * Self.objectsMax
            }
            return objects >= before + Self.objectsMax
                || (objects > 0 && now - state.collected >= Self.intervalMax)
        }
        return isDue ? try collect(grace: grace) : nil
    }

    /// Frees what compaction has made useless.
    @discardableResult
    public func collect(grace: Int64 = Compactor.graceDefault) throws -> CollectionReport {
        let lists = garbage.state.withLock { $0.lists }
        let report = try Collection(
            repository, grace: grace, deadShareMax: 0.5, scope: .compaction(lists: lists)
        ).run()
        let objects = try countObjects().objects
        let now = repository.now()
        garbage.state.withLock { state in
            if let list = report.condemnedList { state.lists.insert(list) }
            state.objects = objects
            state.collected = now
        }
        return report
    }

    private func countObjects() throws(VarveError) -> (objects: Int, indexBytes: Int) {
        let indexes = try repository.store.list(ObjectName.indexesPrefix)
        let packs = try repository.store.list(ObjectName.packsPrefix)
        return (packs.count + indexes.count, indexes.reduce(0) { $0 + $1.size })
    }
}
