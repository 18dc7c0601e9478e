public import VarveArchive
import VarveBytes
import VarveEndpoints
import VarveFormat
import VarveModel
import VarveStorage

/// Two states of a table that are to be compared; one of them may be a file.
public struct DifferenceRequest: Sendable {
    public var table: String
    /// What was before: a backup, a time whose state is exactly known, or a file.
    public var from: String
    /// What came after.
    public var to: String
    /// Files are plain JSON, without DynamoDB's types.
    public var isPlainJSON = false

    public init(table: String, from: String, to: String) {
        self.table = table
        self.from = from
        self.to = to
    }
}

/// How two states differ.
public struct DifferenceSummary: Sendable, Hashable {
    public var added: UInt64 = 0
    public var removed: UInt64 = 0
    public var replaced: UInt64 = 0
    /// What was compared, in words.
    public var from = ""
    public var to = ""

    public var isEmpty: Bool { added == 0 && removed == 0 && replaced == 0 }
}

/// Tells what changed between two states, in key order, as records of AWS's incremental exports.
public struct DifferenceOperation {
    private let repository: Repository
    private let request: DifferenceRequest
    private let control: OperationControl

    /// One side of the comparison.
    private enum Side {
        case state(FoundState)
        case source(TableSource)
    }

    public init(
        _ repository: Repository, _ request: DifferenceRequest,
        control: OperationControl = OperationControl()
    ) {
        self.repository = repository
        self.request = request
        self.control = control
    }

    /// - Parameter emit: gets whole lines, some at a time; nil: only the counts are wanted.
    /// - Throws: `notFound`, `ambiguous`; `invalidInput` for a file that is not understood, or two
    ///   files; `damaged`; `interrupted`; what `emit` throws.
    public func run(_ emit: ((RawSpan) throws -> Void)?) throws -> DifferenceSummary {
        if request.from == "-", request.to == "-" { throw Self.bothAreFiles }
        // Of each damage once: both sides may be of one incarnation.
        var told: Set<String> = []
        let tell = { (damage: [VarveError]) in
            control.tell(damage.filter { told.insert($0.description).inserted })
        }
        let from = try side(request.from, tell)
        let to = try side(request.to, tell)
        let schema = try keySchema(from, to)
        var summary = DifferenceSummary()
        summary.from = title(from)
        summary.to = title(to)
        let source: any DifferenceSource
        switch (from, to) {
        case (.state(let old), .state(let new)):
            source = try difference(old, new)
        case (.state(let old), .source(let new)):
            source = try repository.difference(
                from: old.state.plan, to: SourceRows(new, schema, repository), schema: schema)
        case (.source(let old), .state(let new)):
            source = try repository.difference(
                from: new.state.plan, to: SourceRows(old, schema, repository), schema: schema,
                isReversed: true)
        case (.source, .source):
            throw Self.bothAreFiles
        }
        var renderer = ChangeRecordRenderer(schema: schema)
        var output = ByteWriter(capacity: 1 << 19)
        let time = self.time(to)
        while let block = try source.nextBlock() {
            try control.check()
            for entry in block.entries {
                switch entry.kind {
                case .added: summary.added += 1
                case .removed: summary.removed += 1
                case .replaced: summary.replaced += 1
                }
                if emit != nil { try append(entry, block.old, block.new, time, &renderer, &output) }
            }
            control.report(
                done: 0, items: Int(summary.added + summary.removed + summary.replaced))
            try emit?(output.bytes)
            output.removeAll()
        }
        return summary
    }

    private static var bothAreFiles: VarveError {
        VarveError(
            .invalidInput, "both are files; one of the two must be a backup of the table")
    }

