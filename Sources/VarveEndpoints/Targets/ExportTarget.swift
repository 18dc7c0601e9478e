import VarveBytes
import VarveModel
import VarveStorage

/// What an export says of itself, beside its items.
public struct ExportDescription: Sendable {
    /// The state's instant in microseconds since 1970.
    public var exportTime: Int64
    /// When the export began, in microseconds since 1970.
    public var startTime: Int64
    public var settings: TableSettings
    /// The name for a table made from it; nil: that of the settings, or else `restored`.
    public var tableName: String?
    /// Overrides that of the settings.
    public var tableARN: String?
    /// Overrides that of the settings.
    public var tableID: String?
    /// Plain bytes after which another data file begins.
    public var dataFileBytes = 64 << 20

    public init(exportTime: Int64, startTime: Int64, settings: TableSettings = TableSettings()) {
        self.exportTime = exportTime
        self.startTime = startTime
        self.settings = settings
    }
}

/// A directory in the form of a full export to S3, ready to be copied to a bucket and imported.
///
///     AWSDynamoDB/<14-digit ms>-<8 hex>/…    as `ExportDirectory` reads it
///     create-table.json  import-table.json  after-restore.sh
///
/// Made under a name of its own beside the target; the summary is the last file of the export.
final class ExportTarget {
    private struct DataFile {
        var key: String
        var itemCount: Int64
        var md5: [UInt8]
    }

    private let path: String
    private let temporary: String
    private let description: ExportDescription
    private let schema: KeySchema
    private let random: any RandomSource
    /// `AWSDynamoDB/<id>`.
    private let prefix: String
    private let exportID: String

    private var files: [DataFile] = []
    private var itemBytes: Int64 = 0
    private(set) var byteCount: Int64 = 0
    private var open: OpenFile?

    /// The data file being written.
    private final class OpenFile {
        let file: FileDescriptor
        let key: String
        var gzip = GzipWriter()
        var digest = MD5Hasher()
        var itemCount: Int64 = 0
        var plainCount = 0

        init(_ path: String, key: String) throws(VarveError) {
            file = try FileDescriptor(creating: path)
            self.key = key
        }

        func write(_ bytes: RawSpan) throws(VarveError) {
            try file.write(bytes)
            digest.update(bytes)
        }

        func write(_ output: borrowing ByteWriter) throws(VarveError) {
            try write(output.bytes)
        }
    }

    init(
        _ path: String, _ description: ExportDescription, schema: KeySchema,
        random: any RandomSource
    ) throws(VarveError) {
        self.path = path
        self.description = description
        self.schema = schema
        self.random = random
        let time = ISOTime.padded(description.startTime / 1_000, 14)
        exportID = "\(time)-\(random.bytes(4).raw.hexadecimal)"
        prefix = "AWSDynamoDB/\(exportID)"
        temporary = try TemporaryName.beside(path, random: random)
        try FileSystem.makeDirectory(temporary)
        do throws(VarveError) {
            try FileSystem.makeDirectories("\(temporary)/\(prefix)/data")
            try save("\(prefix)/_started", "")
        } catch {
            throw error.including { () throws(VarveError) in try abandon() }
        }
    }

    func write(_ bytes: RawSpan, _ part: RenderedPart) throws(VarveError) {
        let target = try openFile()
        guard let gzip = part.gzip else { preconditionFailure("exports are gzip") }
        target.gzip.add(gzip)
        try target.write(bytes)
        byteCount += Int64(bytes.byteCount)
        itemBytes += part.itemBytes
        target.itemCount += Int64(part.itemCount)
        target.plainCount += part.plainCount
        if target.plainCount >= description.dataFileBytes { try closeFile() }
    }

    private func openFile() throws(VarveError) -> OpenFile {
        if let open { return open }
        let key = "\(prefix)/data/\(Self.dataFileName(random)).json.gz"
        let made = try OpenFile("\(temporary)/\(key)", key: key)
        var output = ByteWriter()
        made.gzip.begin(into: &output)
        try made.write(output)
        open = made
        return made
    }

