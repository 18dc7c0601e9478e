import VarveBytes
import VarveFormat
public import VarveModel

// Taking changes in.

extension Recorder {
    /// What is to be done with a change.
    private enum Sort: Equatable {
        /// It goes to the pending ones.
        case good
        /// Its second was sealed before it came, but is not committed.
        case late
        /// It belongs to the second within which the history ends.
        case tail
        /// It must be known: its time is before the end of the history.
        case suspect
        /// The state from which the range begins has it.
        case covered
        case ahead
        case impossible
    }

    /// Says where the changes that follow come from.
    /// - Parameters:
    ///   - offset: bytes of it, decompressed, before them.
    ///   - isLasting: whether an offset means the same when the source is read again: of a file,
    ///     not of a pipe.
    public func begin(source name: String, at offset: UInt64 = 0, isLasting: Bool = true) {
        sources.append(name)
        sourceEnd = offset
        isSourceLasting = isLasting
        acknowledge()
    }

    /// Says that the source has nothing of this table before an offset.
    public func advance(to offset: UInt64) throws {
        sourceEnd = max(sourceEnd, offset)
        acknowledge()
    }

    /// The time to give to changes that come now and whose own time does not count: the clock's. It
    /// never goes back, and never stands still: where the clock has stepped back, or is behind the
    /// end of the history, it goes on from the time before, as fast as the clock.
    public func presentTime() -> Int64 {
        let now = repository.now()
        var time = max(now, historyEnd, greatestTime)
        if let lastStamp { time = max(time, lastStamp.time + max(0, now - lastStamp.clock)) }
        lastStamp = (time, now)
        return time
    }

    /// Takes the next changes of the source, and commits what is due.
    ///
    /// - Throws: `conflict` if another recorder was faster; `storage`; `damaged`. Nothing of a
    ///   change is lost then that its source still has.
    public func append(_ batch: borrowing ChangeBatch) throws {
        if sources.isEmpty { begin(source: "") }
        statistics.received += UInt64(batch.count)
        if let seconds = options.aheadSecondsMax {
            aheadLimit = max(repository.now(), lastStamp?.time ?? 0) + seconds * 1_000_000
        }
        var next = 0
        while next < batch.count {
            if isClosed {
                reject(batch, next..<batch.count, .closed)
                if let last = batch.ends.last { sourceEnd = last }
                break
            }
            next = try take(batch, from: next)
        }
        try commitIfDue(before: sealedLimit)
        noteArrival()
        acknowledge()
    }

    /// Takes a stretch of changes of one sort.
    /// - Returns: where the next begins.
    private func take(_ batch: borrowing ChangeBatch, from first: Int) throws -> Int {
        let stamps = batch.changes.stamps
        let sort = self.sort(stamps[first].time)
        var next = first + 1
        if sort == .good { note(stamps[first].time) }
        while next < stamps.count {
            let time = stamps[next].time
            guard self.sort(time) == sort else { break }
            if sort == .good { note(time) }
            next += 1
            // Else a long batch of one second could exceed what may be held.
            if next - first == 16_384 { break }
        }
        try put(batch, first..<next, sort)
        sourceEnd = batch.ends[next - 1]
        if pending.byteCount > options.pendingBytesMax { try relieve() }
        return next
    }

    @inline(__always)
    private func note(_ time: Int64) {
        if time > greatestTime { greatestTime = time }
    }

    private func sort(_ time: Int64) -> Sort {
        let end = historyEnd
        if time >= end {
            if time > aheadLimit { return .ahead }
            if time > CommitAssembly.timeMax { return .impossible }
            return time < sealedLimit ? .late : .good
        }
        if time < CommitAssembly.timeMin { return .impossible }
        if time < publisher.head.exactFrom { return .covered }
        if end % 1_000_000 != 0, CommitAssembly.secondEnd(time) > end { return .tail }
        return .suspect
    }

    /// Changes before it are of seconds that are sealed.
    var sealedLimit: Int64 {
        guard greatestTime > Int64.min else { return forcedLimit }
        let second = CommitAssembly.floor(greatestTime) - options.latenessSeconds
        return max(second * 1_000_000, forcedLimit)
    }

    private func put(
        _ batch: borrowing ChangeBatch, _ range: Range<Int>, _ sort: Sort
    ) throws {
        let start = sourceEnd
        let source = UInt32(sources.count - 1)
        switch sort {
        case .good: pending.append(batch, range, start: start, source: source)
        case .late: pending.append(batch, range, start: start, source: source, isLate: true)
        case .covered: statistics.covered += UInt64(range.count)
        case .suspect:
            suspects.append(batch, range, start: start, source: source)
            if suspects.count >= Self.suspectsMax { try settleSuspects() }
        case .tail:
            if ownsTail {
                pending.append(batch, range, start: start, source: source, time: historyEnd)
            } else {
                try putTail(batch, range, start, source)
            }
        case .ahead, .impossible:
            try closeRange(before: (source, start))
            reject(batch, range, sort == .ahead ? .ahead : .impossibleTime)
        }
    }

    /// Suspects that are held until the archive is asked about them.
    private static let suspectsMax = 65_536