    private func append(
        _ entry: DifferenceBlock.Entry, _ old: borrowing RowBuffer, _ new: borrowing RowBuffer,
        _ time: Int64, _ renderer: inout ChangeRecordRenderer, _ output: inout ByteWriter
    ) throws(VarveError) {
        switch (entry.old, entry.new) {
        case (let before?, let after?):
            try renderer.append(
                time: time, key: new.key(after), old: old.value(before), new: new.value(after),
                to: &output)
        case (let before?, nil):
            try renderer.append(
                time: time, key: old.key(before), old: old.value(before), new: nil, to: &output)
        case (nil, let after?):
            try renderer.append(
                time: time, key: new.key(after), old: nil, new: new.value(after), to: &output)
        case (nil, nil): break
        }
    }

    // MARK: Sides

    /// A backup if there is one of that name, else a file, else a time; `-` is standard input.
    private func side(
        _ text: String, _ tell: ([VarveError]) -> Void
    ) throws(VarveError) -> Side {
        if text == "-" { return .source(try source(text)) }
        do {
            return .state(try repository.state(.backup(text), of: request.table, tell: tell))
        } catch let missing where missing.code == .notFound {
            if (try? FileSystem.metadata(text)) != nil {
                return .source(try source(text))
            }
            let time: StateSelection
            do throws(VarveError) {
                time = try StateSelection(time: text)
            } catch {
                throw VarveError(
                    .notFound,
                    missing.message + "; there is no such file; and as a time: \(error.message)",
                    at: text)
            }
            return .state(try repository.state(time, of: request.table, tell: tell))
        }
    }

    private func source(_ path: String) throws(VarveError) -> TableSource {
        var options = SourceOptions()
        options.isPlainJSON = request.isPlainJSON
        return try TableSource.open(path, options: options)
    }

    /// The key that both sides have.
    private func keySchema(_ from: Side, _ to: Side) throws(VarveError) -> KeySchema {
        var known: TableHistory?
        for side in [from, to] {
            guard case .state(let found) = side else { continue }
            let history = found.history
            if let known, known.record.keySchema != history.record.keySchema {
                throw VarveError(
                    .refused,
                    "\(known.record.title) has the key "
                        + "\(KeyDefinition.text(known.record.keySchema)), and "
                        + "\(history.record.title) has "
                        + "\(KeyDefinition.text(history.record.keySchema)): they cannot be "
                        + "compared")
            }
            known = history
        }
        guard let known else {
            throw Self.bothAreFiles
        }
        return known.record.keySchema
    }

    /// States of one incarnation share what they have in common; of two, all is compared.
    private func difference(
        _ old: FoundState, _ new: FoundState
    ) throws -> any DifferenceSource {
        if old.history.id == new.history.id {
            return try repository.difference(
                in: old.history, from: old.state.plan, to: new.state.plan)
        }
        let schema = new.history.record.keySchema
        return try repository.difference(
            from: old.state.plan, to: try repository.rows(new.state.plan, schema: schema),
            schema: schema)
    }

    private func title(_ side: Side) -> String {
        switch side {
        case .state(let found):
            (found.title == found.history.record.name ? "" : found.title + ", ")
                + found.state.title
        case .source(let source): source.facts.path
        }
    }

    /// When the changes can be said to have happened at the latest.
    private func time(_ side: Side) -> Int64 {
        switch side {
        case .state(let found): found.state.instant.microseconds - 1
        case .source(let source): (source.facts.instant ?? repository.now()) - 1
        }
    }
}

/// A source's rows, sorted, as the archive reads rows.
private final class SourceRows: RowSource {
    private let stream: RowStream

    init(_ source: TableSource, _ schema: KeySchema, _ repository: Repository) {
        // What was told cannot be taken back: rows out of order must be known before the first.
        stream = source.rows(
            schema: schema, order: .sorted,
            workers: Workers(count: repository.environment.workers))
    }

    func nextBlock() throws -> RowBlock? {
        guard let batch = try stream.nextBatch() else { return nil }
        var rows = RowBuffer(capacity: batch.rows.byteCount + 32)
        rows.append(batch.rows, 0..<batch.rows.count)
        return RowBlock(rows)
    }
}
