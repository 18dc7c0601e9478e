public import VarveArchive
public import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// What is to be restored, and where to.
public struct RestoreRequest: Sendable {
    /// How the items are written.
    public enum Format: String, Sendable, CaseIterable {
        case dynamoDBJSON = "dynamodb-json"
        case plainJSON = "plain-json"
    }

    public var table: String
    public var state: StateSelection
    /// A file that is not there yet.
    public var target: String
    public var format = Format.dynamoDBJSON
    /// Plain JSON may lose the types of binary values and sets.
    public var isLossy = false
    /// One partition key's value.
    public var partition: String?
    /// `FROM..TO` of keys.
    public var keyRange: String?

    public init(table: String, state: StateSelection, target: String) {
        self.table = table
        self.state = state
        self.target = target
    }
}

/// Writes a state of a table, or a part of it, to a file, and proves what it wrote.
///
/// The target comes into being whole, once it is proven, or not at all.
public struct RestoreOperation {
    private let repository: Repository
    private let request: RestoreRequest
    private let control: OperationControl

    /// Sendable: handed from the thread that reads blocks to the one that renders it; neither looks
    /// at it after it gave it away.
    private final class Unit: @unchecked Sendable {
        let block: RowBlock

        init(_ block: RowBlock) { self.block = block }
    }

    public init(
        _ repository: Repository, _ request: RestoreRequest,
        control: OperationControl = OperationControl()
    ) {
        self.repository = repository
        self.request = request
        self.control = control
    }

    /// - Throws: `notFound`, `ambiguous`; `exists` if the target is there; `damaged`; `proofFailed`
    ///   if what was written is not what was recorded; `refused` if plain JSON would lose a type and
    ///   `isLossy` is not set; `interrupted`. Then there is no target.
    public func run() throws -> RestoreReceipt {
        let started = SystemClock.microseconds()
        let history = try repository.history(of: request.table)
        let state = try history.state(request.state)
        let schema = history.record.keySchema
        let bounds = try KeyArguments.bounds(
            partition: request.partition, range: request.keyRange, schema)
        let file = try PendingFile(request.target)
        defer { file.abandon() }
        let rendering = RowRendering(
            repository, schema: schema,
            form: request.format == .dynamoDBJSON ? .dynamoDB : .plain,
            isWrapped: request.format == .dynamoDBJSON, isLossy: request.isLossy,
            measures: !bounds.isAll)
        control.begin(total: bounds.isAll ? Int(state.plan.checkpoint.items) : 0)
        let sum = try copy(state.plan, schema, bounds, rendering, to: file)
        var receipt = receipt(history, state, isPart: !bounds.isAll, rendering, sum)
        receipt.fileBytes = file.byteCount
        try check(receipt)
        try control.check()
        try file.publish()
        receipt.microseconds = SystemClock.microseconds() - started
        return receipt
    }

    private func copy(
        _ plan: StatePlan, _ schema: KeySchema, _ bounds: KeyBounds, _ rendering: RowRendering,
        to file: PendingFile
    ) throws -> RenderedRows {
        let rows = try repository.rows(plan, schema: schema, bounds: bounds)
        let workers = repository.environment.workers
        let pipeline = OrderedPipeline<Unit, RenderedRows>(
            limit: workers == 1 ? 1 : workers * 2
        ) { unit in try rendering.render(unit.block) }
        let sum = RenderedRows()
        var isAtEnd = false
        while !isAtEnd || pipeline.pending > 0 {
            while !isAtEnd, !pipeline.isFull {
                try control.check()
                if let block = try rows.nextBlock() {
                    pipeline.submit(Unit(block))
                } else {
                    isAtEnd = true
                }
            }
            guard let rendered = try pipeline.take() else { continue }
            try file.write(rendered.text.bytes)
            sum.items += rendered.items
            sum.itemBytes += rendered.itemBytes
            sum.rowDigest = sum.rowDigest &+ rendered.rowDigest
            sum.textDigest = sum.textDigest &+ rendered.textDigest
            control.report(done: Int(sum.items), items: Int(sum.items))
        }
        return sum
    }

    // MARK: Proof

    private func receipt(
        _ history: TableHistory, _ state: SelectedState, isPart: Bool, _ rendering: RowRendering,
        _ sum: RenderedRows
    ) -> RestoreReceipt {
        let checkpoint = state.plan.checkpoint
        let proof: RestoreReceipt.Proof =
            switch (isPart, rendering.readsBack) {
            case (false, true): .textAgainstRecord
            case (false, false): .rowsAgainstRecord
            case (true, true): .textAgainstPages
            case (true, false): .rowsAgainstPages
            }
        return RestoreReceipt(
            table: request.table, instant: checkpoint.instant, backup: state.backup,
            target: request.target, format: request.format.rawValue, isPart: isPart,
            items: sum.items, itemsRecorded: checkpoint.items,
            itemBytes: isPart ? sum.itemBytes : checkpoint.bytes, fileBytes: 0,
            digestRecorded: isPart ? sum.rowDigest : checkpoint.digest,
            digestRecomputed: sum.textDigest, proof: proof, head: history.head, microseconds: 0)
    }

    private func check(_ receipt: RestoreReceipt) throws(VarveError) {
        let place = "table \(receipt.table) at \(receipt.instant)"
        if !receipt.isPart, receipt.items != receipt.itemsRecorded {
            throw VarveError(
                .proofFailed,
                "\(receipt.items) items were restored, but \(receipt.itemsRecorded) are recorded; "
                    + "the target was not made; run 'varve verify --read-data'", at: place)
        }
        if !receipt.isEqual {
            throw VarveError(
                .proofFailed,
                "the digest of what was restored, \(receipt.digestRecomputed), is not the one "
                    + "recorded, \(receipt.digestRecorded); the target was not made; "
                    + "run 'varve verify --read-data'", at: place)
        }
    }
}
