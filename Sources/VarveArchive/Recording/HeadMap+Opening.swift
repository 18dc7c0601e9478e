import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// Where a recorder keeps its head maps.
public enum HeadMapPlace: Sendable, Hashable {
    /// In memory alone: for tests and small tables.
    case memory
    /// In files of a directory that is made if it is not there.
    case directory(String)

    /// The file of a table; nil in memory.
    func file(of table: TableID) -> String? {
        switch self {
        case .memory: nil
        case .directory(let path): "\(path)/\(table).heads"
        }
    }
}

extension HeadMap {
    /// Opens the map of a table's newest state: as it was left, brought up to date by the commits
    /// after it, or made anew from the state.
    ///
    /// - Throws: `conflict` if another process has it open; `proofFailed` if the newest state is
    ///   not the one recorded; `storage`.
    /// - Complexity: a constant; O(changes) after its commit; O(items) to make it anew.
    static func open(
        _ place: HeadMapPlace, _ repository: Repository, _ history: TableHistory
    ) throws -> HeadMap {
        let head = history.chainHead
        if head.isClosed {
            // What is only rejected needs no map; and the state that the commits end with may be in
            // doubt, and no plan leads to it.
            return try empty(nil, bits: bits(for: 0), repository, history.id)
        }
        guard let file = place.file(of: history.id) else {
            return try make(nil, repository, history)
        }
        do throws(VarveError) {
            try FileSystem.makeDirectories(FileSystem.parent(of: file))
        } catch {
            throw VarveError(
                error.code,
                "the recorder's cache cannot be made there: \(error.message); name another "
                    + "directory with --cache", at: error.location, cause: error.cause)
        }
        if let words = try openIfSound(file), let header = HeadMapHeader(from: words),
            header.isOf(repository: repository.configuration.id, table: history.id),
            header.isAtRest || isThisStart(header.boot)
        {
            var map = HeadMap(words: words, header: header)
            if try map.isCaughtUp(repository, history, head) {
                try map.beginUse()
                return map
            }
        }
        var map = try make(file, repository, history)
        try map.beginUse()
        return map
    }

    /// Opens the map; once more if the state cannot be read because a collector has replaced its
    /// pages meanwhile.
    static func openMovingOn(
        _ place: HeadMapPlace, _ repository: Repository, _ history: TableHistory
    ) throws -> HeadMap {
        do {
            return try open(place, repository, history)
        } catch let error as VarveError {
            guard error.code == .damaged || error.code == .notFound else { throw error }
            try repository.blobs.reload()
            let now = try repository.history(history.id, history.record)
            guard now.layoutNumber != history.layoutNumber,
                now.chainHead.hash == history.chainHead.hash
            else { throw error }
            return try open(place, repository, now)
        }
    }

    private static func openIfSound(_ file: String) throws -> MappedFile? {
        do throws(VarveError) {
            return try MappedFile.open(file)
        } catch {
            switch error.code {
            case .notFound, .damaged: return nil
            case .conflict:
                throw VarveError(
                    .conflict, "another process records this table; stop it first", at: file)
            default: throw error
            }
        }
    }

    private static func isThisStart(_ boot: (UInt64, UInt64)) -> Bool {
        guard let now = CurrentProcess.bootIdentifier else { return false }
        return now == boot
    }

    // MARK: From what was there

    /// Whether the commits after the one that the map stands at could be applied. A damaged map is
    /// made anew; if it is the archive that is damaged, making it anew tells.
    private mutating func isCaughtUp(
        _ repository: Repository, _ history: TableHistory, _ head: ChainHead
    ) throws -> Bool {
        do {
            return try catchUp(repository, history, head)
        } catch let error as VarveError where error.code == .damaged {
            return false
        }
    }

    /// Applies the commits after the one that the map stands at.
    /// - Returns: false if the map cannot get there.
    private mutating func catchUp(
        _ repository: Repository, _ history: TableHistory, _ head: ChainHead
    ) throws -> Bool {
        if header.sequence == head.nextSequence { return header.commit == head.hash }
        let missing = history.commits.filter { $0.logical.sequence >= header.sequence }
        guard missing.first?.logical.sequence == header.sequence,
            missing.first?.logical.before == header.commit,
            missing.allSatisfy({ $0.pieces.allSatisfy { $0.kind == .run } && !$0.pieces.isEmpty })
        else { return false }
        // Some of the changes may be there already, uncounted.
        let changes = missing.flatMap(\.pieces).reduce(0 as UInt64) {
            $0.saturated(adding: $1.tree.entries)
        }
        guard changes < 1 << 40, hasRoom(for: 2 * Int(changes)) else { return false }
        header.used += changes
        for piece in missing.flatMap(\.pieces) {
            try apply(piece.tree, repository, history.record.keySchema)
        }
        stand(at: head)
        return true
    }

