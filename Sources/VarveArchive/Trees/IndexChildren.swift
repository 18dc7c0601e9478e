import VarveBytes
import VarveFormat

extension IndexEntry {
    /// What an index page above the root would tell of it, but for its last key, which is left
    /// empty.
    init(root tree: TreeReference) {
        self.init(entries: tree.entries)
        id = tree.root
        weight = tree.weight
        digest = tree.digest
    }
}

extension BlobStore {
    /// The children of an index page.
    /// - Parameter level: the page's.
    /// - Throws: `damaged` if the page is missing, malformed or of another level.
    func children(
        of id: Hash256, kind: TreeKind, level: Int
    ) throws(VarveError) -> [IndexEntry] {
        let plain = try plain(id, as: kind == .image ? .imageIndex : .runIndex)
        do throws(VarveError) {
            let page = try IndexPage(plain.raw, kind: kind)
            if Int(page.level) != level {
                throw VarveError(.damaged, "the index page is of level \(page.level), not \(level)")
            }
            return page.children
        } catch {
            throw error.located(in: "blob \(id)")
        }
    }
}
