import VarveBytes
import VarveFormat
import VarveStorage

/// A writer's announcement that it has packs no root names yet. Source: Spec 11, Collection.
final class Intent {
    /// How often it is written again at least; microseconds.
    static let refreshInterval: Int64 = 240_000_000
    /// How long it counts as live by the store's clock; microseconds.
    static let lifetime: Int64 = 86_400_000_000

    private let repository: Repository
    /// When it was written last, by this machine's clock; microseconds.
    private var refreshed: Int64
    private var record: IntentRecord
    private let name: String

    private init(_ repository: Repository, _ record: IntentRecord) {
        self.repository = repository
        self.record = record
        refreshed = repository.now()
        name = ObjectName.intent(record.id).path
    }

    /// Announces an operation.
    static func begin(in repository: Repository, purpose: String) throws -> Intent {
        let intent = Intent(
            repository,
            IntentRecord(
                id: repository.environment.randomID(), written: try repository.store.now(),
                purpose: purpose, process: repository.environment.writer))
        try repository.store.replace(intent.name, try intent.record.seal())
        return intent
    }

    func refreshIfDue() throws {
        let now = repository.now()
        if now - refreshed < Self.refreshInterval { return }
        // The record keeps the time at which the operation began: what was created since then is
        // spared. The object's own time says that its writer lives.
        refreshed = now
        try repository.store.replace(name, try record.seal())
    }

    func end() throws { try repository.store.deleteIfPresent(name) }
}