    /// Applies a run: of each key the last change.
    private mutating func apply(
        _ run: TreeReference, _ repository: Repository, _ schema: KeySchema
    ) throws {
        let scan = try RunScan(run, schema: schema, repository: repository)
        let codec = KeyCodec(schema)
        var whole = RowBuffer(capacity: 1 << 16)
        while let block = try scan.nextBlock() {
            for index in 0..<block.changes.count {
                let key = fingerprint(block.changes.rows, index)
                // Changes of one key come in order of time: the last one stays.
                if block.changes.stamps[index].kind == .tombstone {
                    try set(key, nil)
                    continue
                }
                whole.removeAll()
                try repository.expand(block.changes.rows, index..<index + 1, into: &whole)
                try set(key, try Self.entry(whole, 0, codec))
            }
        }
    }

    /// The entry of a whole row.
    static func entry(
        _ rows: borrowing RowBuffer, _ index: Int, _ codec: KeyCodec
    ) throws(VarveError) -> Entry {
        let size = try ItemMeasure.itemBytes(
            key: rows.key(index), value: rows.value(index), codec)
        return Entry(hash: rows.itemHash(index), size: UInt32(truncatingIfNeeded: size))
    }

    // MARK: Anew

    private static func make(
        _ file: String?, _ repository: Repository, _ history: TableHistory
    ) throws -> HeadMap {
        let head = history.chainHead
        let bits = bits(for: Int(truncatingIfNeeded: min(head.items, 1 << 36)))
        var map = try empty(file, bits: bits, repository, history.id)
        try map.fill(repository, history, head)
        map.stand(at: head)
        return map
    }

    /// A map of nothing.
    static func empty(
        _ file: String?, bits: Int, _ repository: Repository, _ table: TableID
    ) throws -> HeadMap {
        let count = wordCount(bits: bits)
        let secret = HeadMapHeader.words(repository.environment.random.bytes(16))
        let header = HeadMapHeader(
            repository: repository.configuration.id, table: table, secret: secret, bits: bits)
        guard let file else {
            return HeadMap(words: try MappedFile.anonymous(words: count), header: header)
        }
        return HeadMap(words: try MappedFile.create(file, words: count), header: header)
    }

    private mutating func fill(
        _ repository: Repository, _ history: TableHistory, _ head: ChainHead
    ) throws {
        if head.items == 0 { return }
        let schema = history.record.keySchema
        let codec = KeyCodec(schema)
        let source = try repository.rows(history.newestPlan(), schema: schema)
        var digest = Hash256.zero
        var items: UInt64 = 0
        var whole = RowBuffer(capacity: 1 << 18)
        let spill = try HeadMapSpill(
            words.path.isEmpty ? "" : words.path + ".new", bits: header.bits)
        while let block = try source.nextBlock() {
            whole.removeAll()
            try repository.expand(block, 0..<block.rows.count, into: &whole)
            for index in 0..<whole.count {
                let entry = try Self.entry(whole, index, codec)
                digest = digest &+ entry.hash
                items += 1
                let key = fingerprint(whole, index)
                if let spill {
                    try spill.append(key, entry)
                } else {
                    try set(key, entry)
                }
            }
        }
        try spill?.drain(into: &self)
        guard digest == head.digest, items == head.items else {
            throw VarveError(
                .proofFailed,
                "the newest state of table \(history.record.name) is not the one recorded; "
                    + "run 'varve verify'")
        }
    }

    // MARK: Growing

    private func countItems() throws(VarveError) -> Int {
        var count = 0
        for slot in 0..<capacity where try item(at: slot) != nil { count += 1 }
        return count
    }

    /// Makes room for so many more keys.
    mutating func makeRoom(
        for more: Int, _ place: HeadMapPlace, _ repository: Repository, _ table: TableID
    ) throws {
        if hasRoom(for: more) { return }
        let file = place.file(of: table)
        let next = file.map { $0 + ".new" }
        let bits = Self.bits(for: try countItems() + more)
        let count = Self.wordCount(bits: bits)
        var header = self.header
        header.bits = bits
        header.used = 0
        var map: HeadMap
        if let next {
            map = HeadMap(words: try MappedFile.create(next, words: count), header: header)
        } else {
            map = HeadMap(words: try MappedFile.anonymous(words: count), header: header)
        }
        for slot in 0..<capacity {
            if let (key, entry) = try item(at: slot) { try map.set(key, entry) }
        }
        // Written before the file takes the old one's place, of which it says the same.
        map.writeHeader()
        if let next, let file { try FileSystem.rename(next, to: file) }
        self = map
    }
}
