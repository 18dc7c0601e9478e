import VarveBytes
import VarveFormat
import VarveModel

/// What a leaf page holds, added up from its rows. Whatever names the page says the same.
/// Source: Spec 11, Verification.
struct LeafFacts {
    /// What the index page above tells of it. Without outlined values that cannot be read there is
    /// no digest, and so no facts.
    var entry: IndexEntry
    /// The least and greatest time of a run's changes; all of time for an image.
    var times: ClosedRange<Int64>
    /// What its place in a tree must fit, if that is asked for.
    var contents: LeafContents?

    /// What a tree reference tells, if the leaf is the root.
    var root: IndexEntry {
        var root = IndexEntry(entries: entry.entries)
        (root.id, root.weight, root.digest) = (entry.id, entry.weight, entry.digest)
        return root
    }
}

/// The same in a few words, for trees of any size.
struct LeafSummary: Sendable {
    let id: Hash256
    /// Hashes, of this process alone, of what an index page and a tree reference must tell.
    let asChild: Int
    let asRoot: Int
    let leastTime: Int64
    let greatestTime: Int64
    /// Whether an attribute has the name of a key attribute of some table.
    let mayHoldKey: Bool
    let contents: LeafContents?

    init(_ facts: LeafFacts, _ kind: TreeKind, _ schema: KeySchema, mayHoldKey: Bool) {
        id = facts.entry.id
        asChild = Self.hash(facts.entry, kind, schema)
        asRoot = Self.hash(facts.root, kind, schema)
        (leastTime, greatestTime) = (facts.times.lowerBound, facts.times.upperBound)
        self.mayHoldKey = mayHoldKey
        contents = facts.contents
    }

    /// The hash of what something tells of a leaf.
    static func hash(_ entry: IndexEntry, _ kind: TreeKind, _ schema: KeySchema) -> Int {
        var hasher = Hasher()
        hasher.combine(entry)
        hasher.combine(kind)
        hasher.combine(schema.partition.type)
        hasher.combine(schema.sort?.type)
        return hasher.finalize()
    }
}

extension PageProof {
    /// Adds up what a leaf page holds.
    /// - Parameter changes: the page's rows; of an image without stamps.
    /// - Returns: nil if an outlined value cannot be read.
    /// - Throws: `damaged` if a value is not outlined as the rule says (Spec 06).
    func facts(
        _ changes: borrowing ChangeBuffer, _ kind: TreeKind, _ schema: KeySchema, _ id: Hash256
    ) throws(VarveError) -> LeafFacts? {
        let count = changes.rows.count
        var entry = IndexEntry(entries: UInt64(count))
        entry.id = id
        entry.lastKey = changes.rows.keyBytes(count - 1)
        var times = Int64.min...Int64.max
        if kind == .run, let last = changes.stamps.last {
            (entry.lastTime, entry.lastSequence) = (last.time, last.sequence)
            let all = changes.stamps.map(\.time)
            (entry.leastTime, entry.greatestTime) = (all.min() ?? 0, all.max() ?? 0)
            times = entry.leastTime...entry.greatestTime
        }
        var contents = ContentsSum(cutHash)
        let codec = KeyCodec(schema)
        var whole = RowBuffer(capacity: 1 << 12)
        var scratch = ByteWriter(capacity: 1 << 12)
        for index in 0..<count {
            let value = changes.rows.value(index)
            let stamp = kind == .run ? changes.stamps[index] : nil
            let isOutlined = value.byteCount > 0 ? try Outlining.isOutlined(value) : false
            if isOutlined {
                whole.removeAll()
                if !(try expand(changes.rows, index, &whole)) { return nil }
                try Self.checkOutlining(value, whole, 0, &scratch)
                entry.digest = entry.digest &+ Self.hash(whole, 0, stamp, &scratch)
                try contents.measure(whole, 0, codec)
            } else {
                if value.byteCount >= Outlining.valueLimit {
                    try Self.checkOutlining(value, changes.rows, index, &scratch)
                }
                entry.digest = entry.digest &+ Self.hash(changes.rows, index, stamp, &scratch)
                if value.byteCount > 0 { try contents.measure(changes.rows, index, codec) }
            }
            let keyBytes = changes.rows.key(index).byteCount
            let weight =
                kind == .image
                ? try CutWeight.row(keyBytes: keyBytes, value: value)
                : try CutWeight.change(keyBytes: keyBytes, value: value)
            entry.weight += weight
            contents.add(changes.rows.key(index), stamp, weight: weight)
        }
        return LeafFacts(entry: entry, times: times, contents: contents.finish(changes))
    }

    /// The hash of a whole row or change. Source: Spec 05.
    private static func hash(
        _ rows: borrowing RowBuffer, _ index: Int, _ stamp: ChangeStamp?,
        _ scratch: inout ByteWriter
    ) -> Hash256 {
        guard let stamp else { return rows.itemHash(index) }
        return ItemDigest.changeHash(
            key: rows.key(index), value: rows.value(index), time: stamp.time, kind: stamp.kind,
            &scratch)
    }

    /// Appends the whole row.
    /// - Returns: false if an outlined value cannot be read, which is told of elsewhere.
    private func expand(
        _ rows: borrowing RowBuffer, _ index: Int, _ whole: inout RowBuffer
    ) throws(VarveError) -> Bool {
        var isReadable = true
        var value = ByteWriter(capacity: 1 << 15)
        do throws(VarveError) {
            try Outlining.expand(rows.value(index), into: &value) {
                (id, _, output) throws(VarveError) in
                isReadable = false
                output.append(try blobs.plain(id, as: .outlinedValue))
                isReadable = true
            }
        } catch {
            if isReadable { throw error }
            return false
        }
        whole.append(key: rows.key(index), value: value.bytes)
        return true
    }

    /// The in-line form must be the one that the rule gives.
    private static func checkOutlining(
        _ value: RawSpan, _ rows: borrowing RowBuffer, _ index: Int, _ scratch: inout ByteWriter
    ) throws(VarveError) {
        scratch.removeAll()
        _ = try Outlining.outline(rows.value(index), into: &scratch) {
            (plain) throws(VarveError) -> Hash256 in sha256(plain)
        }
        if !scratch.bytes.equals(value) {
            throw VarveError(.damaged, "a row's large values are not outlined as the rule says")
        }
    }
}
