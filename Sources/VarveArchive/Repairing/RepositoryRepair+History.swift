import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

// Tables with holes in their chains of commits: what can still be restored is laid out anew, so
// that the table can be used again.

extension RepositoryRepair {
    /// Lays out the tables whose histories have holes that nothing can fill: commits that are
    /// missing, or pages.
    func layOut(_ repository: Repository) throws {
        for (id, record) in try repository.catalog(for: .reading).tables {
            let history = try repository.history(id, record, for: .reading)
            if history.isEmpty { tellOfBareRecord(record.name) }
            var lost = lostParts[id] ?? LostParts()
            if !lost.isEmpty, !dropsLost {
                report.notes.append(
                    "table \(record.name): pages of it are lost. What is sound of its states can "
                        + "still be restored by parts; 'varve repair --drop-lost' gives the states "
                        + "up that lack a page, so that the table can go on without them"
                        + (other == nil ? "; if there is a replica, use --from first" : ""))
                lost = LostParts()
            } else if !lost.isEmpty, other == nil {
                report.notes.append(
                    "table \(record.name): if there is a replica, name it with --from before "
                        + "states are given up: afterwards only those of backups come back from it")
            }
            if history.damage.isEmpty, lost.isEmpty { continue }
            if lost.isEmpty, HistorySalvage(history) == nil {
                report.notes.append(
                    "table \(record.name): its commits do not follow from each other; no program "
                        + "can tell which of them are true")
                continue
            }
            do throws(VarveError) {
                try publish(history, lost, repository)
                lostParts[id] = nil
            } catch {
                guard error.code == .damaged || error.code == .proofFailed else { throw error }
                report.notes.append(
                    "table \(record.name) cannot be laid out anew, and stays read-only: "
                        + error.description)
            }
        }
        // What no layout names any more is missed by nobody.
        let needed = lostParts.values.reduce(into: Set<Hash256>()) { $0.formUnion($1.blobs) }
        lostBlobs = lostBlobs.filter { needed.contains($0.key) }
    }

    /// Of a table's pages alone nobody can tell which table they are of, and of which instant.
    private func tellOfBareRecord(_ name: String) {
        let pages =
            unnamed.blobs == 0
            ? "no pack holds anything that could be its"
            : "packs hold \(unnamed.blobs) pages and large values, \(unnamed.bytes) bytes, that "
                + "no record names and that may be its: 'varve copy --from' a replica makes use of "
                + "them, 'varve prune' frees them"
        report.notes.append(
            "table \(name) has a record and no commit, layout or backup: its first backup did not "
                + "come to its end, or all its states are lost; \(pages)")
    }

    private func publish(
        _ history: TableHistory, _ lost: LostParts, _ repository: Repository
    ) throws(VarveError) {
        let name = history.record.name
        do {
            var cut: LayoutSalvage?
            if let layout = history.layout, !lost.isEmpty {
                cut = try LayoutSalvage(repository, history, layout, lost)
            }
            guard
                let salvage = HistorySalvage(
                    cut?.history ?? history, lost: lost.pieces, isCut: cut != nil,
                    lacksEnd: cut?.lacksEnd ?? false)
            else {
                throw VarveError(.damaged, "its commits do not follow from each other")
            }
            if let layout = history.layout, !lost.isEmpty {
                // Pieces that it names and the next one does not may be of use to people.
                let path = ObjectName.layout(history.id, number: layout.number).path
                try setAside(path, try layout.seal())
            }
            for commit in salvage.unusable {
                let path = ObjectName.commit(
                    history.id, sequence: commit.logical.sequence
                ).path
                try setAside(path, try commit.seal())
            }
            try layOut(salvage, cut, history, repository)
            for text in (cut?.losses ?? []) + salvage.losses {
                report.losses.append(RepairReport.Loss(table: name, text: text))
            }
        } catch let error as VarveError {
            throw error
        } catch {
            throw VarveError(.storage, "\(error)")
        }
        note(.laidOutTable, "table \(name)", "without what is lost of its history")
    }

    private func layOut(
        _ salvage: HistorySalvage, _ cut: LayoutSalvage?, _ history: TableHistory,
        _ repository: Repository
    ) throws {
        let number = max(history.layoutNumber, lostLayouts[history.id] ?? 0)
        let former = cut?.history.layout ?? history.layout
        let layout = LayoutWriter(
            repository,
            TableHistory(
                id: history.id, record: history.record, layoutNumber: number,
                layout: former, commits: salvage.usable, backups: history.backups,
                blobs: repository.blobs), purpose: "repair")
        do {
            let (tree, points) = (
                layout.checkpointTree,
                TableHistory.latest(salvage.usable.flatMap(\.logical.checkpoints))
            )
            let checkpoints =
                try cut.map {
                    let all = TableHistory.latest($0.bounds + points)
                    return try tree.write(tree.insert(all, into: $0.leaves(tree)))
                }
                ?? tree.append(points, to: former?.checkpoints)
            let draft = LayoutDraft(
                ranges: salvage.ranges,
                pieces: (former?.pieces ?? []) + salvage.usable.flatMap(\.pieces),
                checkpoints: checkpoints,
                nextSequence: salvage.nextSequence, head: salvage.head)
            guard try layout.publish(draft) else {
                throw VarveError(
                    .conflict,
                    "another program lays out table \(history.record.name); run this again")
            }
        } catch {
            layout.abandon()
            throw error
        }
    }
}
