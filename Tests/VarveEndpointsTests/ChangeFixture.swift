import VarveBytes
import VarveModel
import VarveStorage

@testable import VarveEndpoints

/// A change as a source told it.
struct Told: Equatable, CustomStringConvertible {
    var table: String?
    var key: [UInt8]
    var time: Int64
    /// Nil: a deletion.
    var value: [UInt8]?
    var before: ChangeBatch.Before
    var record: String

    var description: String {
        let kind = value == nil ? "-" : "+"
        return "\(kind)\(String(decoding: key, as: UTF8.self))@\(time) \(before)"
    }
}

/// What came of a source, all of it.
struct Telling {
    var changes: [Told] = []
    var rejected: [RejectedRecord] = []
    var unassigned: [RejectedRecord] = []
    var leftOut: [String: Int] = [:]
    var cutOff: RejectedRecord?
    var end: Int64 = 0
    var ends: [UInt64] = []
    var parcelCount = 0
    var recordCount = 0

    /// The reasons for rejection, with the lines.
    var reasons: [String] { rejected.map { "\($0.place.line): \($0.reason)" } }

    mutating func add(_ parcel: ChangeParcel) {
        for table in parcel.tables {
            for index in 0..<table.batch.count {
                let stamp = table.batch.changes.stamps[index]
                let value = table.batch.changes.rows.valueBytes(index)
                let isPut = stamp.kind == .put
                precondition(isPut != value.isEmpty)
                precondition(
                    !isPut
                        || table.batch.itemHashes[index]
                            == table.batch.changes.rows.itemHash(index)
                )
                changes.append(
                    Told(
                        table: table.table, key: table.batch.changes.rows.keyBytes(index),
                        time: stamp.time, value: isPut ? value : nil,
                        before: table.batch.before[index],
                        record: String(decoding: parcel.record(index, of: table), as: UTF8.self)))
            }
            ends += table.batch.ends
            rejected += table.rejected
            precondition(table.batch.changes.rows.count == table.batch.count)
            precondition(table.batch.itemSizes.count == table.batch.count)
        }
        unassigned += parcel.unassigned
        leftOut.merge(parcel.leftOut) { $0 + $1 }
        cutOff = parcel.cutOff ?? cutOff
        end = parcel.end
        parcelCount += 1
        recordCount += parcel.recordCount
    }
}

let personSchema = KeySchema(partition: KeyAttribute(name: "id", type: .string))

func tell(
    _ path: String, _ tables: ChangeTables = .one(personSchema, name: "People"),
    from offset: Int64 = 0, options: ChangeOptions = ChangeOptions(), workers: Int = 2,
    time: any TimeSource = SystemTime()
) throws -> Telling {
    var telling = Telling()
    for source in try ChangeInput.find(path) {
        let stream = source.changes(
            tables, from: offset, options: options, workers: Workers(count: workers), time: time)
        reading: while true {
            switch try stream.next() {
            case .parcel(let parcel): telling.add(parcel)
            case .nothing: break
            case .end: break reading
            }
        }
    }
    return telling
}

/// `{"id":{"S":"…"}}` and more.
func person(_ id: String, _ more: String? = nil) -> String {
    let rest = more.map { ",\"name\":{\"S\":\"\($0)\"}" } ?? ""
    return "{\"id\":{\"S\":\"\(id)\"}\(rest)}"
}

/// A record as an incremental export holds it.
func exported(
    _ id: String, at time: Int64, old: String? = nil, new: String? = nil, table: String? = nil
) -> String {
    var text = "{\"Metadata\":{\"WriteTimestampMicros\":{\"N\":\"\(time)\"}},\"Keys\":\(person(id))"
    if let old { text += ",\"OldImage\":\(person(id, old))" }
    if let new { text += ",\"NewImage\":\(person(id, new))" }
    if let table { text += ",\"Table\":\"\(table)\"" }
    return text + "}"
}

/// A record as DynamoDB Streams deliver it.
func streamed(
    _ id: String, _ event: String, time: String, old: String? = nil, new: String? = nil,
    arn: String? = nil
) -> String {
    var inner = "\"ApproximateCreationDateTime\":\(time),\"Keys\":\(person(id))"
    if let new { inner += ",\"NewImage\":\(person(id, new))" }
    if let old { inner += ",\"OldImage\":\(person(id, old))" }
    inner +=
        ",\"SequenceNumber\":\"4421584500000000017450439091\",\"SizeBytes\":26"
        + ",\"StreamViewType\":\"NEW_AND_OLD_IMAGES\""
    let source = arn.map { ",\"eventSourceARN\":\"\($0)\"" } ?? ""
    return "{\"eventID\":\"c4ca4238a0b923820dcc509a6f75849b\",\"eventName\":\"\(event)\","
        + "\"eventVersion\":\"1.1\",\"eventSource\":\"aws:dynamodb\",\"awsRegion\":\"us-east-1\","
        + "\"dynamodb\":{\(inner)}\(source)}"
}

/// A record as Kinesis Data Streams for DynamoDB hold it.
func kinesis(
    _ id: String, _ event: String, time: String, precision: String? = nil, new: String? = nil,
    table: String = "People"
) -> String {
    var inner = "\"ApproximateCreationDateTime\":\(time)"
    if let precision { inner += ",\"ApproximateCreationDateTimePrecision\":\"\(precision)\"" }
    inner += ",\"Keys\":\(person(id))"
    if let new { inner += ",\"NewImage\":\(person(id, new))" }
    return "{\"awsRegion\":\"us-east-1\",\"eventID\":\"3f9\",\"eventName\":\"\(event)\","
        + "\"userIdentity\":null,\"recordFormat\":\"application/json\",\"tableName\":\"\(table)\","
        + "\"dynamodb\":{\(inner),\"SizeBytes\":9},\"eventSource\":\"aws:dynamodb\"}"
}

func base64(_ text: String) -> String { ExportDirectory.base64(Array(text.utf8)) }
