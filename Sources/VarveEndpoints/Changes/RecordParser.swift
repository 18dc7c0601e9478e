import VarveBytes
import VarveModel

/// Reads change records, in every form in which AWS delivers them, into changes.
///
/// Which form a record has, its members tell: `Metadata` those of incremental exports, `dynamodb`
/// those of streams, `Data` or `kinesis` an envelope around one, `Records` a list of them. Never
/// throws: what cannot be read is rejected, record by record.
///
/// Reused, since it learns how items look. Not for sharing between threads.
struct RecordParser: ~Copyable {
    let tables: ChangeTables
    let options: ChangeOptions
    let names = MemberNames()
    var text = ByteWriter(capacity: 1_024)
    var keys = RowBuffer(capacity: 1_024)
    var old = RowBuffer(capacity: 4_096)
    /// The table that the last record was of: most often the next one's too.
    var current: TableParser?
    private var known: [String: TableParser] = [:]
    var isInEnvelope = false
    var isInRejected = false
    var isInList = false
    /// Whether a list of records broke off within a record, which has been settled.
    var isLost = false
    /// Whether the source ends with this unit, perhaps within a record.
    private var isTail = false

    init(_ tables: ChangeTables, options: ChangeOptions) {
        self.tables = tables
        self.options = options
        if case .one(let schema, let name) = tables {
            let table = TableParser(name: name, schema: schema)
            known[name] = table
            current = table
        }
    }

    /// Parses all units of a chunk.
    mutating func parse(_ chunk: ChangeChunk, path: String) -> ChangeParcel {
        let parcel = ChangeParcel(path: path, chunk: chunk)
        if let fault = chunk.fault {
            let range = Self.firstByte(chunk.bytes)..<chunk.bytes.count
            settle(.rejected(ParseFault(fault, offset: 0), table: nil), range, parcel)
        } else if let units = chunk.units {
            for (index, unit) in units.enumerated() {
                Self.unit(
                    &self, chunk.bytes, unit, isTail: chunk.isTail && index == units.count - 1,
                    parcel)
            }
        } else {
            Self.lines(&self, chunk, parcel)
        }
        for table in known.values { table.target = nil }
        return parcel
    }

    private static func lines(
        _ parser: inout RecordParser, _ chunk: ChangeChunk, _ parcel: ChangeParcel
    ) {
        let end = chunk.bytes.count
        var at = 0
        while at < end {
            let lineEnd = Self.lineEnd(chunk.bytes, from: at)
            unit(
                &parser, chunk.bytes, at..<lineEnd, isTail: chunk.isTail && lineEnd == end, parcel)
            at = lineEnd
        }
    }

    /// Offset of the first byte that is no white space.
    private static func firstByte(_ bytes: borrowing ByteWriter) -> Int {
        var at = 0
        while at < bytes.count, bytes.bytes.byte(at: at) <= 0x20 { at += 1 }
        return at
    }

    private static func lineEnd(_ bytes: borrowing ByteWriter, from start: Int) -> Int {
        let hit = bytes.bytes.firstOffset(of: UInt8(ascii: "\n"), from: start)
        return hit.map { $0 + 1 } ?? bytes.bytes.byteCount
    }

    private static func unit(
        _ parser: inout RecordParser, _ bytes: borrowing ByteWriter, _ range: Range<Int>,
        isTail: Bool, _ parcel: ChangeParcel
    ) {
        parser.unit(bytes.bytes.part(0, range.upperBound), range, isTail: isTail, parcel)
    }

    /// Parses one unit: a record, a list of records, or several of them one after another.
    private mutating func unit(
        _ bytes: RawSpan, _ range: Range<Int>, isTail: Bool, _ parcel: ChangeParcel
    ) {
        var scanner = JSONScanner(bytes, at: range.lowerBound)
        var last: TableChanges?
        self.isTail = isTail
        while true {
            scanner.skipSpace()
            if scanner.offset == bytes.byteCount { break }
            let start = scanner.offset
            let outcome = value(&scanner, range, parcel)
            if !isCutOff(outcome, start, scanner, range, parcel) {
                settle(outcome, start..<scanner.offset, parcel)
            }
            if parcel.cutOff != nil { return }
            last = current?.target
        }
        // Behind the last record of the unit, reading can go on behind the unit.
        guard let last, let index = last.batch.ends.indices.last,
            last.batch.ends[index] == UInt64(parcel.chunk.byte) + UInt64(range.lowerBound)
        else { return }
        last.batch.ends[index] = UInt64(parcel.chunk.byte) + UInt64(range.upperBound)
    }

