import VarveBytes
import VarveFormat
import VarveModel

// Leaves: each must hold what names it says. Source: Spec 11, Verification.

/// What index pages and tree references tell of leaves: a few words for each leaf, whatever it
/// holds. Which of them are wrong is found out by `Verification.checkSuspects`.
struct ExpectedLeaves {
    /// What a tree reference tells of its only leaf.
    private struct Root {
        var hash: Int
        /// The stretch of time of all runs that have the leaf as root.
        var from: Int64
        var to: Int64
    }

    /// By the first word of the id, which is enough: a suspect is looked at again.
    private var children: [UInt64: Int] = [:]
    private var roots: [Hash256: Root] = [:]
    private(set) var suspects: Set<Hash256> = []
    /// What expected leaves hold.
    private(set) var contents: [Hash256: LeafContents] = [:]

    /// Takes in what an index page tells of a leaf.
    mutating func add(_ child: IndexEntry, _ kind: TreeKind, _ schema: KeySchema) {
        let hash = LeafSummary.hash(child, kind, schema)
        let known = children.updateValue(hash, forKey: child.id.words.0)
        if let known, known != hash { suspects.insert(child.id) }
    }

    /// Takes in a piece of one leaf.
    mutating func add(_ piece: Piece, _ kind: TreeKind, _ schema: KeySchema) {
        let hash = LeafSummary.hash(IndexEntry(root: piece.tree), kind, schema)
        let isRun = kind == .run
        var root = Root(hash: hash, from: isRun ? piece.from : .min, to: isRun ? piece.to : .max)
        if let known = roots[piece.tree.root] {
            if known.hash != hash { suspects.insert(piece.tree.root) }
            root.from = max(root.from, known.from)
            root.to = min(root.to, known.to)
        }
        roots[piece.tree.root] = root
    }

    /// Holds a leaf to what is told of it.
    mutating func hold(_ leaf: LeafSummary) {
        let child = children[leaf.id.words.0]
        let root = roots[leaf.id]
        if child == nil, root == nil { return }
        contents[leaf.id] = leaf.contents
        var isSuspect = leaf.mayHoldKey
        if let child, child != leaf.asChild { isSuspect = true }
        if let root {
            let isLater = leaf.greatestTime != .max && leaf.greatestTime >= root.to
            if root.hash != leaf.asRoot || isLater { isSuspect = true }
            if leaf.leastTime != .min, leaf.leastTime < root.from { isSuspect = true }
        }
        if isSuspect { suspects.insert(leaf.id) }
    }
}

extension Verification {
    var pageProof: PageProof {
        var proof = PageProof(blobs: repository.blobs, keyNames: keyNames)
        if readsContents {
            let cutKey = repository.configuration.cutKey
            proof.cutHash = try? CutHash(cutKey: cutKey.raw)
        }
        return proof
    }

    /// Proves a page that a commit or a layout carries.
    func proveCarried(_ plain: RawSpan, _ type: BlobType, _ id: Hash256, _ name: String) {
        if !options.decodesPages { return }
        do throws(VarveError) {
            if let leaf = try pageProof.prove(plain, type, id) { carriedLeaves.append(leaf) }
            if type != .outlinedValue { report.counts.pagesDecoded += 1 }
        } catch {
            lostBlobs[id] = type
            note(name, "\(type.title) \(id), which it carries: \(error.description)")
        }
    }

    func hold(_ leaf: LeafSummary) { expectedLeaves.hold(leaf) }

    /// Looks again at the leaves that seem to hold other things than what names them says.
    func checkSuspects() {
        if expectedLeaves.suspects.isEmpty { return }
        for table in tables {
            let schema = table.history.record.keySchema
            var seen: Set<Hash256> = []
            for piece in table.history.pieces where !piece.tree.isEmpty {
                if isStopping { return }
                let kind: TreeKind = piece.kind == .image ? .image : .run
                if piece.tree.height == 0 {
                    checkRoot(piece, kind, schema)
                } else {
                    checkSuspects(
                        below: piece.tree.root, kind, level: Int(piece.tree.height), schema, &seen)
                }
            }
        }
    }

    private func checkSuspects(
        below page: Hash256, _ kind: TreeKind, level: Int, _ schema: KeySchema,
        _ seen: inout Set<Hash256>
    ) {
        if !seen.insert(page).inserted { return }
        // A page that cannot be read was told of where trees are checked.
        let children = try? repository.blobs.children(of: page, kind: kind, level: level)
        for child in children ?? [] {
            if level > 1 {
                checkSuspects(below: child.id, kind, level: level - 1, schema, &seen)
            } else if expectedLeaves.suspects.contains(child.id),
                let facts = facts(of: child.id, kind, schema)
            {
                note(facts.entry, child, "the index page \(page)")
            }
        }
    }

    private func checkRoot(_ piece: Piece, _ kind: TreeKind, _ schema: KeySchema) {
        let id = piece.tree.root
        guard expectedLeaves.suspects.contains(id), let facts = facts(of: id, kind, schema)
        else { return }
        note(facts.root, IndexEntry(root: piece.tree), "the tree of \(Instant.text(piece.to))")
        if kind == .run,
            facts.times.lowerBound < piece.from || facts.times.upperBound >= piece.to
        {
            note("blob \(id)", "the run holds changes outside of its stretch of time")
        }
    }

    /// What a leaf holds; notes if it is none of the table.
    private func facts(of id: Hash256, _ kind: TreeKind, _ schema: KeySchema) -> LeafFacts? {
        if lostBlobs[id] != nil { return nil }
        do throws(VarveError) {
            let plain = try repository.blobs.plain(id, as: kind.leafType)
            return try pageProof.proveLeaf(plain.raw, kind, schema, id)
        } catch {
            lose(id, kind.leafType, error.description)
            return nil
        }
    }

    /// Notes what is told of a leaf and is not so.
    private func note(_ found: IndexEntry, _ told: IndexEntry, _ teller: String) {
        var parts: [String] = []
        if found.entries != told.entries { parts.append("its number of entries") }
        if found.weight != told.weight { parts.append("its weight") }
        if found.digest != told.digest { parts.append("its digest") }
        if found.lastKey != told.lastKey || found.lastTime != told.lastTime
            || found.lastSequence != told.lastSequence
        {
            parts.append("its last entry")
        }
        if found.leastTime != told.leastTime || found.greatestTime != told.greatestTime {
            parts.append("the times of its changes")
        }
        if parts.isEmpty { return }
        note(
            "blob \(found.id)",
            "\(teller) tells other things of this leaf page than it holds: "
                + parts.joined(separator: ", "))
    }
}
