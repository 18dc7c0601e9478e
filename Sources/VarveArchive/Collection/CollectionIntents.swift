import VarveBytes
import VarveFormat
import VarveStorage

/// The writers at work. Source: Spec 11, Collection.
struct LiveIntents {
    /// When each began, by the store's clock; microseconds.
    private let begins: [Int64]

    /// Lists the intents. One that cannot be read counts as older than everything.
    /// - Parameter onlyReads: asks this machine's clock, since to ask the store's may write to it.
    init(_ repository: Repository, onlyReads: Bool = false) throws(VarveError) {
        let now = onlyReads ? repository.now() : try repository.store.now()
        var begins: [Int64] = []
        for entry in try repository.store.list(ObjectName.intentsPrefix) {
            guard case .intent? = ObjectName(path: entry.name),
                now - entry.modified < Intent.lifetime,
                let bytes = try repository.store.readIfPresent(entry.name)
            else { continue }
            let record = try? IntentRecord(sealed: bytes, name: entry.name)
            begins.append(min(record?.written ?? .min, entry.modified))
        }
        self.begins = begins
    }

    /// Whether every writer at work began after a time.
    func areAfter(_ time: Int64) -> Bool { begins.allSatisfy { $0 > time } }
}
