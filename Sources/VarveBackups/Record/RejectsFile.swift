import VarveArchive
import VarveBytes
import VarveEndpoints
import VarveModel

/// Where change records go that cannot be recorded: JSON lines, a record each, with the place, the
/// reason and the record as it came.
///
///     {"table":"Orders","file":"changes.jsonl","line":7,"byte":3100,"reason":"…","record":{…}}
///
/// What is no JSON stands as a string, `"text"`, instead of `"record"`. Made when the first record
/// comes; what it holds stays.
final class RejectsFile {
    let path: String
    private(set) var count: UInt64 = 0
    /// Where the first record stands that could not be recorded for itself, and why.
    private(set) var first: (place: String, reason: String)?
    private static let follows = RejectedChanges.Reason.closed.description
    /// Records that are not written yet.
    private var heldCount: UInt64 = 0
    private var file: FileDescriptor?
    private var buffer = ByteWriter(capacity: 1 << 16)

    init(_ path: String) { self.path = path }

    /// Looks for the file's directory, before anything depends on it.
    func check() throws(VarveError) {
        if (try? FileSystem.metadata(path))?.kind == .directory {
            throw VarveError(
                .invalidInput, "the rejects file is a directory; name a file", at: path)
        }
        let parent = FileSystem.parent(of: path)
        if parent.isEmpty || parent == "." { return }
        guard try FileSystem.metadata(parent).kind == .directory else {
            throw VarveError(.invalidInput, "the rejects file cannot be made there", at: path)
        }
    }

    /// Appends a record.
    func append(
        table: String?, place: SourcePlace, reason: String, record: [UInt8]
    ) throws(VarveError) {
        var members: [JSONValue.Member] = []
        if let table { members.append(JSONValue.Member("table", .string(table))) }
        members.append(JSONValue.Member("file", .string(place.file)))
        if place.line > 0 { members.append(JSONValue.Member("line", .number(place.line))) }
        members.append(JSONValue.Member("byte", .number(place.byte)))
        members.append(JSONValue.Member("reason", .string(reason)))
        let isJSON = Self.isValue(record)
        if !isJSON {
            let text = String(decoding: record, as: UTF8.self)
            members.append(JSONValue.Member("text", .string(text)))
        }
        var line = JSONValue.object(members).compactText
        if isJSON {
            line.removeLast()
            buffer.append(utf8: line + ",\"record\":")
            // Line feeds can only be white space here.
            buffer.append(record.map { $0 == 0x0a || $0 == 0x0d ? 0x20 : $0 })
            buffer.append(utf8: "}\n")
        } else {
            buffer.append(utf8: line + "\n")
        }
        count += 1
        heldCount += 1
        // What only follows another record that could not be recorded does not say why.
        if first.map({ $0.reason == Self.follows && reason != Self.follows }) ?? true {
            first = (place.description, reason)
        }
        if buffer.count >= 1 << 16 { try flush() }
    }

    /// Writes what is held to the file.
    /// - Throws: telling how many records are not in it. They are not tried again: a part of them
    ///   may be there.
    func flush() throws(VarveError) {
        if buffer.count == 0 { return }
        do throws(VarveError) {
            if file == nil { file = try FileDescriptor(appending: path) }
            try Self.write(buffer, to: file)
        } catch {
            let lost = heldCount
            heldCount = 0
            buffer.removeAll()
            file = nil
            throw VarveError(
                error.code,
                "\(lost) rejected record\(lost == 1 ? " is" : "s are") not in the rejects file, "
                    + "which could not be written: \(error.message)", at: path, cause: error.cause)
        }
        buffer.removeAll()
        heldCount = 0
    }

    /// Makes sure that the file survives a crash: before what it holds is passed over for good.
    func synchronize() throws(VarveError) {
        try flush()
        // A pipe or a terminal keeps nothing.
        guard try file?.metadata().kind == .file else { return }
        try file?.synchronize()
    }

    private static func write(
        _ bytes: borrowing ByteWriter, to file: borrowing FileDescriptor?
    ) throws(VarveError) {
        try file?.write(bytes.bytes)
    }

    private static func isValue(_ bytes: [UInt8]) -> Bool {
        var scanner = JSONScanner(bytes.raw)
        do throws(ParseFault) {
            try scanner.skipValue()
            try scanner.end()
            return true
        } catch {
            return false
        }
    }
}
