import VarveFormat

/// The times whose states pieces make, worked out piece by piece. Source: Spec 10, State at T.
struct ReachedTimes {
    /// From time to time, both included; microseconds. Ascending, apart from each other.
    private(set) var stretches: [ClosedRange<Int64>] = []

    /// What came of some pieces: stretches that became one, or none that did, in order.
    struct Step {
        fileprivate var changes: [(place: Int, former: [ClosedRange<Int64>])] = []
    }

    init() {}

    /// - Parameter pieces: in any order.
    init(_ pieces: [Piece]) {
        for piece in Self.inOrder(pieces) { _ = step(by: [piece]) }
    }

    /// So that a piece comes after those that it builds on.
    static func inOrder(_ pieces: [Piece]) -> [Piece] {
        func order(_ piece: Piece) -> (Int64, Int) { (piece.to, piece.kind == .run ? 0 : 1) }
        return pieces.sorted { order($0) < order($1) }
    }

    func holds(_ time: Int64) -> Bool {
        let place = place(after: time)
        return place > 0 && stretches[place - 1].contains(time)
    }

    /// Adds what pieces make.
    /// - Returns: how to undo it; nil if a run builds on a state that nothing makes: then nothing
    ///   has changed.
    /// - Complexity: O(log n) for n stretches, but for those that it joins or parts.
    mutating func step(by pieces: [Piece]) -> Step? {
        var step = Step()
        for piece in pieces {
            let from = piece.kind == .image ? piece.to : piece.from
            let place = place(after: from)
            guard place > 0, stretches[place - 1].contains(from) else {
                if piece.kind == .image {
                    stretches.insert(piece.to...piece.to, at: place)
                    step.changes.append((place, []))
                    continue
                }
                undo(step)
                return nil
            }
            let last = stretches[place - 1]
            if piece.to <= last.upperBound { continue }
            var next = place
            var end = piece.to
            while next < stretches.count, stretches[next].lowerBound <= end {
                end = max(end, stretches[next].upperBound)
                next += 1
            }
            step.changes.append((place - 1, Array(stretches[place - 1..<next])))
            stretches.replaceSubrange(place - 1..<next, with: [last.lowerBound...end])
        }
        return step
    }

    /// Takes back the last step that is not taken back.
    mutating func undo(_ step: Step) {
        for change in step.changes.reversed() {
            stretches.replaceSubrange(change.place...change.place, with: change.former)
        }
    }

    /// How many stretches begin at a time or before it.
    private func place(after time: Int64) -> Int {
        var low = 0
        var high = stretches.count
        while low < high {
            let middle = (low + high) / 2
            if stretches[middle].lowerBound > time { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
