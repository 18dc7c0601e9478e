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
    private var record: IntentRecord
    private let name: String

    private init(_ repository: Repository, _ record: IntentRecord) {
        self.repository = repository
        self.record = record
        name = ObjectName.intent(record.id).path
    }

    /// Announces an operation.
    static func begin(in repository: Repository, purpose: String) throws -> Intent {
        let intent = Intent(
            repository,
            IntentRecord(
                id: repository.environment.randomID(), written: repository.now(),
                purpose: purpose, process: repository.environment.writer))
        try repository.store.replace(intent.name, try intent.record.seal())
        return intent
    }

    func refreshIfDue() throws {
        let now = repository.now()
        if now - record.written < Self.refreshInterval { return }
        record.written = now
        try repository.store.replace(name, try record.seal())
    }

    func end() throws { try repository.store.deleteIfPresent(name) }
}
