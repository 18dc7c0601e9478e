import VarveArchive

// Up to where commits say that the sources are recorded.

extension RecordOperation {
    /// What a commit of one table says of the source must hold for all tables: it goes no further
    /// than the least of what the others have committed.
    /// - Parameter start: where the parcel begins that is being taken in.
    func holdBack(before start: UInt64? = nil) {
        if request.table != nil { return }
        typealias Place = (order: Int, offset: UInt64)
        var own: Place = (names.count - 1, start ?? UInt64.max)
        if let unmadePlace, unmadePlace < own { own = unmadePlace }
        // The least, and the least of all others.
        var (least, next) = (own, own)
        var leastTable = -1
        for (index, table) in tables.enumerated() {
            guard let position = table.recorder.acknowledged else { continue }
            let place: Place = (names.lastIndex(of: position.name) ?? 0, position.offset)
            if place < least {
                (least, next, leastTable) = (place, least, index)
            } else if place < next {
                next = place
            }
        }
        for (index, table) in tables.enumerated() {
            let limit = index == leastTable ? next : least
            table.recorder.positionLimit =
                limit.offset == UInt64.max
                ? nil : SourcePosition(name: names[limit.order], offset: limit.offset)
        }
    }
}
