import VarveBytes
import VarveFormat
import VarveStorage

// A replica remembers which head the last copy brought: if its head is still that one, then nobody
// has written to it, also if the source no longer tells of that state. Source: Spec 11, Copying.

extension Repository {
    private func marksPrefix(of table: TableID) -> String { "copied/\(table)/" }

    /// Whether a copy brought this repository up to a table's head.
    func isMarked(_ head: Hash256, of table: TableID) throws(VarveError) -> Bool {
        try store.metadataIfPresent(marksPrefix(of: table) + head.description) != nil
    }

    /// Remembers that a copy brought it up to a table's head.
    func mark(_ head: Hash256, of table: TableID) throws(VarveError) {
        let prefix = marksPrefix(of: table)
        let name = prefix + head.description
        var bytes = ByteWriter(capacity: 32)
        bytes.append(head)
        let isNew = try store.createIfAbsent(name, bytes.takeBytes())
        if !isNew { return }
        for entry in try store.list(prefix) where entry.name != name {
            try store.deleteIfPresent(entry.name)
        }
    }
}
