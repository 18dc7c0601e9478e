import VarveBytes
import VarveModel

// One record: reading its members, and making a change of them.

extension RecordParser {
    /// Parses the record, or the list of records, where the scanner stands.
    ///
    /// Afterwards it stands behind it, or at the end of the unit if the text is so malformed that
    /// nobody knows where the record ends.
    mutating func element(
        _ scanner: inout JSONScanner, _ unit: Range<Int>, _ parcel: ChangeParcel
    ) -> RecordOutcome {
        let start = scanner.offset
        if current == nil {
            // The first record of a source of several tables.
            guard let name = tableName(scanner.bytes, at: start) else {
                return untold(&scanner, from: start, unit, parcel)
            }
            if let outcome = switchTable(to: name, &scanner, from: start) { return outcome }
        }
        var outcome = attempt(&scanner, unit, parcel)
        if case .rejected(let fault, nil) = outcome {
            let name = tableName(scanner.bytes, at: start)
            scanner.offset = start
            if case .one(_, let wanted) = tables {
                if let name, name != wanted { outcome = .leftOut(name) }
            } else if let name, name != current?.name {
                if let other = switchTable(to: name, &scanner, from: start) { return other }
                outcome = attempt(&scanner, unit, parcel)
                if case .rejected(let fault, nil) = outcome {
                    outcome = .rejected(fault, table: name)
                }
                scanner.offset = start
            } else {
                outcome = .rejected(fault, table: name)
            }
            Self.skip(&scanner)
        }
        return outcome
    }

    /// A record without its table, in a source of several tables: perhaps a list of records.
    private mutating func untold(
        _ scanner: inout JSONScanner, from start: Int, _ unit: Range<Int>, _ parcel: ChangeParcel
    ) -> RecordOutcome {
        var draft = RecordDraft()
        do throws(ParseFault) {
            try members(&scanner, .record, &draft, unit, parcel)
            if draft.isWrapper { return .wrapper }
            if let inner = draft.inner {
                return draft.isPlainInner ? inner : opened(inner, start..<scanner.offset)
            }
        } catch {
            if case .accepted = draft.inner { takeBack() }
            if isLost {
                isLost = false
                scanner.offset = scanner.bytes.byteCount
                return .wrapper
            }
            scanner.offset = start
            Self.skip(&scanner)
            return .rejected(error, table: nil)
        }
        return .rejected(
            ParseFault("the record does not say of which table it is", offset: start), table: nil)
    }

    /// Takes the records to be of another table; says why not, if its keys are not known.
    private mutating func switchTable(
        to name: String, _ scanner: inout JSONScanner, from start: Int
    ) -> RecordOutcome? {
        var reason = "the key attributes of the table \(name) are not known; give them with "
            + "--partition-key and --sort-key, or its description with --settings"
        do throws(VarveError) {
            if let table = try table(named: name) {
                current = table
                scanner.offset = start
                return nil
            }
        } catch {
            reason = error.message
        }
        scanner.offset = start
        Self.skip(&scanner)
        return .rejected(ParseFault(reason, offset: start), table: name)
    }

    /// Goes behind the value, or to the end if nobody knows where it ends.
    private static func skip(_ scanner: inout JSONScanner) {
        let start = scanner.offset
        guard (try? scanner.skipValue()) == nil || scanner.offset == start else { return }
        scanner.offset = scanner.bytes.byteCount
    }

    /// Reads the record as one of the current table.
    private mutating func attempt(
        _ scanner: inout JSONScanner, _ unit: Range<Int>, _ parcel: ChangeParcel
    ) -> RecordOutcome {
        guard let table = current else {
            return .rejected(ParseFault("no table is known", offset: 0), table: nil)
        }
        let start = scanner.offset
        var draft = RecordDraft()
        let target = self.target(table, parcel)
        let count = target.batch.changes.rows.count
        text.removeAll()
        keys.removeAll()
        old.removeAll()
        do throws(ParseFault) {
            try members(&scanner, .record, &draft, unit, parcel)
            if draft.isWrapper { return .wrapper }
            if let inner = draft.inner {
                return draft.isPlainInner ? inner : opened(inner, start..<scanner.offset)
            }
            if let other = try otherTable(draft, scanner.bytes, table) {
                target.batch.changes.rows.truncate(to: count)
                return other
            }
            try finish(draft, table, target, start: start)
        } catch {
            if case .accepted = draft.inner { takeBack() }
            if isLost {
                isLost = false
                scanner.offset = scanner.bytes.byteCount
                return .wrapper
            }
            // What a list of records held has been taken.
            if !draft.isWrapper { target.batch.changes.rows.truncate(to: count) }
            return .rejected(error, table: nil)
        }
        target.batch.ends.append(UInt64(parcel.chunk.byte) + UInt64(unit.lowerBound))
        target.records.append(Int32(start)..<Int32(scanner.offset))
        return .accepted
    }

