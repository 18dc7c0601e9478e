public import VarveBytes

/// A writer at work: an object under `intents/`. Source: Spec 09, "Intent".
public struct IntentRecord: Hashable, Sendable {
    public var id: WriterID
    /// Microseconds since 1970.
    public var written: Int64
    /// What it does, for people.
    public var purpose: String
    /// Where it runs, for people: host and process.
    public var process: String

    public init(id: WriterID, written: Int64, purpose: String, process: String) {
        self.id = id
        self.written = written
        self.purpose = purpose
        self.process = process
    }
}

extension IntentRecord: SealedRecord {
    public static var objectType: ObjectType { .intent }

    public func encodeBody(into writer: inout ByteWriter) {
        id.encode(into: &writer)
        writer.append(i64: written)
        writer.append(text: purpose)
        writer.append(text: process)
    }

    public init(body cursor: inout ByteCursor) throws(VarveError) {
        id = try WriterID(from: &cursor)
        written = try cursor.i64()
        purpose = try cursor.text()
        process = try cursor.text()
    }

    public func check() throws(VarveError) {
        try RecordRules.checkTime(written, "the time of writing")
        try RecordRules.checkText(purpose, "the purpose")
        try RecordRules.checkText(process, "the name of the process")
    }
}

/// Who records a table's changes: `tables/<id>/lease`. It avoids contention and protects nothing.
/// Source: Spec 09, "Lease".
public struct LeaseRecord: Hashable, Sendable {
    public var holder: WriterID
    /// Microseconds since 1970.
    public var written: Int64
    /// How long it is meant to last from then on.
    public var seconds: UInt64
    /// Where the holder runs, for people: host and process.
    public var process: String

    public init(holder: WriterID, written: Int64, seconds: UInt64, process: String) {
        self.holder = holder
        self.written = written
        self.seconds = seconds
        self.process = process
    }
}

extension LeaseRecord: SealedRecord {
    public static var objectType: ObjectType { .lease }

    public func encodeBody(into writer: inout ByteWriter) {
        holder.encode(into: &writer)
        writer.append(i64: written)
        writer.append(varint: seconds)
        writer.append(text: process)
    }

    public init(body cursor: inout ByteCursor) throws(VarveError) {
        holder = try WriterID(from: &cursor)
        written = try cursor.i64()
        seconds = try cursor.varint()
        process = try cursor.text()
    }

    public func check() throws(VarveError) {
        try RecordRules.checkTime(written, "the time of writing")
        try RecordRules.checkText(process, "the name of the process")
    }
}
