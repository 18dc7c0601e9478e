import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

// Sealing seconds and committing them.

extension Recorder {
    /// Commits what is due by the clock while no changes come: seconds that became complete, and
    /// such that have waited for `flushSeconds`. Call it at `nextFlush`.
    /// - Throws: as `append`.
    public func tick() throws {
        if isClosed { return }
        try settleSuspects()
        if isClosed { return }
        // A clock that has stepped back tells nothing of how long nothing came.
        if let lastArrival { self.lastArrival = min(lastArrival, repository.now()) }
        try commitIfDue(before: idleLimit)
        acknowledge()
    }

    /// Commits what complete seconds there are, if they have waited, are many or take much memory.
    func commitIfDue(before limit: Int64) throws {
        if isClosed { return }
        try lease.refreshIfDue()
        guard limit > historyEnd, hasChanges(before: limit) else {
            waitingSince = nil
            return
        }
        let now = repository.now()
        let since = waitingSince ?? now
        waitingSince = since
        // After a step back of the clock it would wait for long.
        let isDue = now - lastCommit >= flushInterval || now < since || now < lastCommit
        if isDue || pending.byteCount >= options.commitBytes
            || pending.hasSeconds(before: limit, moreThan: options.commitSeconds)
        {
            try commit(before: limit)
        }
    }

    /// Commits the seconds that are complete by what has been seen, without waiting.
    /// - Throws: as `append`.
    public func flush() throws {
        if isClosed { return }
        try settleSuspects()
        if isClosed { return }
        let limit = sealedLimit
        if limit > historyEnd, hasChanges(before: limit) { try commit(before: limit) }
        acknowledge()
    }

    /// Commits all that is held, also of a second that is not complete: it stays open, so that what
    /// its source still has of it can be recorded later. With lateness several seconds are open,
    /// and of a commit only the last would stay so: then they stay pending, and with their source.
    /// - Throws: as `append`.
    public func commitOpenSecond() throws {
        try flush()
        guard !isClosed, options.latenessSeconds == 0,
            let last = pending.greatestTime, last >= historyEnd
        else { return }
        try commit(before: last + 1)
    }

    /// Ends the input: every second whose end, and the lateness after it, the clock has passed is
    /// complete. What is left stays pending; its source has it, behind `acknowledged`.
    /// - Throws: as `append`.
    public func finish() throws {
        if isClosed { return }
        try settleSuspects()
        if isClosed { return }
        let second = CommitAssembly.floor(repository.now()) - options.latenessSeconds
        let limit = max(sealedLimit, min(second * 1_000_000, lastPendingSecondEnd ?? historyEnd))
        if limit > historyEnd, hasChanges(before: limit) { try commit(before: limit) }
        acknowledge()
    }

    // MARK: What is complete

    /// How far the source's times are behind the clock, microseconds, less than 0 if they are ahead
    /// of it; nil if nothing came yet. What is long past comes in bursts, for which pauses mean
    /// nothing: then a pause must be longer.
    var lag: Int64? {
        guard let lastArrival, greatestTime > Int64.min else { return nil }
        let lag = lastArrival - greatestTime
        if lag > Self.liveLag { return lag + Self.liveLag }
        // Times that this recorder gave are in order.
        if lastStamp != nil { return lag }
        return lag + jitter + (options.latenessSeconds == 0 ? Self.pauseMin : 0)
    }

    /// Says that nobody looked for changes for a while: what comes next may have waited, and the
    /// pause told nothing.
    public func noteStall() {
        if lastArrival != nil, lastStamp == nil { lastArrival = repository.now() }
    }

    /// Notes when changes came, and by how much more than now the source was held up lately.
    func noteArrival() {
        let now = repository.now()
        defer { lastArrival = now }
        guard greatestTime > Int64.min else { return }
        let lag = now - greatestTime
        if let last = lastArrival, let lastLag {
            let faded = jitter - max(0, now - last) / Self.jitterFading
            jitter = min(Self.liveLag, max(0, lastLag + max(0, faded) - lag))
        }
        lastLag = lag
    }

    /// A shorter pause tells nothing: changes of the second before may be held up on their way.
    /// With it a second is committed before the next one is over; microseconds.
    private static let pauseMin: Int64 = 900_000
    /// What was held up is remembered, and forgotten so many times slower than time passes.
    private static let jitterFading: Int64 = 20

    /// A source this far behind the clock does not tell of the present; microseconds.
    private static let liveLag: Int64 = 5_000_000

    /// Up to where seconds are complete if no changes are waiting to be taken in: the clock, behind
    /// by as much as the source, has passed their end.
    private var idleLimit: Int64 {
        guard let lag, let last = lastPendingSecondEnd else { return sealedLimit }
        let second = CommitAssembly.floor(repository.now() - lag) - options.latenessSeconds
        return max(sealedLimit, min(second * 1_000_000, last))
    }

