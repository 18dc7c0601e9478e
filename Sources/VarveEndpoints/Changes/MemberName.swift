import VarveBytes
import VarveModel

/// The members of change records that mean something.
enum MemberName: Int, CaseIterable {
    case keys, newImage, oldImage, dynamodb, eventName, metadata, writeTimestampMicros
    case creationTime, creationPrecision, streamViewType
    case tableName, table, tableNameCapital, sourceARN
    case records, kinesis, data, dataCapital, record
    /// Anything else.
    case other

    fileprivate var text: String {
        switch self {
        case .keys: "Keys"
        case .newImage: "NewImage"
        case .oldImage: "OldImage"
        case .dynamodb: "dynamodb"
        case .eventName: "eventName"
        case .metadata: "Metadata"
        case .writeTimestampMicros: "WriteTimestampMicros"
        case .creationTime: "ApproximateCreationDateTime"
        case .creationPrecision: "ApproximateCreationDateTimePrecision"
        case .streamViewType: "StreamViewType"
        case .tableName: "tableName"
        case .table: "Table"
        case .tableNameCapital: "TableName"
        case .sourceARN: "eventSourceARN"
        case .records: "Records"
        case .kinesis: "kinesis"
        case .data: "data"
        case .dataCapital: "Data"
        case .record: "record"
        case .other: ""
        }
    }
}

/// Finds out which member a name is, by comparing words.
struct MemberNames: ~Copyable, Sendable {
    private var texts = ByteWriter(capacity: 512)
    /// First name of each length, and the next of the same length; −1: none.
    private var first = GrowingBuffer<Int8>(capacity: 64)
    private var next = GrowingBuffer<Int8>(capacity: 32)
    private var starts = GrowingBuffer<Int32>(capacity: 32)

    private static let sizeMax = 40

    init() {
        for _ in 0...Self.sizeMax { first.append(-1) }
        for name in MemberName.allCases where name != .other {
            let bytes = Array(name.text.utf8)
            starts.append(Int32(texts.count))
            texts.append(bytes)
            // So that whole words can be compared.
            texts.append(u64: 0)
            next.append(first[bytes.count])
            first[bytes.count] = Int8(name.rawValue)
        }
    }

    func find(_ bytes: RawSpan, _ name: JSONText) -> MemberName {
        // Nobody writes these names with escapes.
        if name.isDecoded || name.count > Self.sizeMax { return .other }
        var candidate = Int(first[name.count])
        while candidate >= 0 {
            if bytes.matches(
                at: name.start, texts.bytes, from: Int(starts[candidate]), count: name.count)
            {
                return MemberName(rawValue: candidate) ?? .other
            }
            candidate = Int(next[candidate])
        }
        return .other
    }
}
