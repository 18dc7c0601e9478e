public import VarveBytes
public import VarveModel

/// What was read of one change record, until it is whole.
struct RecordDraft {
    enum Event { case insert, modify, remove }
    enum View { case newImage, both, other }

    /// Where a member stands, which decides what its name means.
    enum Level { case record, dynamodb, metadata, kinesis }

    var time: WrittenTime?
    var unit = WrittenTime.Unit.unknown
    var event: Event?
    var view: View?
    var hasKeys = false
    var hasOld = false
    var hasNew = false
    /// Whether it is of a stream, whose deletions say that they are.
    var isStream = false
    /// The table's name, in the text or decoded.
    var table: JSONText?
    /// It is no record itself but holds others: its elements have been taken.
    var isWrapper = false
    /// What became of the record in an envelope.
    var inner: RecordOutcome?
    /// Whether the record itself stands within it, not its base64.
    var isPlainInner = false

    /// Whether anything was read that makes it a record, a list or an envelope.
    var hasContent: Bool { hasKeys || hasOld || hasNew || isWrapper || inner != nil }
}

/// What became of a record.
enum RecordOutcome {
    case accepted
    /// It held records, which have been taken one by one.
    case wrapper
    /// It is of a table that was not asked for.
    case leftOut(String)
    /// It cannot be recorded; with its table, as far as that is known.
    case rejected(ParseFault, table: String?)
}

/// Which table the records of a source are of.
public enum ChangeTables: Sendable {
    /// All of one table, with these key attributes. Records that name a table other than `name`
    /// are left out.
    case one(KeySchema, name: String)
    /// Each says its table. The closure gives the table's key attributes, or nil if there are none;
    /// it is called from several threads.
    case named(@Sendable (String) throws(VarveError) -> KeySchema?)
}

/// What a parser keeps for one table.
final class TableParser {
    let name: String?
    let nameBytes: [UInt8]
    var items: ItemParser
    let codec: KeyCodec
    /// Where its changes go, while a chunk is parsed.
    var target: TableChanges?

    init(name: String?, schema: KeySchema) {
        self.name = name
        nameBytes = name.map { Array($0.utf8) } ?? []
        items = ItemParser(schema: schema)
        codec = KeyCodec(schema)
    }
}
