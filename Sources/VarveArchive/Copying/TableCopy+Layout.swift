import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

// A replica that lags behind the source's layout takes it over.

extension TableCopy {
    /// Publishes the source's layout as the target's next one.
    ///
    /// What only the target still has of older history goes with its own layout, except the states
    /// of backups that the source has forgotten: each is kept as an image.
    func publish(_ layout: LayoutRecord, _ step: Step) throws {
        var next = layout
        next.number = max(layout.number, step.to.layoutNumber + 1)
        target.blobs.addInline(layout.inline)
        let orphans = try orphans(layout, step)
        if orphans.isEmpty {
            try announce(next, step)
            return
        }
        let keeper = LayoutWriter(target, step.to, purpose: "copy")
        do {
            try next.keep(orphans, of: step.to, by: keeper)
            try announce(next, step)
            try keeper.writer.confirm()
            try keeper.small.confirm()
            try keeper.writer.end()
            try keeper.small.end()
        } catch {
            keeper.abandon()
            throw error
        }
    }

    /// States that only the target's own layout tells of go, so that it is announced.
    private func announce(_ layout: LayoutRecord, _ step: Step) throws {
        let name = ObjectName.layout(id, number: layout.number).path
        let bytes = try layout.seal()
        let isPublished = try DropAnnouncement(repository: target, id: id, record: record)
            .publish(knowing: step.to.backups) { () throws -> Bool in
                try create(name, bytes)
                return try target.newestLayout(of: id) == layout.number
            }
        if !isPublished {
            throw VarveError(
                .conflict,
                "another program lays out table \(record.name), or names a state of it; run this "
                    + "again",
                at: name)
        }
    }

    /// Backups that only the target has and whose states the source's layout has not.
    private func orphans(_ layout: LayoutRecord, _ step: Step) throws -> [BackupRecord] {
        let own = Set(step.from.backups.map(\.id))
        let candidates = step.to.backups.filter { !own.contains($0.id) }
        if candidates.isEmpty { return [] }
        let after = TableHistory(
            id: id, record: record, layoutNumber: layout.number, layout: layout,
            commits: step.commits(after: layout), backups: [], blobs: target.blobs)
        return try candidates.filter { try !after.holds($0) }
    }
}
