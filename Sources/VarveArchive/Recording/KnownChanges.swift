import VarveBytes
import VarveFormat
import VarveModel

/// Tells which changes the archive holds already. Source: Spec 10, Sent again.
///
/// Reads only the pages that may hold their keys, of the pieces of their time; of changes whose key
/// those do not have, older pieces, back to an image. Memory: a page of one piece at a time.
struct KnownChanges {
    private let repository: Repository
    private let history: TableHistory

    init(_ repository: Repository, _ history: TableHistory) {
        self.repository = repository
        self.history = history
    }

    /// What has been found out about a change.
    private struct Finding {
        var isDecided = false
        var isKnown = false
    }

    /// A change in question: its place among the changes, its time and the end of its second.
    private struct Question {
        var index: Int
        var stamp: ChangeStamp
        var secondEnd: Int64
        var hash: Hash256
    }

    /// For each change whether it is known.
    func find(_ changes: PendingChanges) throws -> [Bool] {
        let order = KeySort.sorted(
            (0..<UInt32(changes.count)).map { $0 }, by: changes.changes.rows)
        var findings = [Finding](repeating: Finding(), count: changes.count)
        var open = order
        // From the newest piece back: a key's newest change before a time decides.
        for piece in history.pieces.sorted(by: Self.isNewer) {
            if open.isEmpty { break }
            if piece.tree.isEmpty, piece.kind == .run { continue }
            let concerned = open.filter {
                let time = changes.changes.stamps[Int($0)].time
                return piece.kind == .run
                    ? piece.from < Self.secondEnd(time) : piece.to <= time
            }
            if concerned.isEmpty { continue }
            if piece.kind == .run {
                try search(run: piece, concerned, changes, &findings)
            } else {
                try search(image: piece, concerned, changes, &findings)
            }
            open.removeAll { findings[Int($0)].isDecided }
        }
        return findings.map(\.isKnown)
    }

    private static func secondEnd(_ time: Int64) -> Int64 {
        (CommitAssembly.floor(time) + 1) * 1_000_000
    }

    /// By end; an image before the run that ends with it, since it answers at once.
    private static func isNewer(_ a: Piece, _ b: Piece) -> Bool {
        a.to != b.to ? a.to > b.to : a.kind == .image && b.kind == .run
    }

    // MARK: Runs

    private func search(
        run: Piece, _ order: [UInt32], _ changes: PendingChanges, _ findings: inout [Finding]
    ) throws {
        let versions = RunVersions(
            run.tree, schema: history.record.keySchema, blobs: repository.blobs)
        var start = 0
        while start < order.count {
            let first = Int(order[start])
            var end = start + 1
            while end < order.count,
                Self.hasSameKey(changes.changes.rows, Int(order[end]), first)
            {
                end += 1
            }
            let questions = order[start..<end].map { Self.question(changes, Int($0)) }
            try compare(questions, versions, changes.changes.rows, first, &findings)
            start = end
        }
    }

    private static func hasSameKey(_ rows: borrowing RowBuffer, _ a: Int, _ b: Int) -> Bool {
        rows.order(a, rows, b) == 0
    }

    private static func question(_ changes: PendingChanges, _ index: Int) -> Question {
        let stamp = changes.changes.stamps[index]
        return Question(
            index: index, stamp: stamp, secondEnd: secondEnd(stamp.time),
            hash: changes.hashes[index])
    }

    /// Compares changes of one key with those of a run.
    private func compare(
        _ questions: [Question], _ versions: RunVersions, _ rows: borrowing RowBuffer,
        _ index: Int, _ findings: inout [Finding]
    ) throws {
        /// Whether the newest change before each question's time is the same.
        var newest = [Bool?](repeating: nil, count: questions.count)
        var held = [Bool](repeating: false, count: questions.count)
        try versions.forEach(rows, index) { block, place in
            let stamp = block.changes.stamps[place]
            var hash: Hash256?
            for (number, question) in questions.enumerated()
            where stamp.time < question.secondEnd {
                var isSame = stamp.kind == question.stamp.kind
                if isSame, stamp.kind == .put {
                    if hash == nil { hash = try itemHash(block, place) }
                    isSame = hash == question.hash
                }
                if stamp.time >= question.stamp.time, isSame { held[number] = true }
                if stamp.time < question.stamp.time { newest[number] = isSame }
            }
        }
        for (number, question) in questions.enumerated() {
            if held[number] || newest[number] == true {
                findings[question.index] = Finding(isDecided: true, isKnown: true)
            } else if newest[number] != nil {
                findings[question.index].isDecided = true
            }
        }
    }

    private func itemHash(_ block: ChangeBlock, _ place: Int) throws -> Hash256 {
        if !block.hasOutlined { return block.changes.rows.itemHash(place) }
        var whole = RowBuffer(capacity: 1 << 12)
        try repository.expand(block.changes.rows, place..<place + 1, into: &whole)
        return whole.itemHash(0)
    }

    // MARK: Images

    private func search(
        image: Piece, _ order: [UInt32], _ changes: PendingChanges, _ findings: inout [Finding]
    ) throws {
        let lookup = ImageLookup(
            image.tree, schema: history.record.keySchema, blobs: repository.blobs)
        for index in order.map(Int.init) {
            let question = Self.question(changes, index)
            var hash: Hash256?
            if let place = try lookup.find(changes.changes.rows, index) {
                var whole = RowBuffer(capacity: 1 << 12)
                try repository.expand(lookup.block, place..<place + 1, into: &whole)
                hash = whole.itemHash(0)
            }
            let isSame =
                question.stamp.kind == .tombstone ? hash == nil : hash == question.hash
            findings[index] = Finding(isDecided: true, isKnown: isSame)
        }
    }
}