    /// The record of a change that came in an envelope is the envelope.
    private func opened(_ inner: RecordOutcome, _ range: Range<Int>) -> RecordOutcome {
        if case .accepted = inner, let target = current?.target {
            target.records[target.records.count - 1] =
                Int32(range.lowerBound)..<Int32(range.upperBound)
        }
        return inner
    }

    /// What becomes of a record of another table than the one that it was read as.
    private func otherTable(
        _ draft: RecordDraft, _ bytes: RawSpan, _ table: TableParser
    ) throws(ParseFault) -> RecordOutcome? {
        guard let name = draft.table else {
            if case .one = tables { return nil }
            throw ParseFault("the record does not say of which table it is", offset: 0)
        }
        // Compared in place: of most records the table is the one that was taken for it.
        let expected = table.nameBytes
        if !name.isDecoded, bytes.part(name.start, name.end).equals(expected.raw) {
            return nil
        }
        let found =
            name.isDecoded
            ? text.bytes.part(name.start, name.end).copyBytes()
            : bytes.part(name.start, name.end).copyBytes()
        if found == expected { return nil }
        if case .one = tables { return .leftOut(String(decoding: found, as: UTF8.self)) }
        throw ParseFault("the record is of another table", offset: 0)
    }
}

// MARK: - Making the change

extension RecordParser {
    /// Makes a change of what was read; the new image is the target's last row already.
    private mutating func finish(
        _ draft: RecordDraft, _ table: TableParser, _ target: TableChanges, start: Int
    ) throws(ParseFault) {
        guard draft.hasKeys else { throw ParseFault("the record has no Keys", offset: start) }
        let kind = try kind(of: draft, start: start)
        let time = try time(of: draft, start: start)
        if draft.hasOld, old.order(0, keys, 0) != 0 {
            throw ParseFault("the key in OldImage is not the one in Keys", offset: start)
        }
        if kind == .put {
            try Self.append(&target.batch, keys, table.codec, start: start)
        } else {
            Self.appendTombstone(&target.batch, keys)
        }
        target.batch.changes.stamps.append(ChangeStamp(time: time, sequence: 0, kind: kind))
        if draft.hasOld {
            target.batch.before.append(.item(old.itemHash(0)))
        } else {
            let isInsert =
                draft.event == .insert
                || kind == .put && options.hasOldImages && !draft.isStream
            target.batch.before.append(isInsert ? .absent : .untold)
        }
    }

    private func kind(
        of draft: RecordDraft, start: Int
    ) throws(ParseFault) -> ChangeStamp.Kind {
        switch draft.event {
        case .remove:
            if draft.hasNew {
                throw ParseFault("the record is a REMOVE and has a NewImage", offset: start)
            }
            return .tombstone
        case .insert, .modify:
            if draft.hasNew { return .put }
            throw ParseFault(
                "the record has no NewImage; the stream must be of the view type "
                    + "NEW_AND_OLD_IMAGES or NEW_IMAGE", offset: start)
        case nil:
            if draft.hasNew { return .put }
            if !draft.isStream || draft.view == .both { return .tombstone }
            throw ParseFault(
                "the record has neither a NewImage nor an eventName", offset: start)
        }
    }

    private func time(of draft: RecordDraft, start: Int) throws(ParseFault) -> Int64 {
        guard let written = draft.time else {
            if options.restamp { return 0 }
            throw ParseFault(
                "the record has no time (WriteTimestampMicros or ApproximateCreationDateTime)",
                offset: start)
        }
        guard let time = written.microseconds(draft.unit) else {
            throw ParseFault("the record's time is beyond the year 9999", offset: start)
        }
        return time
    }

    private static func append(
        _ batch: inout ChangeBatch, _ keys: borrowing RowBuffer, _ codec: KeyCodec, start: Int
    ) throws(ParseFault) {
        let index = batch.changes.rows.count - 1
        if batch.changes.rows.order(index, keys, 0) != 0 {
            throw ParseFault("the key in NewImage is not the one in Keys", offset: start)
        }
        let size = itemSize(batch.changes.rows, index, codec)
        batch.itemHashes.append(batch.changes.rows.itemHash(index))
        batch.itemSizes.append(size)
    }

    private static func itemSize(
        _ rows: borrowing RowBuffer, _ index: Int, _ codec: KeyCodec
    ) -> UInt32 {
        // Measuring fails for rows that no parser makes.
        let size = try? ItemMeasure.itemBytes(
            key: rows.key(index), value: rows.value(index), codec)
        return UInt32(clamping: size ?? 0)
    }

    private static func appendTombstone(
        _ batch: inout ChangeBatch, _ keys: borrowing RowBuffer
    ) {
        batch.changes.rows.append(key: keys.key(0), value: keys.key(0).part(0, 0))
        batch.itemHashes.append(.zero)
        batch.itemSizes.append(0)
    }
}
