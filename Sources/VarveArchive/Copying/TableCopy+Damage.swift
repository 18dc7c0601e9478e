import VarveBytes
import VarveFormat

// A source that lacks pages: of a commit, then what comes before it can still be brought; of its
// newest layout, then a replica that has the commits before that goes on without.

extension TableCopy {
    /// Goes on by commits alone, if the target has all that the layout covers.
    /// - Throws: `damaged`, saying what to do, if it has not: no commit follows from what it has,
    ///   and what a layout lacks comes back to the source later, but not to a replica that took
    ///   what was left of it.
    func goWithoutLayout(_ step: inout Step, _ error: VarveError) throws {
        guard let layout = step.layout, step.to.nextSequence >= layout.nextSequence else {
            throw VarveError(
                .damaged,
                "its newest layout lacks pages, and what the target lacks follows from that: of "
                    + "this table nothing is brought, of all others everything. If some repository "
                    + "or pack has these pages, bring them back into the source (varve repair "
                    + "--from); if not, give up the states that need them (varve repair "
                    + "--drop-lost). Then run this again (\(error.message))",
                at: error.location, cause: error)
        }
        try take(nil, &step)
        // It is no prune of the target that these lack.
        step.lacking = step.leftOut
        step.leftOut = []
        step.cut = VarveError(
            .damaged,
            "its newest layout lacks pages; what came in commits since was brought, but not the "
                + "layout: \(error.message)", at: error.location, cause: error)
        if step.isEmpty { throw step.cut ?? error }
    }

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
        let lacking = try step.backups.filter { backup throws(VarveError) in
            try !after.tells(of: backup)
        }
        step.backups.removeAll(where: lacking.contains)
        step.lacking += lacking
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