    /// End of the last second that has changes which are not committed, or that is not complete.
    var lastPendingSecondEnd: Int64? {
        let tail = historyEnd % 1_000_000 == 0 ? nil : CommitAssembly.secondEnd(historyEnd)
        guard !pending.isEmpty else { return tail }
        return max(tail ?? Int64.min, CommitAssembly.secondEnd(max(greatestTime, historyEnd)))
    }

    private func hasChanges(before limit: Int64) -> Bool {
        if isTailComplete(by: limit) { return true }
        return pending.leastTime.map { $0 < limit } ?? false
    }

    // MARK: Memory

    /// Commits parts of what is open: the rows held are too many.
    func relieve() throws {
        while pending.byteCount > options.pendingBytesMax, !isClosed {
            try settleSuspects()
            if isClosed { return }
            let limit = sealedLimit
            if limit > historyEnd, hasChanges(before: limit) {
                try commit(before: limit)
                continue
            }
            guard let first = pending.leastTime, let last = pending.greatestTime else { return }
            let secondEnd = CommitAssembly.secondEnd(first)
            if secondEnd <= last {
                // Several open seconds: the oldest is given up, as if the lateness were less.
                forcedLimit = max(forcedLimit, secondEnd)
            } else {
                try commit(before: last + 1)
            }
        }
    }

    // MARK: Committing

    /// Commits the pending changes with a time before `limit`, which is the commit's `to`.
    func commit(before limit: Int64) throws {
        lastCommit = repository.now()
        try settleSuspects()
        if isClosed { return }
        var assembly = try assemble(before: limit)
        // Of several that tell the same only the first is at fault.
        while try forgetRepeated(assembly.faults) { assembly = try assemble(before: limit) }
        if let cut = assembly.cut {
            if cut > historyEnd, hasChanges(before: cut) { try commit(before: cut) }
            // The places of the faults have moved if a part was committed.
            let faults = try assemble(before: limit).faults(of: cut)
            try close()
            rejectPending(faults)
            return
        }
        statistics.noChanges += assembly.noChanges
        statistics.known += assembly.known
        if !assembly.kept.isEmpty || isTailComplete(by: limit) {
            try publish(assembly, to: limit)
        }
        drop(assembly.selection)
        waitingSince = nil
        acknowledge()
    }

    func assemble(before limit: Int64) throws -> CommitAssembly {
        try withSoundMap { try CommitAssembly(pending, before: limit, map) }
    }

