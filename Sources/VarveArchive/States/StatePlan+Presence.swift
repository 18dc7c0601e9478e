public import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

// Whether what a state is made of is there, without reading it.

/// How closely the trees of a state are looked at.
public enum PresenceCheck: Sendable {
    /// Their roots and what these name: a few pages of each, however large the table is.
    case roots
    /// All their index pages and what these name, but for large values, which leaves alone tell.
    case indexPages
}

extension Repository {
    /// Finds a page that a state needs and that is in no pack.
    /// - Returns: nil if all that were looked for are there.
    public func missingPage(in plan: StatePlan, _ check: PresenceCheck) throws -> VarveError? {
        let packs = try blobs.presentPacks()
        do throws(VarveError) {
            try look(at: plan.image, .image, check, packs)
            for run in plan.runs { try look(at: run.tree, .run, check, packs) }
            return nil
        } catch {
            guard error.code == .damaged else { throw error }
            return error
        }
    }

    private func look(
        at tree: TreeReference, _ kind: TreeKind, _ check: PresenceCheck, _ packs: Set<Hash256>
    ) throws(VarveError) {
        if tree.isEmpty { return }
        try blobs.checkPresence(of: tree.root, packs)
        var waiting = [(id: tree.root, level: Int(tree.height))]
        while let (id, level) = waiting.popLast(), level > 0 {
            for child in try blobs.children(of: id, kind: kind, level: level) {
                try blobs.checkPresence(of: child.id, packs)
                if check == .indexPages, level > 1 { waiting.append((child.id, level - 1)) }
            }
        }
    }
}

extension BlobStore {
    /// Names of the packs that the store lists.
    func presentPacks() throws(VarveError) -> Set<Hash256> {
        var packs: Set<Hash256> = []
        for entry in try store.list(ObjectName.packsPrefix) {
            if case .pack(let name)? = ObjectName(path: entry.name) { packs.insert(name) }
        }
        return packs
    }

    /// Whether indexes name packs that the store does not list: what they tell of them is not to be
    /// relied on.
    func lackPacks() throws(VarveError) -> Bool {
        let named = indexedPacks
        return try !named.subtracting(presentPacks()).isEmpty
    }

    /// - Throws: `damaged` if no pack of those that are there has the blob.
    fileprivate func checkPresence(
        of id: Hash256, _ packs: Set<Hash256>
    ) throws(VarveError) {
        if isCarried(id) { return }
        if let place = try location(of: id), packs.contains(place.pack) { return }
        // A collector may have moved it; or another copy of it is there.
        _ = try recordAfterReload(id)
    }
}
