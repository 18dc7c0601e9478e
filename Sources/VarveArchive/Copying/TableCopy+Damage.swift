import VarveBytes
import VarveFormat

// A source that lacks pages of a commit: what comes before it can still be brought.

extension TableCopy {
    /// Ends a step before a commit that cannot be brought. The target is then a replica that ends
    /// there, and the next copy goes on once the source is mended.
    /// - Throws: `error` if nothing is left to bring.
    func cut(_ step: inout Step, at index: Int, _ error: VarveError) throws {
        let commit = step.commits[index].logical
        step.commits.removeSubrange(index...)
        // Pages of checkpoints are not in the target yet.
        let after = TableHistory(
            id: id, record: record, layoutNumber: step.to.layoutNumber,
            layout: step.layout ?? step.to.layout,
            commits: step.layout.map(step.commits(after:)) ?? step.after, backups: [],
            blobs: step.layout == nil ? target.blobs : source.blobs)
        step.lacking = try step.backups.filter { backup throws(VarveError) in
            try !after.tells(of: backup)
        }
        step.backups.removeAll(where: step.lacking.contains)
        step.cut = VarveError(
            .damaged,
            "what begins with commit \(commit.sequence), the states after "
                + "\(Instant.text(commit.from)), cannot be brought: \(error.message)",
            at: error.location, cause: error)
        let isNothing =
            step.layout == nil && step.commits.isEmpty && step.settings.isEmpty
            && step.retention.isEmpty && step.backups.isEmpty
        if isNothing || step.isNew && step.nextSequence == 0 { throw step.cut ?? error }
    }
}
