import VarveBytes
import VarveFormat
import VarveStorage

// A replica remembers which head the last copy brought: if its head is still that one, then nobody
// has written to it, also if the source no longer tells of that state. Source: Spec 11, Copying.

/// The object that says so: its name is the head, and so are its bytes.
struct CopyMark: Hashable {
    static let prefix = "copied/"

    var table: TableID
    var head: Hash256

    init(table: TableID, head: Hash256) {
        self.table = table
        self.head = head
    }

    /// Nil for what is no mark's name: readers ignore it, and nobody deletes it.
    init?(path: String) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, parts[0] + "/" == Self.prefix,
            let table = TableID(hexadecimal: parts[1]), let head = Hash256(hexadecimal: parts[2])
        else { return nil }
        self.init(table: table, head: head)
    }

    static func prefix(of table: TableID) -> String { "\(prefix)\(table)/" }

    var path: String { Self.prefix(of: table) + head.description }

    var bytes: [UInt8] {
        var bytes = ByteWriter(capacity: 32)
        bytes.append(head)
        return bytes.takeBytes()
    }
}

extension Repository {
    /// Whether a copy brought this repository up to a table's head.
    func isMarked(_ head: Hash256, of table: TableID) throws(VarveError) -> Bool {
        let mark = CopyMark(table: table, head: head)
        return try store.readIfPresent(mark.path) == mark.bytes
    }

    /// Remembers that a copy brought it up to a table's head.
    func mark(_ head: Hash256, of table: TableID) throws(VarveError) {
        let mark = CopyMark(table: table, head: head)
        if try !store.createIfAbsent(mark.path, mark.bytes) { return }
        for entry in try store.list(CopyMark.prefix(of: table)) {
            guard let other = CopyMark(path: entry.name), other != mark else { continue }
            try store.deleteIfPresent(entry.name)
        }
    }
}
