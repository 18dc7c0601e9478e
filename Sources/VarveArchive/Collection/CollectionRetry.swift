import VarveBytes
import VarveFormat
import VarveModel

/// A state's rows, read across one change of the layout: when a page is missing because a collector
/// replaced the pieces, goes on behind the last row with those of the newest layout.
/// Source: Spec 11, Order of reading.
final class ResumingRows: RowSource {
    private let repository: Repository
    private var history: TableHistory
    private let instant: Instant
    private var source: any RowSource
    private var lastKey: [UInt8]?

    init(_ repository: Repository, _ history: TableHistory, at instant: Instant) throws {
        self.repository = repository
        self.history = history
        self.instant = instant
        do {
            source = try Self.open(repository, history, instant, after: nil)
        } catch let error as VarveError {
            self.history = try Self.reload(repository, history, instant, error)
            source = try Self.open(repository, self.history, instant, after: nil)
        }
    }

    func nextBlock() throws -> RowBlock? {
        do {
            return try take()
        } catch let error as VarveError {
            history = try Self.reload(repository, history, instant, error)
            source = try Self.open(repository, history, instant, after: lastKey)
            return try take()
        }
    }

    private func take() throws -> RowBlock? {
        let block = try source.nextBlock()
        if let block { lastKey = block.rows.keyBytes(block.rows.count - 1) }
        return block
    }

    private static func open(
        _ repository: Repository, _ history: TableHistory, _ instant: Instant, after key: [UInt8]?
    ) throws -> any RowSource {
        try repository.rows(
            try history.plan(at: instant), schema: history.record.keySchema,
            bounds: KeyBounds(lower: key.map { $0 + [0] }))
    }

    /// The history under a newer layout; throws `error` if there is none.
    private static func reload(
        _ repository: Repository, _ history: TableHistory, _ instant: Instant, _ error: VarveError
    ) throws -> TableHistory {
        guard error.code == .damaged || error.code == .notFound,
            try repository.newestLayout(of: history.id) != history.layoutNumber
        else { throw error }
        try repository.blobs.reload()
        let now = try repository.history(history.id, history.record)
        if try now.checkpoint(at: instant) == nil {
            throw VarveError(
                .conflict, "the state at \(instant) was pruned meanwhile; run this again")
        }
        return now
    }
}
