import Testing
import VarveBytes
import VarveFormat
import VarveModel

struct IntentFields: RecordFields {
    var id: String
    var written: Int64
    var purpose: String
    var process: String

    init(_ record: IntentRecord) {
        id = record.id.description
        written = record.written
        purpose = record.purpose
        process = record.process
    }

    func record() throws -> IntentRecord {
        IntentRecord(
            id: try parse(identifier: id), written: written, purpose: purpose, process: process)
    }
}

struct CondemnedFields: RecordFields {
    var written: Int64
    var packs: [String]
    var indexes: [String]

    init(_ record: CondemnedRecord) {
        written = record.written
        packs = record.packs.map(\.description)
        indexes = record.indexes.map(\.description)
    }

    func record() throws -> CondemnedRecord {
        CondemnedRecord(
            written: written, packs: try packs.map(parse(hash:)),
            indexes: try indexes.map(parse(hash:)))
    }
}

struct RetentionFields: RecordFields {
    var written: Int64
    var endsEarlierPromises: Bool
    var days: UInt64
    var hourly: UInt64
    var daily: UInt64
    var weekly: UInt64
    var monthly: UInt64
    var yearly: UInt64

    init(_ record: RetentionRecord) {
        written = record.written
        endsEarlierPromises = record.endsEarlierPromises
        days = record.days
        hourly = record.hourly
        daily = record.daily
        weekly = record.weekly
        monthly = record.monthly
        yearly = record.yearly
    }

    func record() throws -> RetentionRecord {
        RetentionRecord(
            written: written, endsEarlierPromises: endsEarlierPromises, days: days,
            hourly: hourly, daily: daily, weekly: weekly, monthly: monthly, yearly: yearly)
    }
}

struct LeaseFields: RecordFields {
    var holder: String
    var written: Int64
    var seconds: UInt64
    var process: String

    init(_ record: LeaseRecord) {
        holder = record.holder.description
        written = record.written
        seconds = record.seconds
        process = record.process
    }

    func record() throws -> LeaseRecord {
        LeaseRecord(
            holder: try parse(identifier: holder), written: written, seconds: seconds,
            process: process)
    }
}

struct KeySlotFields: RecordFields {
    var logarithmN: UInt64
    var blockSize: UInt64
    var parallelism: UInt64
    var salt: String
    var nonce: String
    var wrapped: String
    var label: String

    init(_ record: KeySlotRecord) {
        logarithmN = record.logarithmN
        blockSize = record.blockSize
        parallelism = record.parallelism
        salt = record.salt.raw.hexadecimal
        nonce = record.nonce.raw.hexadecimal
        wrapped = record.wrapped.raw.hexadecimal
        label = record.label
    }

    func record() throws -> KeySlotRecord {
        KeySlotRecord(
            logarithmN: logarithmN, blockSize: blockSize, parallelism: parallelism,
            salt: try parse(bytes: salt), nonce: try parse(bytes: nonce),
            wrapped: try parse(bytes: wrapped), label: label)
    }
}