    /// Twenty-six letters and digits, as AWS's are.
    private static func dataFileName(_ random: any RandomSource) -> String {
        let letters = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)
        let name = random.bytes(26).map { letters[Int($0 & 31)] }
        return String(decoding: name, as: UTF8.self)
    }

    private func closeFile() throws(VarveError) {
        guard let target = open else { return }
        open = nil
        var output = ByteWriter()
        target.gzip.end(into: &output)
        try target.write(output)
        try target.file.synchronize()
        files.append(
            DataFile(key: target.key, itemCount: target.itemCount, md5: target.digest.finish()))
    }

    // MARK: - The end

    /// - Parameter time: microseconds since 1970.
    func finish(at time: Int64) throws(VarveError) {
        // An empty table has an empty file, as AWS's exports have.
        if files.isEmpty { _ = try openFile() }
        try closeFile()
        let requests = TableRequests(
            schema: schema, settings: description.settings,
            tableName: description.tableName ?? description.settings.tableName ?? "restored")
        try save("create-table.json", requests.createTable.prettyText)
        try save(
            "import-table.json", requests.importTable(keyPrefix: "\(prefix)/data/").prettyText)
        try save("after-restore.sh", requests.afterRestore)
        let list = files.map { entry($0).compactText + "\n" }.joined()
        try saveWithMD5("\(prefix)/manifest-files", list)
        try FileSystem.synchronizeDirectory("\(temporary)/\(prefix)/data")
        try saveWithMD5("\(prefix)/manifest-summary", summary(endTime: time).compactText)
        for directory in ["/\(prefix)", "/AWSDynamoDB", ""] {
            try FileSystem.synchronizeDirectory(temporary + directory)
        }
        do throws(VarveError) {
            try FileSystem.renameExclusively(temporary, to: path)
        } catch {
            throw TemporaryName.taken(error, path)
        }
        try FileSystem.synchronizeDirectory(FileSystem.parent(of: path))
    }

    func abandon() throws(VarveError) {
        open = nil
        do {
            try FileSystem.removeTree(temporary)
        } catch let error where error.code == .notFound {
            // It has its own name by now, or is gone already.
        }
    }

    private func entry(_ file: DataFile) -> JSONValue {
        .members([
            "itemCount": .number(file.itemCount),
            "md5Checksum": .string(ExportDirectory.base64(file.md5)),
            "etag": .string(file.md5.raw.hexadecimal), "dataFileS3Key": .string(file.key),
        ])
    }

    private func summary(endTime: Int64) -> JSONValue {
        let tableARN = description.tableARN ?? description.settings.tableARN
        let exportARN = tableARN.map { JSONValue.string("\($0)/export/\(exportID)") }
        return .members([
            "version": .string("2020-06-30"), "exportArn": exportARN ?? .null,
            "startTime": .string(ISOTime.text(microseconds: description.startTime)),
            "endTime": .string(ISOTime.text(microseconds: endTime)),
            "tableArn": tableARN.map(JSONValue.string) ?? .null,
            "tableId": (description.tableID ?? description.settings.tableID)
                .map(JSONValue.string) ?? .null,
            "exportTime": .string(ISOTime.text(microseconds: description.exportTime)),
            "s3Bucket": .string(TableRequests.bucketPlaceholder), "s3Prefix": .null,
            "s3SseAlgorithm": .null, "s3SseKmsKeyId": .null,
            "manifestFilesS3Key": .string("\(prefix)/manifest-files.json"),
            "billedSizeBytes": .number(itemBytes),
            "itemCount": .number(files.reduce(0) { $0 + $1.itemCount }),
            "outputFormat": .string("DYNAMODB_JSON"),
        ])
    }

    private func saveWithMD5(_ stem: String, _ text: String) throws(VarveError) {
        let bytes = Array(text.utf8)
        var hasher = MD5Hasher()
        hasher.update(bytes.raw)
        try save(stem + ".json", text)
        try save(stem + ".md5", ExportDirectory.base64(hasher.finish()))
    }

    private func save(_ name: String, _ text: String) throws(VarveError) {
        let bytes = Array(text.utf8)
        let file = try FileDescriptor(creating: "\(temporary)/\(name)")
        try file.write(bytes.raw)
        try file.synchronize()
        byteCount += Int64(bytes.count)
    }
}
