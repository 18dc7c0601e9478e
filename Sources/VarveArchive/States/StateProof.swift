public import VarveBytes
public import VarveFormat
import VarveModel

/// A state's whole table digest, and how it is known.
public struct ProvenDigest: Sendable, Hashable {
    public var digest: Hash256
    /// Nil if the digest is recorded whole. Else the checkpoint whose whole digest is recorded: the
    /// digest was worked out from it and from the changes between.
    public var derivedFrom: Instant?

    public init(digest: Hash256, derivedFrom: Instant? = nil) {
        self.digest = digest
        self.derivedFrom = derivedFrom
    }
}

extension Repository {
    /// The whole table digest of a state, also where the archive keeps only 16 bits of it.
    ///
    /// Of a page of checkpoints the first has its digest whole. What changed since then is read,
    /// and its item hashes are added and taken away. So the rows that did not change in between are
    /// held to a digest recorded when the data was live; those that did, to the hashes of their
    /// pages, to the 16 bits and to the count of items. Source: Spec 05, Spec 07.
    /// - Parameter sum: what the changes since then came to, if it is known from reading the state.
    /// - Throws: `proofFailed` if what comes out contradicts the bits or the count recorded.
    /// - Complexity: O(changes of at most 255 checkpoints), as `difference(in:from:to:)`.
    public func wholeDigest(
        of plan: StatePlan, in history: TableHistory, adding sum: StretchSum? = nil
    ) throws -> ProvenDigest {
        let point = plan.checkpoint
        if let digest = point.digest.whole { return ProvenDigest(digest: digest) }
        let (start, known) = try lastWhole(before: point, in: history)
        var digest = known
        var items = start.items
        if let sum {
            digest = digest &+ sum.digest
            items = items &+ sum.items
        } else {
            let source = try difference(
                in: history, from: try history.plan(at: start.instant), to: plan)
            while let block = try source.nextBlock() {
                for entry in block.entries {
                    if let old = entry.old {
                        digest = digest &- block.old.itemHash(old)
                        items = items &- 1
                    }
                    if let new = entry.new {
                        digest = digest &+ block.new.itemHash(new)
                        items = items &+ 1
                    }
                }
            }
        }
        guard point.digest.agrees(with: digest), items == point.items else {
            throw VarveError(
                .proofFailed,
                "the changes since \(start.instant) do not lead to the digest and the count of "
                    + "items recorded for \(point.instant); run 'varve verify'",
                at: "table \(history.record.name)")
        }
        return ProvenDigest(digest: digest, derivedFrom: start.instant)
    }

    /// The sum that leads to the whole digest of a state, for whoever reads the state anyway. Nil
    /// if the digest is recorded whole, or the state builds on an image that is too late.
    public func stretchSum(
        for plan: StatePlan, in history: TableHistory
    ) throws -> StretchSum? {
        if plan.checkpoint.digest.whole != nil || plan.runs.isEmpty { return nil }
        let (start, _) = try lastWhole(before: plan.checkpoint, in: history)
        guard try history.plan(at: start.instant).image == plan.image else { return nil }
        return StretchSum(since: start.instant.microseconds, blobs: blobs)
    }

    /// The whole table digest of a state, worked out from all its rows unless it is recorded.
    /// - Throws: `proofFailed` if it is not the one of which a part is recorded.
    func digestByReading(_ plan: StatePlan, _ history: TableHistory) throws -> Hash256 {
        let state = plan.checkpoint
        if let digest = state.digest.whole { return digest }
        let source = try rows(plan, schema: history.record.keySchema)
        var digest = Hash256.zero
        var items: UInt64 = 0
        while let block = try source.nextBlock() {
            var whole = RowBuffer(capacity: block.rows.byteCount)
            try expand(block, 0..<block.rows.count, into: &whole)
            for index in 0..<whole.count { digest = digest &+ whole.itemHash(index) }
            items += UInt64(whole.count)
        }
        guard state.digest.agrees(with: digest), items == state.items else {
            throw VarveError(
                .proofFailed,
                "the state at \(state.instant) is not the one recorded; nothing was dropped; "
                    + "run 'varve verify'")
        }
        return digest
    }

    /// The last checkpoint up to another one of which the digest is recorded whole.
    private func lastWhole(
        before point: RecordedCheckpoint, in history: TableHistory
    ) throws -> (RecordedCheckpoint, Hash256) {
        guard let start = try history.pages?.leafStart(upTo: point.instant.second),
            let known = start.digest.whole
        else {
            throw VarveError(
                .damaged, "no whole digest is recorded before \(point.instant)",
                at: "table \(history.record.name)")
        }
        return (start, known)
    }
}
