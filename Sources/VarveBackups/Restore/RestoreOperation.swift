public import VarveArchive
import VarveBytes
import VarveEndpoints
import VarveFormat
import VarveModel
import VarveStorage

/// Writes a state of a table, or a part of it, to a file or a directory, and proves what it wrote.
///
/// The target comes into being whole, once it is proven, or not at all.
public struct RestoreOperation {
    private let repository: Repository
    private let request: RestoreRequest
    private let control: OperationControl

    /// What was written.
    private struct Sum {
        var items: UInt64 = 0
        var itemBytes: UInt64 = 0
        var rowDigest = Hash256.zero
        var textDigest = Hash256.zero
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
    ///   if what was written is not what was recorded; `refused` if a format would lose a type and
    ///   `isLossy` is not set; `interrupted`. Then there is no target.
    public func run() throws -> RestoreReceipt {
        let found = try repository.state(
            request.state, of: request.table, tell: { control.tell($0) })
        do {
            return try run(found)
        } catch let error as VarveError {
            throw repository.explained(error, restoring: found.state.plan, of: found.history)
        }
    }

    private func run(_ found: FoundState) throws -> RestoreReceipt {
        let (history, state) = (found.history, found.state)
        let bounds = try KeyArguments.bounds(
            partition: request.partition, range: request.keyRange, history.record.keySchema)
        let target = try makeTarget(history, state, bounds)
        do {
            return try write(found, bounds, to: target)
        } catch {
            throw error.including { try target.abandon() }
        }
    }

    private func write(
        _ found: FoundState, _ bounds: KeyBounds, to target: TableTarget
    ) throws -> RestoreReceipt {
        let started = SystemClock.microseconds()
        let (history, state) = (found.history, found.state)
        let schema = history.record.keySchema
        let rendering = RowRendering(
            repository, schema: schema, renderer: target.renderer,
            readsBack: request.format == .dynamoDBJSON || request.format == .export,
            isCompressed: isCompressed, isPart: !bounds.isAll)
        control.begin(total: bounds.isAll ? Int(state.plan.checkpoint.items) : 0)
        // Of a part no digest is recorded.
        let isWhole = bounds.isAll
        let stretch = isWhole ? try repository.stretchSum(for: state.plan, in: history) : nil
        let aside = recordedDigest(history, state.plan)
        if isWhole, stretch == nil { aside.submit(()) }
        let rows = try repository.rows(
            state.plan, schema: schema, bounds: bounds, adding: stretch)
        let sum = try copy(rows, rendering, to: target)
        let recorded = try stretch.map {
            try repository.wholeDigest(of: state.plan, in: history, adding: $0)
        }
        var receipt = try receipt(found, try recorded ?? aside.take(), rendering, sum)
        try check(receipt)
        try control.check()
        try target.finish()
        receipt.fileBytes = UInt64(target.byteCount)
        receipt.microseconds = SystemClock.microseconds() - started
        return receipt
    }

    // MARK: Target

    private var isCompressed: Bool {
        request.format == .export || request.target.lowercased().hasSuffix(".gz")
    }

    private func makeTarget(
        _ history: TableHistory, _ state: SelectedState, _ bounds: KeyBounds
    ) throws -> TableTarget {
        let schema = history.record.keySchema
        switch request.format {
        case .dynamoDBJSON:
            return try .file(request.target, format: .lines, schema: schema)
        case .plainJSON:
            return try .file(
                request.target, format: .plainLines(isLossy: request.isLossy), schema: schema)
        case .csv:
            guard request.isLossy else {
                throw VarveError(
                    .refused,
                    "CSV has no types: what it holds cannot be told apart any more; "
                        + "if that is fine, use --lossy")
            }
            var names = AttributeNames()
            try names.add(
                try repository.rows(state.plan, schema: schema, bounds: bounds), repository,
                control)
            return try .file(
                request.target, format: .csv(columns: names.columns(schema)), schema: schema)
        case .export: return try makeExport(history, state)
        }
    }

