public import VarveBytes

/// What of a table's history is promised to stay: an object under `tables/<id>/retention/`. Source:
/// Spec 09, "Retention".
public struct RetentionRecord: Hashable, Sendable {
    /// Greatest number of days, and of periods.
    public static let countMax: UInt64 = 3_660_000

    /// Microseconds since 1970.
    public var written: Int64
    /// Whether what earlier records promised beyond this one is not promised any more.
    public var endsEarlierPromises: Bool
    /// Every second of so many days before the clock stays as it was recorded.
    public var days: UInt64
    /// Before that the last state of each of so many hours, days, weeks, months and years stays.
    public var hourly: UInt64
    public var daily: UInt64
    public var weekly: UInt64
    public var monthly: UInt64
    public var yearly: UInt64

    public init(
        written: Int64, endsEarlierPromises: Bool = false, days: UInt64 = 0, hourly: UInt64 = 0,
        daily: UInt64 = 0, weekly: UInt64 = 0, monthly: UInt64 = 0, yearly: UInt64 = 0
    ) {
        self.written = written
        self.endsEarlierPromises = endsEarlierPromises
        self.days = days
        self.hourly = hourly
        self.daily = daily
        self.weekly = weekly
        self.monthly = monthly
        self.yearly = yearly
    }

    /// Whether it names nothing that stays. Then everything does.
    public var isEmpty: Bool { counts.allSatisfy { $0 == 0 } }

    private var counts: [UInt64] { [days, hourly, daily, weekly, monthly, yearly] }
}

extension RetentionRecord: SealedRecord {
    public static var objectType: ObjectType { .retention }

    private static let flagEnds: UInt8 = 1

    public func encodeBody(into writer: inout ByteWriter) {
        writer.append(i64: written)
        writer.append(endsEarlierPromises ? Self.flagEnds : 0)
        for count in counts { writer.append(varint: count) }
    }

    public init(body cursor: inout ByteCursor) throws(VarveError) {
        written = try cursor.i64()
        let flags = try cursor.u8()
        if flags & ~Self.flagEnds != 0 { throw cursor.fault("a flag is not known") }
        endsEarlierPromises = flags != 0
        days = try cursor.varint()
        hourly = try cursor.varint()
        daily = try cursor.varint()
        weekly = try cursor.varint()
        monthly = try cursor.varint()
        yearly = try cursor.varint()
    }

    public func check() throws(VarveError) {
        try RecordRules.checkTime(written, "the time of writing")
        if counts.contains(where: { $0 > Self.countMax }) {
            throw RecordRules.fault("a retention is longer than \(Self.countMax) days or periods")
        }
    }
}