    /// Does it again with a new map, if the map turns out to be damaged.
    private func withSoundMap<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as VarveError {
            guard error.code == .damaged else { throw error }
        }
        map.giveUp()
        // Lets go of the file.
        map = try HeadMap.empty(nil, bits: HeadMap.bitsMin, repository, table)
        map = try HeadMap.open(place, repository, repository.history(table, record))
        return try body()
    }

    private func isTailComplete(by limit: Int64) -> Bool {
        historyEnd % 1_000_000 != 0 && CommitAssembly.secondEnd(historyEnd) <= limit
    }

    func publish(_ assembly: CommitAssembly, to limit: Int64) throws {
        var content = CommitPublisher.Content(
            to: limit, items: head.items, bytes: head.bytes, digest: head.digest)
        addCheckpoints(assembly, to: &content)
        content.changes = UInt64(assembly.kept.count)
        content.sourceKind = options.sourceKind
        content.sourcePosition = encoded(position(without: assembly.selection))
        try withSoundMap {
            try map.makeRoom(for: assembly.updates.count, place, repository, table)
        }
        let receipt = try publisher.publish(content) { tree in
            try prepare(assembly.kept, into: tree)
        }
        for update in assembly.updates { try map.set(update.key, update.entry) }
        map.stand(at: head)
        ownsTail = limit % 1_000_000 != 0
        statistics.commits += 1
        statistics.recorded += content.changes
        statistics.checkpoints += UInt64(content.checkpoints.count)
        statistics.writtenBytes += receipt.objectBytes + receipt.packBytes
    }

    /// Adds up the seconds. Of one that is not complete there is no checkpoint yet; the next commit
    /// that completes it makes one.
    private func addCheckpoints(
        _ assembly: CommitAssembly, to content: inout CommitPublisher.Content
    ) {
        var seconds = assembly.seconds
        var carried: UInt64 = 0
        if historyEnd % 1_000_000 != 0 {
            carried = max(1, tailChanges)
            let open = CommitAssembly.floor(historyEnd)
            if seconds.first?.second != open {
                seconds.insert(CommitAssembly.SecondSum(second: open), at: 0)
            }
        }
        tailChanges = 0
        for sum in seconds {
            let changes = sum.changes + carried
            carried = 0
            content.items = UInt64(Int64(content.items) + sum.items)
            content.bytes = UInt64(Int64(content.bytes) + sum.bytes)
            content.digest = content.digest &+ sum.digest
            if changes == 0 { continue }
            if (sum.second + 1) * 1_000_000 > content.to {
                tailChanges = changes
                continue
            }
            guard let instant = Instant(second: sum.second + 1) else { continue }
            content.checkpoints.append(
                Checkpoint(
                    instant: instant, changes: changes, items: content.items,
                    bytes: content.bytes, digest: content.digest))
        }
    }

    /// Changes in a block that is prepared at a time.
    private static let blockSize = 4096

    /// Hashes, weighs and cuts the changes on other threads, in order.
    func prepare(_ kept: [UInt32], into tree: TreeBuilder) throws {
        let preparer = RunPreparer(cutHash: repository.cutHash)
        let pending = self.pending
        let limit = kept.count <= Self.blockSize ? 1 : repository.pipelineLimit
        let pipeline = OrderedPipeline<ArraySlice<UInt32>, PreparedChanges>(limit: limit) {
            try preparer.prepare(pending.changes, $0)
        }
        var next = 0
        while next < kept.count || pipeline.pending > 0 {
            while next < kept.count, !pipeline.isFull {
                let end = min(kept.count, next + Self.blockSize)
                pipeline.submit(kept[next..<end])
                next = end
            }
            if let block = try pipeline.take() { try tree.append(block) }
        }
    }

    /// Forgets pending changes that are committed or change nothing.
    func drop(_ selection: [UInt32]) {
        if selection.count == pending.count {
            pending.removeAll()
            return
        }
        var isDropped = [Bool](repeating: false, count: pending.count)
        for index in selection { isDropped[Int(index)] = true }
        for index in 0..<pending.count where !isDropped[index] { spare.append(pending, index) }
        swap(&pending, &spare)
        spare.removeAll()
    }

    // MARK: Closing

    /// Closes the range, because what the source tells next cannot be recorded: complete seconds
    /// are committed, what else is pending is rejected. For records that no change can be made of.
    /// - Throws: as `append`.
    public func closeRange() throws { try closeRange(before: nil) }

    /// - Parameter origin: source and offset of the record that cannot be recorded.
    func closeRange(before origin: (source: UInt32, offset: UInt64)?) throws {
        try flush()
        if isClosed { return }
        try close(before: origin)
        rejectPending([:])
        acknowledge()
    }

    /// Publishes that the range is closed.
    /// - Parameter missed: the least time of changes that belong into what is committed, and are
    ///   not there: from its second on, that is in doubt.
    func close(
        before origin: (source: UInt32, offset: UInt64)? = nil, missed: Int64? = nil
    ) throws {
        if isClosed { return }
        let position = position(without: [], before: origin)
        let soundTo = missed.map {
            max(CommitAssembly.floor($0) * 1_000_000, head.exactFrom)
        }
        let receipt = try publisher.close(
            soundTo: soundTo, sourceKind: options.sourceKind,
            sourcePosition: encoded(position))
        map.stand(at: head)
        statistics.commits += 1
        statistics.writtenBytes += receipt.objectBytes
        waitingSince = nil
    }

    // MARK: Position

    /// Where a recorder goes on once the changes of `selection` are committed.
    /// - Parameter origin: source and offset of a record that is not pending, but not done either.
    private func position(
        without selection: [UInt32], before origin: (source: UInt32, offset: UInt64)? = nil
    ) -> SourcePosition {
        var first = Self.earlier(origin, suspects.earliest)
        if selection.isEmpty {
            first = Self.earlier(first, pending.earliest)
        } else if selection.count < pending.count {
            var isDropped = [Bool](repeating: false, count: pending.count)
            for index in selection { isDropped[Int(index)] = true }
            if let left = isDropped.firstIndex(of: false) {
                first = Self.earlier(first, (pending.sources[left], pending.starts[left]))
            }
        }
        guard let first else {
            return SourcePosition(name: sources.last ?? "", offset: sourceEnd)
        }
        return SourcePosition(name: sources[Int(first.source)], offset: first.offset)
    }

    /// A position, held back by the other tables of its source.
    private func encoded(_ position: SourcePosition) -> [UInt8] {
        guard let limit = positionLimit, limit.name != position.name else {
            return position.encoded(limit: positionLimit)
        }
        let own = sources.lastIndex(of: position.name) ?? 0
        let isBefore = (sources.lastIndex(of: limit.name) ?? -1) > own
        return position.encoded(limit: isBefore ? nil : limit)
    }

    private static func earlier(
        _ a: (source: UInt32, offset: UInt64)?, _ b: (source: UInt32, offset: UInt64)?
    ) -> (source: UInt32, offset: UInt64)? {
        guard let a else { return b }
        guard let b else { return a }
        return a < b ? a : b
    }

    func acknowledge() {
        if !sources.isEmpty { acknowledged = position(without: []) }
    }
}

extension CommitAssembly {
    /// The faults within the second that begins at `cut`.
    fileprivate func faults(of cut: Int64) -> [UInt32: RejectedChanges.Reason] {
        var result: [UInt32: RejectedChanges.Reason] = [:]
        for fault in faults where isWithin(fault, cut) { result[fault.index] = fault.reason }
        return result
    }
}