    private func makeExport(
        _ history: TableHistory, _ state: SelectedState
    ) throws(VarveError) -> TableTarget {
        if request.target == "-" {
            throw VarveError(
                .invalidInput, "an export is a directory; standard output cannot be one")
        }
        var description = ExportDescription(
            exportTime: state.instant.microseconds, startTime: repository.now())
        if let record = try RecordedSettings.valid(repository, history.id, at: state.instant) {
            description.settings = try RecordedSettings.documents(record)
        }
        description.tableName = history.record.name
        if !history.record.arn.isEmpty { description.tableARN = history.record.arn }
        if !history.record.serviceID.isEmpty { description.tableID = history.record.serviceID }
        return try .export(
            request.target, description: description, schema: history.record.keySchema)
    }

    // MARK: Rows

    private func copy(
        _ rows: any RowSource, _ rendering: RowRendering, to target: TableTarget
    ) throws -> Sum {
        let workers = repository.environment.workers
        let pipeline = OrderedPipeline<RowBlock, RenderedRows>(
            limit: workers == 1 ? 1 : workers * 2
        ) { block in try rendering.render(block) }
        var sum = Sum()
        var isAtEnd = false
        while !isAtEnd || pipeline.pending > 0 {
            while !isAtEnd, !pipeline.isFull {
                try control.check()
                if let block = try rows.nextBlock() {
                    pipeline.submit(block)
                } else {
                    isAtEnd = true
                }
            }
            guard let rendered = try pipeline.take() else { continue }
            try target.write(rendered.bytes.bytes, rendered.part)
            sum.items += UInt64(rendered.part.itemCount)
            sum.itemBytes += rendered.itemBytes
            sum.rowDigest = sum.rowDigest &+ rendered.rowDigest
            sum.textDigest = sum.textDigest &+ rendered.textDigest
            control.report(done: Int(sum.items), items: Int(sum.items))
        }
        return sum
    }

    // MARK: Proof

    /// Works out the digest that is recorded on another thread, beside the rows.
    private func recordedDigest(
        _ history: TableHistory, _ plan: StatePlan
    ) -> OrderedPipeline<Void, ProvenDigest> {
        let repository = self.repository
        return OrderedPipeline(limit: repository.environment.workers == 1 ? 1 : 2) {
            try repository.wholeDigest(of: plan, in: history)
        }
    }

    /// - Parameter recorded: nil of a part.
    private func receipt(
        _ found: FoundState, _ recorded: ProvenDigest?, _ rendering: RowRendering, _ sum: Sum
    ) throws -> RestoreReceipt {
        let (history, state) = (found.history, found.state)
        let checkpoint = state.plan.checkpoint
        let isPart = recorded == nil
        let known = recorded ?? ProvenDigest(digest: sum.rowDigest)
        let proof: RestoreReceipt.Proof =
            switch (isPart, rendering.readsBack) {
            case (false, true): known.derivedFrom == nil ? .textAgainstRecord : .textAgainstDerived
            case (false, false):
                known.derivedFrom == nil ? .rowsAgainstRecord : .rowsAgainstDerived
            case (true, true): .textAgainstPages
            case (true, false): .rowsAgainstPages
            }
        return RestoreReceipt(
            table: history.record.name, id: history.id, incarnation: history.record.ordinal,
            title: found.title, instant: state.instant, checkpoint: checkpoint.instant,
            isUnsealed: state.plan.isUnsealed, backup: state.backup,
            target: request.target, format: request.format.rawValue, isCompressed: isCompressed,
            isPart: isPart, items: sum.items, itemsRecorded: checkpoint.items,
            itemBytes: isPart ? sum.itemBytes : checkpoint.bytes, fileBytes: 0,
            digestRecorded: known.digest, digestRecomputed: sum.textDigest, proof: proof,
            derivedFrom: known.derivedFrom, head: history.head, microseconds: 0)
    }

    private func check(_ receipt: RestoreReceipt) throws(VarveError) {
        let place = "table \(receipt.title) at \(receipt.instant)"
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
