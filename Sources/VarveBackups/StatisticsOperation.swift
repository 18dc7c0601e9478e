public import VarveArchive
public import VarveBytes
public import VarveFormat
import VarveStorage

/// How much a repository holds, and how little room it takes.
public struct RepositoryStatistics: Sendable {
    /// Objects of one kind.
    public struct Objects: Sendable, Hashable {
        public var count = 0
        public var bytes = 0

        mutating func add(_ size: Int) {
            count += 1
            bytes += size
        }
    }

    /// One incarnation of a table.
    public struct Table: Sendable {
        public var id: TableID
        public var record: TableRecord
        /// The newest state; nil if there is none.
        public var latest: Checkpoint?
        public var states: Int
        public var backups: Int
        /// Item sizes of all backups: what full copies would take.
        public var backupItemBytes: UInt64
        /// Images and runs that hold its history, and their bytes as they were written. Pages that
        /// several share are counted in each.
        public var images: Int
        public var imageBytes: UInt64
        public var runs: Int
        public var runBytes: UInt64
    }

    public var packs = Objects()
    public var indexes = Objects()
    public var commits = Objects()
    public var layouts = Objects()
    public var backups = Objects()
    /// Configuration, table records, settings, intents and the like.
    public var others = Objects()
    public var tables: [Table] = []

    public var total: Objects {
        [packs, indexes, commits, layouts, backups, others].reduce(into: Objects()) {
            $0.count += $1.count
            $0.bytes += $1.bytes
        }
    }

    /// Item bytes of all backups for each stored byte; nil if nothing is stored or backed up.
    public var savings: Double? {
        let copies = tables.reduce(0) { $0 + $1.backupItemBytes }
        return copies == 0 || total.bytes == 0 ? nil : Double(copies) / Double(total.bytes)
    }
}

/// Counts what a repository holds, without reading a page.
public struct StatisticsOperation {
    private let repository: Repository

    public init(_ repository: Repository) { self.repository = repository }

    /// - Complexity: one listing of all objects, and each table's history.
    public func run() throws(VarveError) -> RepositoryStatistics {
        var result = RepositoryStatistics()
        for entry in try repository.store.list("") {
            switch ObjectName(path: entry.name) {
            case .pack: result.packs.add(entry.size)
            case .index: result.indexes.add(entry.size)
            case .commit: result.commits.add(entry.size)
            case .layout: result.layouts.add(entry.size)
            case .backup: result.backups.add(entry.size)
            default: result.others.add(entry.size)
            }
        }
        for table in try repository.tables() {
            let history = try repository.history(table.id, table.record)
            let images = history.pieces.filter { $0.kind == .image }
            let runs = history.pieces.filter { $0.kind == .run }
            result.tables.append(
                RepositoryStatistics.Table(
                    id: table.id, record: table.record, latest: history.latest,
                    states: history.checkpoints.count, backups: history.backups.count,
                    backupItemBytes: history.backups.reduce(0) { $0 + $1.bytes },
                    images: images.count,
                    imageBytes: images.reduce(0) { $0 + $1.tree.storedBytes },
                    runs: runs.count, runBytes: runs.reduce(0) { $0 + $1.tree.storedBytes }))
        }
        return result
    }
}
