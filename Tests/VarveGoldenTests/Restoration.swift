import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// The rows of a state: whole canonical values by key.
typealias Rows = [[UInt8]: [UInt8]]

extension Repository {
    /// Every incarnation of every table with its backups.
    func allBackups() throws -> [(history: TableHistory, backup: BackupRecord)] {
        var result: [(history: TableHistory, backup: BackupRecord)] = []
        for (id, record) in try tables() {
            let history = try history(id, record)
            result += history.backups.map { (history, $0) }
        }
        return result
    }

    /// Restores a backup and proves it.
    /// - Throws: also `proofFailed` if the rows are not those that the backup records.
    func restore(_ history: TableHistory, _ backup: BackupRecord) throws -> Rows {
        var digest = Hash256.zero
        let result = try restore(history, history.plan(at: backup.instant), digest: &digest)
        guard digest == backup.digest, result.count == Int(backup.items) else {
            throw VarveError(.proofFailed, "the rows are not those recorded")
        }
        return result
    }

    /// The rows of a state, and their table digest.
    func restore(
        _ history: TableHistory, _ plan: StatePlan, digest: inout Hash256
    ) throws -> Rows {
        let source = try rows(plan, schema: history.record.keySchema)
        var result: Rows = [:]
        digest = .zero
        while let block = try source.nextBlock() {
            var whole = RowBuffer()
            try expand(block, 0..<block.rows.count, into: &whole)
            digest = digest &+ ItemDigest.tableDigest(of: whole)
            for index in 0..<whole.count { result[whole.keyBytes(index)] = whole.valueBytes(index) }
        }
        return result
    }
}

/// Opens the repository in a store with nothing cached.
func open(_ store: MemoryStore) throws -> Repository {
    try Repository.open(
        store,
        environment: GoldenBuilder.environment(time: ManualTime(GoldenBuilder.start), seed: 99))
}

/// Rows of lines of items.
func rows(_ text: [UInt8], _ schema: KeySchema) throws -> Rows {
    var found = RowBuffer()
    try parse(text, schema, into: &found)
    var result: Rows = [:]
    for index in 0..<found.count { result[found.keyBytes(index)] = found.valueBytes(index) }
    #expect(result.count == found.count)
    return result
}
