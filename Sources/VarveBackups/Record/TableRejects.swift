import VarveArchive
import VarveBytes
import VarveEndpoints
import VarveModel

/// What of one table cannot be recorded: goes to the rejects file, is told of, and counted.
final class TableRejects {
    let table: String
    private(set) var count: UInt64 = 0
    private let file: RejectsFile
    private let tell: (RecordEvent) -> Void

    init(_ table: String, _ file: RejectsFile, tell: @escaping (RecordEvent) -> Void) {
        self.table = table
        self.file = file
        self.tell = tell
    }

    /// Files one record.
    /// - Parameter follows: it could be recorded, if one before it could: of such only the number
    ///   is told.
    func file(
        _ place: SourcePlace, _ reason: String, _ record: [UInt8], follows: Bool = false
    ) throws(VarveError) {
        count += 1
        try file.append(table: table, place: place, reason: reason, record: record)
        if follows { return }
        tell(.rejected(table: table, place: place.description, reason: reason))
    }

    /// Files a parcel's changes from one on, and the records between them.
    /// - Parameter reason: why changes cannot be recorded that are sound themselves.
    func file(
        _ changes: TableChanges, from firstChange: Int = 0, of parcel: ChangeParcel,
        because reason: String
    ) throws(VarveError) {
        var rejected = changes.rejected.drop { $0.index < firstChange }
        for index in firstChange...changes.batch.count {
            while let record = rejected.first, record.index <= index {
                rejected.removeFirst()
                try file(record.place, record.reason, record.record)
            }
            if index == changes.batch.count { break }
            try file(
                parcel.place(index, of: changes), reason, parcel.record(index, of: changes),
                follows: true)
        }
    }
}
