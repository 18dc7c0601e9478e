import VarveArchive
import VarveBytes
import VarveEndpoints
import VarveFormat
import VarveModel
import VarveStorage

// Incremental exports: the net changes of a window, exact at its end alone.

extension RecordOperation {
    /// Rows that are held of a window at a time, bytes.
    private static let partBytes = 48 << 20
    /// Stretches of a window that are counted apart, where it is recorded in parts.
    private static let stretchCount: Int64 = 4_096

    /// Records an export, unless its end is recorded already.
    ///
    /// A large one is read several times, and committed in parts that no reader takes for a state.
    func record(_ source: ChangeInput, _ window: ExportWindow) throws {
        let table = try opened(source, window)
        table.isFedByExports = true
        let end = table.recorder.head.to ?? window.from
        if end >= window.to {
            let ranges = try repository.history(table.id, table.record).ranges
            if let begin = ranges.map(\.from).min(), window.to <= begin.microseconds {
                tell(.passedOver(path: source.path, table: table.name, begin: begin))
            } else {
                tell(.resumed(path: source.path, offset: source.storedBytes ?? 0))
            }
            return
        }
        if end < window.from {
            throw VarveError(
                .refused,
                "the export begins at \(Instant.text(window.from)), and the history of table "
                    + "\(table.name) ends at \(Instant.text(end)): changes between are missing; "
                    + "record the exports between first, or back up a full copy", at: source.path)
        }
        try table.recorder.finish()
        try table.settle()
        if table.recorder.pendingCount > 0 {
            throw VarveError(
                .refused,
                "changes of the present second, or such that wait for --lateness, are not "
                    + "recorded yet; try again later", at: source.path)
        }
        let isOverlapping = end > window.from
        let all = window.from..<window.to
        var histogram = [Int](repeating: 0, count: Int(Self.stretchCount) + 1)
        var isHeld = true
        var count: UInt64 = 0
        try forEach(source, window, table.name) { batch in
            count += UInt64(batch.count)
            Self.count(batch, in: all, &histogram)
            if isHeld, table.recorder.pendingBytes <= Self.partBytes {
                table.recorder.appendWindow(batch, times: all, isOverlapping: isOverlapping)
            } else {
                isHeld = false
            }
        }
        if isHeld {
            try commit(table, to: window.to, changes: count, source)
            return try table.settle()
        }
        table.recorder.dropWindow()
        for part in Self.parts(all, histogram) {
            try forEach(source, window, table.name) { batch in
                table.recorder.appendWindow(batch, times: part, isOverlapping: isOverlapping)
            }
            let isLast = part.upperBound == window.to
            try commit(table, to: part.upperBound, changes: isLast ? count : nil, source)
            try table.settle()
        }
    }

    private func commit(
        _ table: TableRecording, to end: Int64, changes: UInt64?, _ source: ChangeInput
    ) throws {
        do {
            try table.recorder.commitWindow(to: end, changes: changes)
        } catch let error as VarveError {
            guard error.code == .refused else { throw error }
            throw error.located(in: source.path)
        }
    }

    private func opened(_ source: ChangeInput, _ window: ExportWindow) throws -> TableRecording {
        guard let name = request.table ?? window.tableName else {
            throw VarveError(
                .invalidInput, "the export does not say of which table it is", at: source.path)
        }
        try checkTable(name, window, source.path)
        if let table = try existing(name, serviceID: window.tableID) {
            try RecordSchemas.check(table.record, serviceID: window.tableID)
            return table
        }
        guard let instant = Instant(microseconds: window.from) else {
            throw VarveError(.invalidInput, "the export's time is no instant", at: source.path)
        }
        try checkBeginning(source, window, name)
        return try create(
            name, at: instant, arn: window.tableARN ?? "", serviceID: window.tableID ?? "")
    }

    /// Whether the export is of the table that the repository has under the name.
    ///
    /// Net changes say nothing of the items that they do not touch: only a full copy begins the
    /// history of another table, or of another incarnation of it.
    /// - Throws: `refused` if it is of a table with another ARN, or another TableId.
    private func checkTable(
        _ name: String, _ window: ExportWindow, _ path: String
    ) throws(VarveError) {
        let entries = try repository.incarnations(of: name)
        guard
            let known = TableResolution.incarnation(serviceID: window.tableID, entries)?
                .entry.record
        else { return }
        if let arn = window.tableARN, !arn.isEmpty, !known.arn.isEmpty, arn != known.arn {
            throw VarveError(
                .refused,
                "the repository's table \(name) is \(known.arn), and this export is of \(arn); "
                    + "record it under another name",
                at: path)
        }
        if let id = window.tableID, !id.isEmpty, !known.serviceID.isEmpty, id != known.serviceID {
            throw VarveError(
                .refused,
                "this export is of another table than the one of that name so far: its TableId is "
                    + "\(id), and was \(known.serviceID); back up a full copy of the new table "
                    + "first (varve backup \(name) COPY), then record what came after it", at: path)
        }
    }

    func forEach(
        _ source: ChangeInput, _ window: ExportWindow, _ name: String, isCounted: Bool = true,
        _ body: (borrowing ChangeBatch) throws -> Void
    ) throws {
        // Its records say no table.
        let stream = source.changes(
            .one(try schemas.required(name), name: name),
            workers: Workers(count: repository.environment.workers))
        while true {
            try control.check()
            switch try stream.next(waitingAtMost: 200_000) {
            case .end: return
            case .nothing: continue
            case .parcel(let parcel):
                for changes in parcel.tables {
                    if let rejected = changes.rejected.first {
                        throw VarveError(
                            .invalidInput, "\(rejected.reason); nothing of the export was recorded",
                            at: rejected.place.description)
                    }
                    for stamp in changes.batch.changes.stamps
                    where stamp.time < window.from || stamp.time >= window.to {
                        throw VarveError(
                            .invalidInput,
                            "a change is not of the export's window: its time is "
                                + Instant.text(stamp.time), at: source.path)
                    }
                    try body(changes.batch)
                }
                if isCounted { countRecords(parcel) }
            }
        }
    }

    /// Adds up row bytes by stretches of the window.
    private static func count(
        _ batch: borrowing ChangeBatch, in window: Range<Int64>, _ histogram: inout [Int]
    ) {
        let size = stretch(window)
        for index in 0..<batch.count {
            let row = batch.changes.rows[index]
            let place = (batch.changes.stamps[index].time - window.lowerBound) / size
            histogram[Int(place)] += Int(row.end - row.start)
        }
    }

    private static func stretch(_ window: Range<Int64>) -> Int64 {
        max(1, (window.upperBound - window.lowerBound) / stretchCount + 1)
    }

    /// Parts of a window of which none holds many more rows than allowed.
    private static func parts(_ window: Range<Int64>, _ histogram: [Int]) -> [Range<Int64>] {
        let size = stretch(window)
        var parts: [Range<Int64>] = []
        var start = window.lowerBound
        var held = 0
        for (place, bytes) in histogram.enumerated() {
            let begin = window.lowerBound + Int64(place) * size
            if held > 0, held + bytes > partBytes, begin > start, begin < window.upperBound {
                parts.append(start..<begin)
                start = begin
                held = 0
            }
            held += bytes
        }
        parts.append(start..<window.upperBound)
        return parts
    }
}
