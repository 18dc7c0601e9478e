import VarveBytes
public import VarveModel

/// A change record that cannot be recorded.
public struct RejectedRecord: Sendable, Hashable {
    /// Where the record begins.
    public var place: SourcePlace
    /// Why, in plain words.
    public var reason: String
    /// The record as it came.
    public var record: [UInt8]
    /// How many changes of its table's batch came before it.
    public var index: Int
}

/// Changes of one table from a part of a source, in the order in which they stand there.
///
/// Sendable: it has one owner at a time, and the ownership moves from thread to thread with the
/// reference. The stream keeps nothing of what it has handed out.
public final class TableChanges: @unchecked Sendable {
    /// As the records name the table; nil if the source is of one table and they need not.
    public let table: String?
    /// How many changes came before the first record that cannot be recorded and may be of this
    /// table; nil if there is none.
    public var prefixCount: Int? {
        [rejected.first?.index, soundCount].compactMap { $0 }.min()
    }

    /// The changes; their owner may move them out.
    public var batch: ChangeBatch
    /// Ascending by index.
    public internal(set) var rejected: [RejectedRecord] = []
    /// How many changes came before the parcel's first record of which not even the table can be
    /// told; nil if there is none. It may be one of this table.
    public internal(set) var soundCount: Int?

    /// Where each change's record stands in the chunk.
    var records: [Range<Int32>] = []

    init(table: String?, capacity: Int) {
        self.table = table
        batch = ChangeBatch(capacity: capacity)
    }
}

/// What a part of a source, some 100 KB of text, tells: changes of one table or of several.
///
/// Sendable: as `TableChanges`.
public final class ChangeParcel: @unchecked Sendable {
    /// Each table once; of several tables in the order in which they first appear.
    public internal(set) var tables: [TableChanges] = []
    /// Records of which not even the table can be told.
    public internal(set) var unassigned: [RejectedRecord] = []
    /// How many records are of tables that were not asked for, by the tables' names.
    public internal(set) var leftOut: [String: Int] = [:]
    /// What the source ends with, if that is the beginning of a record, cut off: it is left for
    /// the next run, and stands behind `end`.
    public internal(set) var cutOff: RejectedRecord?
    /// The file.
    public let path: String
    /// Offset in the source, decompressed, behind the last record: reading can go on there.
    public internal(set) var end: Int64
    /// Number of records, of all kinds.
    public internal(set) var recordCount = 0

    let chunk: ChangeChunk

    init(path: String, chunk: ChangeChunk) {
        self.path = path
        self.chunk = chunk
        end = chunk.byte + Int64(chunk.bytes.count)
    }

    /// Bytes that it keeps: of text, and about what it takes beside it.
    public var byteCount: Int { chunk.bytes.count + Self.overheadBytes }

    /// Empty buffers and such: of small parcels the most.
    private static let overheadBytes = 16 << 10

    /// The record of a change as it came; of a change within an envelope, the whole envelope.
    public func record(_ index: Int, of changes: TableChanges) -> [UInt8] {
        let range = changes.records[index]
        return chunk.copy(Int(range.lowerBound), Int(range.upperBound))
    }

    /// Where the record of a change begins.
    public func place(_ index: Int, of changes: TableChanges) -> SourcePlace {
        place(ofByte: Int(changes.records[index].lowerBound))
    }

    /// Lines counted so far, and up to which byte: places are asked for in order.
    private var counted = (offset: 0, line: Int64(0))

    /// Where a byte of the chunk stands in the source.
    func place(ofByte offset: Int) -> SourcePlace {
        let byte = chunk.byte + Int64(offset)
        if chunk.line == 0 { return SourcePlace(file: path, line: 0, byte: byte) }
        if counted.line == 0 || counted.offset > offset { counted = (0, chunk.line) }
        counted.line += Int64(chunk.lineCount(from: counted.offset, to: offset))
        counted.offset = offset
        return SourcePlace(file: path, line: counted.line, byte: byte)
    }

    /// Gives all changes this time.
    func restamp(_ time: Int64) {
        for changes in tables {
            for index in 0..<changes.batch.count { changes.batch.changes.stamps[index].time = time }
        }
    }
}
