import Synchronization
import VarveBytes
import VarveModel

/// The chunks of a source of changes, one after another.
///
/// Sendable: made on one thread and then used by the stream's reading thread alone; the counts are
/// atomic.
final class ChangeFeed: @unchecked Sendable {
    let storedCount = Atomic<Int64>(0)
    let source: ChangeInput
    private let options: ChangeOptions
    private let offset: Int64
    private let paths: [String]
    private var index = 0
    private var input: SourceInput?
    private var cutter: ChangeCutter?
    private var isChecked = false
    /// Stored bytes of the files before the current one.
    private var storedBefore: Int64 = 0

    init(_ source: ChangeInput, from offset: Int64, options: ChangeOptions) {
        self.source = source
        self.options = options
        self.offset = offset
        if case .export = source.kind {
            paths = source.files.map(\.path)
        } else {
            paths = [source.path]
        }
    }

    /// The next chunk and its file, or nil behind the last.
    func next() throws(VarveError) -> (chunk: ChangeChunk, path: String)? {
        if !isChecked {
            isChecked = true
            for file in source.files { try check(file) }
        }
        while index < paths.count {
            let input = try openInput(paths[index])
            let chunk = try cutter?.next(input)
            storedCount.store(storedBefore + input.storedCount, ordering: .relaxed)
            if let chunk { return (chunk, input.name) }
            storedBefore += input.storedCount
            self.input = nil
            index += 1
        }
        return nil
    }

    private func openInput(_ path: String) throws(VarveError) -> SourceInput {
        if let input { return input }
        let opened = try source.open(path, options)
        do {
            try opened.skipByteOrderMark()
            let head = try opened.peekLine(SourceFormat.probeBytes)
            try Self.refuseOthers(head)
            let mode = Self.mode(head)
            if offset > 0 { try opened.skip(to: offset) }
            cutter = ChangeCutter(
                mode, at: opened.plainCount, isResumed: offset > 0, target: options.chunkBytes)
        } catch {
            throw error.location == nil ? error.located(in: opened.name) : error
        }
        input = opened
        return opened
    }

    /// Refuses files that hold no change records at all.
    private static func refuseOthers(_ head: [UInt8]) throws(VarveError) {
        let understood =
            "; understood are change records of DynamoDB's incremental exports, DynamoDB Streams "
            + "and Kinesis, plain or gzip"
        if let other = SourceFormat.otherFormat(head) {
            throw VarveError(.invalidInput, "this is not understood: \(other)\(understood)")
        }
        if Self.isItem(head) {
            throw VarveError(
                .invalidInput,
                "these are items of a table, not changes; varve backup takes them\(understood)")
        }
    }

    private static func isItem(_ head: [UInt8]) -> Bool {
        var scanner = JSONScanner(head.raw)
        do throws(ParseFault) {
            try scanner.expect(UInt8(ascii: "{"))
            if try scanner.accept(string: "Item") { return true }
            return try scanner.accept(string: "Items")
        } catch {
            // Malformed records are rejected one by one.
            return false
        }
    }

    /// Whether records take one line each: whether the first line holds whole values.
    static func mode(_ head: [UInt8]) -> ChangeCutter.Mode {
        var scanner = JSONScanner(head.raw)
        do throws(ParseFault) {
            scanner.skipSpace()
            while scanner.offset < head.count {
                try scanner.skipValue()
                scanner.skipSpace()
            }
            return .lines
        } catch {
            // A first line longer than what was looked at is taken for one record.
            return error.isIncomplete && head.last == UInt8(ascii: "\n") ? .values : .lines
        }
    }

    /// Compares the MD5 and the number of lines of an export's file with its manifest, before
    /// anything of it is used.
    private func check(_ file: ExportDirectory.DataFile) throws(VarveError) {
        let input = try SourceInput(
            FileDescriptor(reading: file.path), readLimit: options.readBytes, hashes: true)
        var count: Int64 = 0
        var last = UInt8(ascii: "\n")
        var bytes = ByteWriter(capacity: 1 << 18)
        while true {
            bytes.removeAll()
            if try input.read(into: &bytes, atMost: 1 << 18) == 0 { break }
            count += Int64(ChangeChunk.lineCount(bytes, to: bytes.count))
            last = Self.lastByte(bytes)
        }
        if last != UInt8(ascii: "\n") { count += 1 }
        if let digest = input.takeDigest(), ExportDirectory.base64(digest) != file.md5 {
            throw VarveError(
                .invalidInput,
                "the file is damaged: its MD5 is not the one in manifest-files.json; fetch it "
                    + "again",
                at: file.path)
        }
        if count != file.itemCount {
            throw VarveError(
                .invalidInput,
                "the file holds \(count) records, but manifest-files.json says \(file.itemCount); "
                    + "fetch the export again", at: file.path)
        }
    }

    private static func lastByte(_ bytes: borrowing ByteWriter) -> UInt8 {
        bytes.bytes.byte(at: bytes.count - 1)
    }
}
