import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

// Restore drills: states are put together in memory and proven by their digests.

extension Verification {
    /// Puts the states together that the options choose.
    func drill() {
        for table in tables {
            let history = table.history
            var instants: [Instant] = []
            attempt("table \(history.record.name)") { instants = try drills(of: history) }
            for instant in instants {
                if isStopping { return }
                let backups = history.backups.filter { $0.instant == instant }
                let label =
                    backups.first.map { ObjectName.backup(history.id, $0.id).path }
                    ?? "table \(history.record.name), \(instant)"
                do {
                    try drill(instant, history, backups, label)
                } catch {
                    if report.isPartial { return }
                    if let error = error as? VarveError {
                        note(error, label)
                    } else {
                        note(label, "\(error)")
                    }
                    for backup in backups { spoil(backup.id, of: history.id) }
                }
            }
        }
    }

    private func drills(of history: TableHistory) throws(VarveError) -> [Instant] {
        switch options.drill {
        case .none: return []
        case .backup(let table, let id):
            guard table == history.id else { return [] }
            return history.backups.filter { $0.id == id }.map(\.instant)
        case .allBackups: return Set(history.backups.map(\.instant)).sorted()
        case .instants(let chosen): return chosen[history.id] ?? []
        case .allCheckpoints:
            var points = history.checkpoints()
            return try points.rest().map(\.instant)
        }
    }

    private func drill(
        _ instant: Instant, _ history: TableHistory, _ backups: [BackupRecord], _ label: String
    ) throws {
        let plan = try history.plan(at: instant)
        let sums = try add(plan, history.record.keySchema)
        report.counts.states += 1
        let point = plan.checkpoint
        // Where only a part of the digest is recorded, the whole is worked out.
        let whole = try repository.wholeDigest(of: plan, in: history).digest
        var isProven = true
        if sums.digest != whole || sums.items != point.items
            || sums.bytes != point.bytes
        {
            isProven = false
            note(
                label,
                "the state at \(instant) has \(sums.items) items of \(sums.bytes) bytes with the "
                    + "digest \(sums.digest); recorded are \(point.items), \(point.bytes) and "
                    + "\(whole)")
        }
        for backup in backups {
            judge(
                backup, of: history, isProven: isProven,
                isEqual: backup.digest == sums.digest && backup.items == sums.items
                    && backup.bytes == sums.bytes)
        }
    }

    /// Says of a backup what reading its state showed.
    /// - Parameters:
    ///   - isProven: whether the state is the one that is recorded.
    ///   - isEqual: whether it is the one that the backup names.
    func judge(
        _ backup: BackupRecord, of history: TableHistory, isProven: Bool, isEqual: Bool
    ) {
        for index in report.backups.indices
        where report.backups[index].id == backup.id && report.backups[index].tableID == history.id {
            report.backups[index].isProven = isProven && isEqual
            if !isProven || !isEqual { report.backups[index].isAffected = true }
        }
        guard isProven, !isEqual else { return }
        let problem = VerificationReport.Problem(
            object: ObjectName.backup(history.id, backup.id).path,
            message: "the state at \(backup.instant) is not the one that the backup names")
        // A drill may have told of it.
        if !report.problems.contains(problem) { report.problems.append(problem) }
    }

    /// Streams a state and sums it up on all threads.
    func add(_ plan: StatePlan, _ schema: KeySchema) throws -> StateSums {
        let repository = repository
        let codec = KeyCodec(schema)
        let pipeline = OrderedPipeline<RowBlock, StateSums>(limit: repository.pipelineLimit) {
            try StateSums(of: $0, codec, repository)
        }
        var sums = StateSums()
        func take() throws {
            guard let part = try pipeline.take() else { return }
            sums.add(part)
            report.counts.items += part.items
            tell(.states, sums.items, of: plan.checkpoint.items)
        }
        let source = try repository.rows(plan, schema: schema)
        var last: [UInt8]?
        while let block = try source.nextBlock() {
            if isStopping { throw VarveError(.notFound, "stopped") }
            if let last, block.rows.order(0, key: last.raw) <= 0 {
                throw VarveError(.damaged, "the keys of the state are not ascending")
            }
            last = block.rows.keyBytes(block.rows.count - 1)
            while pipeline.isFull { try take() }
            pipeline.submit(block)
        }
        while pipeline.pending > 0 { try take() }
        return sums
    }
}
