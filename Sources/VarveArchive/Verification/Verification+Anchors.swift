import VarveBytes
import VarveFormat
import VarveStorage

// Hashes that were kept outside the repository. Source: Spec 13.

extension Verification {
    /// Holds the chains of commits against the anchors.
    func checkAnchors() {
        for anchor in options.anchors {
            let chains = tables.map(\.history).filter {
                anchor.table == nil || $0.record.name == anchor.table
                    || $0.record.title == anchor.table
            }
            let place = anchor.table.map { "table \($0)" } ?? repository.store.location
            if chains.isEmpty {
                note(place, "there is no table that could have the commit \(anchor.hash)")
            } else if !chains.contains(where: { hashes(of: $0).contains(anchor.hash) }) {
                note(
                    place,
                    "no chain of commits has \(anchor.hash): either the history was rewritten, or "
                        + "prune has dropped that commit since; then anchor a newer head")
            }
        }
    }

    /// Every hash that the chain of a table is known to have. What a layout covers is known by the
    /// layout and by the backups alone.
    private func hashes(of history: TableHistory) -> Set<Hash256> {
        var hashes = Set(history.commits.map(\.hash))
        hashes.insert(history.record.hash)
        let next = history.layout?.nextSequence ?? 0
        hashes.formUnion(
            history.backups.filter { $0.commitSequence < next }.map(\.commitHash))
        if let layout = history.layout {
            hashes.insert(layout.before)
            hashes.formUnion(layout.ranges.map(\.lastHash))
        }
        return hashes
    }
}
