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
        for entry in try followed() where entry.name == name {
            let (id, record) = (entry.table.id, entry.table.record)
            guard try schemas.incarnation(of: record.name, serviceID: nil)?.id == id
            else { continue }
            do {
                let table = try existing(record.name)
                if let unassigned { try table?.close(because: unassigned) }
            } catch let error as VarveError
                where error.code == .conflict || error.code == .damaged
            {
                // Another recorder follows it; or nothing can be promised of it, and its damage
                // is no matter of the others.
            }
        }
    }

    private func followed() throws -> [(name: String, table: TableCatalog.Entry)] {
        if let known = quiet.followed { return known }
        var found: [(name: String, table: TableCatalog.Entry)] = []
        for entry in try repository.tables() {
            let head = try repository.history(entry.id, entry.record).chainHead
            guard !head.isClosed, head.sourceKind == sourceKind,
                let position = SourcePosition(encoded: head.sourcePosition)
            else { continue }
            found.append((position.name, entry))
        }
        quiet.followed = found
        return found
    }

    /// Moves the ends of quiet tables on.
    /// - Parameter isEnding: whether nothing more is read: then as far as it goes. Else a table is
    ///   moved once in the time that a record may take.
    func moveOn(isEnding: Bool = false) throws {
        // What is not read yet may tell of any time: sources need not follow upon each other.
        guard let seconds = request.unchangedSeconds,
            quiet.unreadCount == 0 || isReadingPipe && quiet.unreadCount == 1
        else { return }
        let bound = seconds * 1_000_000
        let seen = tables.compactMap(\.recorder.latestTime).max()
        var known = seen ?? .min
        // A source that is far behind the clock has more to tell of the time before.
        let isLive = seen.map { quiet.arrival - $0 <= bound } ?? true
        if isReadingPipe, isLive, quiet.until - quiet.since >= bound { known = quiet.until }
        guard known > .min else { return }
        let limit = (min(known, repository.now()) - bound).roundedDown(toMultipleOf: 1_000_000)
        for table in tables where !table.isFedByExports {
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
