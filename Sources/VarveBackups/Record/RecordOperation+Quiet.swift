import VarveArchive
import VarveBytes
import VarveFormat

// Tables of which nothing comes. Source: Spec 10, Quiet tables.

extension RecordOperation {
    /// Tables that are recorded from a source, and that it need not name: those of several tables
    /// that an earlier run has recorded from it.
    func openFollowed() throws {
        guard request.unchangedSeconds != nil, request.table == nil, let name = names.last
        else { return }
        for entry in try repository.tables() {
            let head = try repository.history(entry.id, entry.record).chainHead
            guard !head.isClosed, head.sourceKind == sourceKind,
                SourcePosition(encoded: head.sourcePosition)?.name == name,
                try schemas.incarnation(of: entry.record.name, serviceID: nil)?.id == entry.id
            else { continue }
            do {
                _ = try existing(entry.record.name)
            } catch let error as VarveError where error.code == .conflict {
                // Another recorder follows it.
            }
        }
    }

    /// Notes that something came, or that nobody was there to see whether it did.
    func noteArrival() { lastArrival = repository.now() }

    /// Moves the ends of quiet tables on.
    /// - Parameter isEnding: whether nothing more is read: then as far as it goes. Else a table is
    ///   moved once in the time that a record may take.
    func moveOn(isEnding: Bool = false) throws {
        guard let seconds = request.unchangedSeconds else { return }
        let bound = seconds * 1_000_000
        let now = repository.now()
        let seen = tables.compactMap(\.recorder.latestTime).max()
        var known = seen ?? .min
        // A source that is far behind the clock has more to tell of the time before.
        let isLive = seen.map { lastArrival - $0 <= bound } ?? true
        if isReadingPipe, isLive, now - lastArrival >= bound { known = now }
        guard known > .min else { return }
        let limit = (min(known, now) - bound).roundedDown(toMultipleOf: 1_000_000)
        for table in tables {
            guard let end = table.recorder.head.to, limit > end,
                isEnding || limit - end >= bound
            else { continue }
            holdBack()
            try table.recorder.moveOn(to: limit)
            try table.settle()
        }
    }
}

extension Int64 {
    fileprivate func roundedDown(toMultipleOf unit: Int64) -> Int64 {
        let rest = self % unit
        return self - (rest < 0 ? rest + unit : rest)
    }
}