    /// Changes of the second within which the history ends: what is not known moves forward.
    private func putTail(
        _ batch: borrowing ChangeBatch, _ range: Range<Int>, _ start: UInt64, _ source: UInt32
    ) throws {
        let questions = PendingChanges()
        questions.append(batch, range, start: start, source: source)
        let known: [Bool]
        if let tailPosition, isSourceLasting, tailPosition.name == sources[Int(source)] {
            // That commit took everything before its position, and nothing behind.
            known = questions.starts.map { $0 < tailPosition.offset }
        } else {
            known = try areKnown(questions)
        }
        for index in 0..<questions.count {
            if known[index] {
                statistics.known += 1
                continue
            }
            questions.changes.stamps[index].time = historyEnd
            questions.isMoved[index] = true
            pending.append(questions, index)
        }
    }

    // MARK: Sent again

    /// Asks the archive about the suspects. One that is not known closes the range.
    func settleSuspects() throws {
        if suspects.isEmpty { return }
        var known = try areKnown(suspects)
        statistics.known += UInt64(known.count { $0 })
        if known.contains(false) {
            // Pruning drops what lies before its window, beside a recorder.
            history = nil
            publisher.followWindow(of: try currentHistory())
            for index in known.indices where !known[index]
                && suspects.changes.stamps[index].time < head.exactFrom
            {
                known[index] = true
                statistics.covered += 1
            }
        }
        guard known.contains(false) else {
            suspects.removeAll()
            return
        }
        let missed = known.indices.filter { !known[$0] }.map { suspects.changes.stamps[$0].time }
        try close(missed: missed.min())
        for index in known.indices where !known[index] {
            reject(suspects, index, .tooLate(historyEnd))
        }
        suspects.removeAll()
        rejectPending([:])
    }

    /// Whether the archive has the changes. A collector may replace pages meanwhile: then they are
    /// looked for under the newest layout.
    private func areKnown(_ changes: PendingChanges) throws -> [Bool] {
        var tries = 0
        while true {
            do {
                return try KnownChanges(repository, currentHistory()).find(changes)
            } catch let error as VarveError {
                let isMissing = error.code == .damaged || error.code == .notFound
                let newest = try repository.newestLayout(of: table)
                tries += 1
                guard isMissing, tries < 5, newest != history?.layoutNumber || tries == 1 else {
                    throw error
                }
                try repository.blobs.reload()
                history = nil
            }
        }
    }

    private func currentHistory() throws -> TableHistory {
        if let history, history.nextSequence == publisher.head.nextSequence { return history }
        let read = try repository.history(table, record)
        history = read
        return read
    }

    /// Forgets those of the changes at fault that moved forward within their second, and that the
    /// archive has: what an item was before them is no longer so, because they come again.
    /// - Returns: whether there are any.
    func forgetRepeated(_ faults: [CommitAssembly.Fault]) throws -> Bool {
        let places = faults.map(\.index).filter { pending.isMoved[Int($0)] }
        if places.isEmpty { return false }
        let questions = PendingChanges()
        for place in places {
            questions.append(pending, Int(place))
            let last = questions.count - 1
            let second = CommitAssembly.floor(questions.changes.stamps[last].time)
            questions.changes.stamps[last].time = second * 1_000_000
        }
        let known = try areKnown(questions)
        let repeated = zip(places, known).filter(\.1).map(\.0)
        statistics.known += UInt64(repeated.count)
        drop(repeated)
        return !repeated.isEmpty
    }

    // MARK: Rejecting

    private func reject(
        _ batch: borrowing ChangeBatch, _ range: Range<Int>, _ reason: RejectedChanges.Reason
    ) {
        let name = sources[sources.count - 1]
        rejected.changes.rows.append(batch.changes.rows, range)
        rejected.changes.stamps += batch.changes.stamps[range]
        for index in range {
            rejected.reasons.append(reason)
            let start = index == range.lowerBound ? sourceEnd : batch.ends[index - 1]
            rejected.positions.append(SourcePosition(name: name, offset: start))
        }
        statistics.rejected += UInt64(range.count)
    }

    private func reject(
        _ source: PendingChanges, _ index: Int, _ reason: RejectedChanges.Reason
    ) {
        rejected.changes.rows.append(source.changes.rows, index..<index + 1)
        rejected.changes.stamps.append(source.changes.stamps[index])
        rejected.reasons.append(reason)
        rejected.positions.append(
            SourcePosition(
                name: sources[Int(source.sources[index])], offset: source.starts[index]))
        statistics.rejected += 1
    }

    /// Rejects all pending changes.
    /// - Parameter reasons: of those at fault, by place.
    func rejectPending(_ reasons: [UInt32: RejectedChanges.Reason]) {
        for index in 0..<pending.count {
            reject(pending, index, reasons[UInt32(index)] ?? .closed)
        }
        pending.removeAll()
    }
}

extension CommitAssembly {
    /// Times that changes may have: the years 0001 to 9999, but for the last second, whose end is
    /// no instant.
    static let timeMin = Instant.least.microseconds
    static let timeMax = Instant.greatest.microseconds - 1
}
