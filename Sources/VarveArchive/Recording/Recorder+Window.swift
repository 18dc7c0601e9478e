import VarveBytes
import VarveFormat
public import VarveModel

// Net changes of a window: exact at its end alone. Source: Spec 10, Exactness.

extension Recorder {
    /// Takes net changes of a window in, in any order, each key at most once. Those that the
    /// history covers already, and those outside `times`, are passed over.
    /// - Parameter isOverlapping: whether the history goes beyond the window's beginning: then old
    ///   images say nothing of what is recorded.
    public func appendWindow(
        _ batch: borrowing ChangeBatch, times: Range<Int64>, isOverlapping: Bool
    ) {
        for index in 0..<batch.count {
            let time = batch.changes.stamps[index].time
            guard times.contains(time) else { continue }
            statistics.received += 1
            if time < historyEnd {
                statistics.covered += 1
                continue
            }
            pending.append(batch, index..<index + 1, start: 0, source: 0)
            if isOverlapping { pending.before[pending.count - 1] = .untold }
        }
    }

    /// Row bytes taken in since the last commit.
    public var pendingBytes: Int { pending.byteCount }

    /// Forgets what `appendWindow` took in.
    public func dropWindow() { pending.removeAll() }

    /// Commits what `appendWindow` took in.
    /// - Parameters:
    ///   - end: of the window, a whole second, or of a part of it.
    ///   - changes: how many the window holds in all, at its end; nil before.
    /// - Throws: `refused` if an old image is not what is recorded; nothing is committed then.
    public func commitWindow(to end: Int64, changes: UInt64?) throws {
        let assembly = try assemble(before: end)
        if let fault = assembly.faults.first {
            let index = Int(fault.index)
            let key = keyText(pending.changes.rows.keyBytes(index))
            let time = Instant.text(pending.changes.stamps[index].time)
            pending.removeAll()
            throw VarveError(
                .refused,
                "the export does not follow from the state that is recorded: its change of "
                    + "\(time) of the key \(key) has another old image than the item there; "
                    + "begin anew with a full copy")
        }
        statistics.noChanges += assembly.noChanges
        if assembly.kept.isEmpty, changes == nil {
            pending.removeAll()
            return
        }
        var content = CommitPublisher.Content(
            to: end, items: head.items, bytes: head.bytes, digest: head.digest)
        for sum in assembly.seconds {
            content.items = UInt64(Int64(content.items) + sum.items)
            content.bytes = UInt64(Int64(content.bytes) + sum.bytes)
            content.digest = content.digest &+ sum.digest
        }
        content.changes = UInt64(assembly.kept.count)
        content.isExactAtCheckpointsOnly = true
        content.sourceKind = options.sourceKind
        if let changes, let instant = Instant(microseconds: end) {
            content.checkpoints = [
                Checkpoint(
                    instant: instant, changes: changes, items: content.items,
                    bytes: content.bytes, digest: content.digest)
            ]
        }
        try publishWindow(content, assembly)
    }

    /// A key as DynamoDB JSON; in hexadecimal if it does not decode.
    private func keyText(_ key: [UInt8]) -> String {
        var renderer = ItemRenderer(schema: record.keySchema)
        var text = ByteWriter(capacity: 256)
        do throws(VarveError) {
            try renderer.append(key: key.raw, to: &text)
        } catch {
            return key.raw.hexadecimal
        }
        return String(decoding: text.takeBytes(), as: UTF8.self)
    }

    private func publishWindow(
        _ content: CommitPublisher.Content, _ assembly: CommitAssembly
    ) throws {
        try lease.refreshIfDue()
        try map.makeRoom(for: assembly.updates.count, place, repository, table)
        let receipt = try publisher.publish(content) { tree in
            try prepare(assembly.kept, into: tree)
        }
        for update in assembly.updates { try map.set(update.key, update.entry) }
        map.stand(at: head)
        ownsTail = content.to % 1_000_000 != 0
        statistics.commits += 1
        statistics.recorded += content.changes
        statistics.checkpoints += UInt64(content.checkpoints.count)
        statistics.writtenBytes += receipt.objectBytes + receipt.packBytes
        pending.removeAll()
    }
}
