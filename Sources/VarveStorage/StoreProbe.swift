internal import Dispatch
internal import Synchronization
public import VarveBytes

/// Tries out whether a store keeps its promises before a repository is made in it. Source: Spec 02.
public enum StoreProbe {
    /// Where it works; cut off, it leaves this.
    static let prefix = "probe"

    /// Writes, reads, lists and deletes a few objects under `probe/`.
    /// - Parameter random: gives the objects names of their own.
    /// - Throws: `unsupported`, saying which promise the store broke; or what the store threw.
    public static func check(
        _ store: any ObjectStore, random: any RandomSource = SystemRandom()
    ) throws(VarveError) {
        let prefix = "\(prefix)/\(String(random.next(), radix: 16))-"
        defer { cleanUp(store, prefix) }
        try checkCreation(store, prefix + "race")
        try checkListing(store, prefix)
        try checkDeletion(store, prefix + "race")
    }

    private static func broken(_ store: any ObjectStore, _ what: String) -> VarveError {
        VarveError(
            .unsupported, "this store cannot hold a repository: \(what)", at: store.location)
    }

    /// Two writers, one name: one wins, and its bytes are there.
    private static func checkCreation(
        _ store: any ObjectStore, _ name: String
    ) throws(VarveError) {
        let results = Mutex<[Int: VarveError?]>([:])
        DispatchQueue.concurrentPerform(iterations: 2) { writer in
            var failure: VarveError?
            do throws(VarveError) {
                try store.create(name, contents(writer))
            } catch {
                failure = error
            }
            results.withLock { $0[writer] = .some(failure) }
        }
        let outcomes = results.withLock { $0 }
        var winners: [Int] = []
        var lost: VarveError?
        for (writer, failure) in outcomes {
            guard let failure else {
                winners.append(writer)
                continue
            }
            if failure.code != .exists { throw failure }
            lost = failure
        }
        if winners.isEmpty, let lost {
            // The names were new: what is in the way is on the path to them.
            throw VarveError(.storage, lost.message, at: lost.location, cause: lost.cause)
        }
        guard winners.count == 1 else {
            throw broken(
                store,
                "of two writers that created one name at once \(winners.count) were told "
                    + "that they did, not 1")
        }
        guard try store.read(name) == contents(winners[0]) else {
            throw broken(store, "an object did not hold what its creator wrote")
        }
        do throws(VarveError) {
            try store.create(name, [1])
            throw broken(store, "a name could be created twice")
        } catch let error where error.code == .exists {}
        guard try store.read(name) == contents(winners[0]) else {
            throw broken(store, "a second creator changed the object")
        }
    }

    private static func contents(_ writer: Int) -> [UInt8] {
        [UInt8](repeating: UInt8(writer + 1), count: 100 + writer)
    }

    /// What was created is listed at once, in order, with its size.
    private static func checkListing(
        _ store: any ObjectStore, _ prefix: String
    ) throws(VarveError) {
        let suffixes = ["b", "a", "e/c", "a-d"]
        for (size, suffix) in suffixes.enumerated() {
            try store.create(prefix + "list/x" + suffix, [UInt8](repeating: 7, count: size))
        }
        let entries = try store.list(prefix + "list/")
        let expected = suffixes.enumerated().map { (name: prefix + "list/x" + $1, size: $0) }
            .sorted { $0.name < $1.name }
        let isEqual =
            entries.count == expected.count
            && zip(entries, expected).allSatisfy { $0.name == $1.name && $0.size == $1.size }
        guard isEqual else {
            throw broken(store, "a listing did not show what had just been created, in order")
        }
        let later = try store.list(prefix + "list/", after: expected[1].name)
        guard later.map(\.name) == expected[2...].map(\.name) else {
            throw broken(store, "a listing did not begin behind the name it was given")
        }
    }

    private static func checkDeletion(
        _ store: any ObjectStore, _ name: String
    ) throws(VarveError) {
        try store.delete(name)
        if try store.metadataIfPresent(name) != nil {
            throw broken(store, "an object was still there after it was deleted")
        }
    }

    /// Deletes what is left. A failure leaves small objects that readers ignore.
    private static func cleanUp(_ store: any ObjectStore, _ prefix: String) {
        do {
            for entry in try store.list(prefix) { try store.deleteIfPresent(entry.name) }
        } catch {}
    }
}