    /// Parses a record or a list of records where the scanner stands; then it stands behind it.
    private mutating func value(
        _ scanner: inout JSONScanner, _ unit: Range<Int>, _ parcel: ChangeParcel
    ) -> RecordOutcome {
        let start = scanner.offset
        if scanner.bytes.byte(at: start) == UInt8(ascii: "[") {
            do throws(ParseFault) {
                try list(&scanner, unit, parcel)
                return .wrapper
            } catch {
                scanner.offset = scanner.bytes.byteCount
                if isLost {
                    isLost = false
                    return .wrapper
                }
                return .rejected(error, table: nil)
            }
        }
        return element(&scanner, unit, parcel)
    }

    /// Parses an array of records, each by itself.
    mutating func list(
        _ scanner: inout JSONScanner, _ unit: Range<Int>, _ parcel: ChangeParcel
    ) throws(ParseFault) {
        try scanner.expect(UInt8(ascii: "["))
        if try scanner.accept(UInt8(ascii: "]")) { return }
        repeat {
            _ = try scanner.peek()
            let start = scanner.offset
            let outcome = element(&scanner, unit, parcel)
            if !isCutOff(outcome, start, scanner, unit, parcel) {
                settle(outcome, start..<scanner.offset, parcel)
            }
            if scanner.offset == scanner.bytes.byteCount {
                if case .rejected(let fault, _) = outcome {
                    isLost = true
                    throw fault
                }
            }
        } while try scanner.continues(until: UInt8(ascii: "]"))
    }

    /// Notes that the source ends within the record that begins at `start`, if it does.
    private func isCutOff(
        _ outcome: RecordOutcome, _ start: Int, _ scanner: borrowing JSONScanner,
        _ unit: Range<Int>, _ parcel: ChangeParcel
    ) -> Bool {
        guard case .rejected(let fault, _) = outcome, isTail, fault.isIncomplete,
            scanner.offset == scanner.bytes.byteCount
        else { return false }
        parcel.end = parcel.chunk.byte + Int64(unit.lowerBound)
        parcel.cutOff = rejection(fault, start..<scanner.bytes.byteCount, parcel)
        return true
    }
}

// MARK: - Where records go

extension RecordParser {
    /// The changes of a table in this parcel.
    func target(_ table: TableParser, _ parcel: ChangeParcel) -> TableChanges {
        if let target = table.target { return target }
        let name: String? = if case .named = tables { table.name } else { nil }
        let target = self.target(named: name, parcel)
        table.target = target
        return target
    }

    private func target(named name: String?, _ parcel: ChangeParcel) -> TableChanges {
        if let known = parcel.tables.first(where: { $0.table == name }) { return known }
        let capacity = parcel.tables.isEmpty ? parcel.chunk.bytes.count : 1 << 12
        let target = TableChanges(table: name, capacity: capacity)
        if !parcel.unassigned.isEmpty { target.soundCount = 0 }
        parcel.tables.append(target)
        return target
    }

    /// Files what did not become a change.
    mutating func settle(_ outcome: RecordOutcome, _ range: Range<Int>, _ parcel: ChangeParcel) {
        switch outcome {
        case .wrapper: return
        case .accepted: break
        case .leftOut(let name): parcel.leftOut[name, default: 0] += 1
        case .rejected(let fault, let table):
            var rejected = rejection(fault, range, parcel)
            if case .one = tables {
                let target = self.target(named: nil, parcel)
                rejected.index = target.batch.count
                target.rejected.append(rejected)
            } else if let table {
                let target = self.target(named: table, parcel)
                rejected.index = target.batch.count
                target.rejected.append(rejected)
            } else {
                parcel.unassigned.append(rejected)
                for table in parcel.tables where table.soundCount == nil {
                    table.soundCount = table.batch.count
                }
            }
        }
        parcel.recordCount += 1
    }

    private func rejection(
        _ fault: ParseFault, _ range: Range<Int>, _ parcel: ChangeParcel
    ) -> RejectedRecord {
        var end = range.upperBound
        let bytes = parcel.chunk.copy(range.lowerBound, end)
        while end > range.lowerBound, bytes[end - range.lowerBound - 1] <= 0x20 { end -= 1 }
        return RejectedRecord(
            place: parcel.place(ofByte: range.lowerBound), reason: fault.message,
            record: Array(bytes.prefix(end - range.lowerBound)), index: 0)
    }

    /// The parser of a table; nil if its key attributes are not known.
    mutating func table(named name: String) throws(VarveError) -> TableParser? {
        if let table = known[name] { return table }
        guard case .named(let schema) = tables, let schema = try schema(name) else { return nil }
        let table = TableParser(name: name, schema: schema)
        known[name] = table
        return table
    }
}
