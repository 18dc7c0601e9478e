import VarveBytes
import VarveModel

/// A text of change records that is all in memory: what fuzzers and tests read.
public struct ChangeText: ~Copyable {
    private var parser: RecordParser

    /// - Parameter tables: of which tables the records are.
    public init(_ tables: ChangeTables, options: ChangeOptions = ChangeOptions()) {
        parser = RecordParser(tables, options: options)
    }

    /// Parses a text as if a file ended with it.
    public mutating func parse(_ text: [UInt8]) -> ChangeParcel {
        var bytes = ByteWriter(capacity: text.count)
        bytes.append(text)
        var units: [Range<Int>]?
        if ChangeFeed.mode(text.split(separator: 0x0a).first.map { $0 + [0x0a] } ?? []) == .values {
            var extent = UnitExtent()
            var found: [Range<Int>] = []
            extent.scan(bytes, into: &found)
            if let start = extent.start { found.append(start..<text.count) }
            units = found
        }
        let chunk = ChangeChunk(
            bytes, line: 1, byte: 0, units: units, isTail: text.last != UInt8(ascii: "\n"))
        return parser.parse(chunk, path: "text")
    }
}

extension ChangeParcel {
    /// What is inconsistent in it; nil if nothing is. For fuzzers.
    public var contradiction: String? {
        for table in tables {
            if let fault = table.contradiction { return fault }
        }
        if end < 0 || end > Int64(chunk.bytes.count) + chunk.byte {
            return "an end beyond the text"
        }
        return nil
    }
}

extension TableChanges {
    fileprivate var contradiction: String? {
        let count = batch.changes.stamps.count
        let counts = [
            batch.changes.rows.count, batch.before.count, batch.itemHashes.count,
            batch.itemSizes.count, batch.ends.count, records.count,
        ]
        if counts.contains(where: { $0 != count }) { return "\(counts) of \(count) changes" }
        for index in 0..<count {
            let isPut = batch.changes.stamps[index].kind == .put
            if let fault = Self.fault(batch.changes.rows, index, isPut, batch.itemHashes[index]) {
                return fault
            }
        }
        return rejected.contains { $0.index < 0 || $0.index > count } ? "an index" : nil
    }

    private static func fault(
        _ rows: borrowing RowBuffer, _ index: Int, _ isPut: Bool, _ hash: Hash256
    ) -> String? {
        if !isPut {
            return rows.value(index).byteCount == 0 && hash == .zero ? nil : "a tombstone's value"
        }
        do throws(VarveError) {
            try CanonicalValue.validate(item: rows.value(index))
        } catch {
            return "\(error)"
        }
        return rows.itemHash(index) == hash ? nil : "another hash"
    }
}
