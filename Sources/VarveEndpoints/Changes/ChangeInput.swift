public import VarveBytes
public import VarveStorage

/// A source of changes: a file or a pipe of change records, or an incremental export.
///
/// Records are lines or JSON values on several lines, plain or gzip, in any of the forms in which
/// AWS delivers them:
///
/// - of incremental exports: `{"Metadata":{"WriteTimestampMicros":{"N":"…"}},"Keys":{…},
///   "OldImage":{…},"NewImage":{…}}`; without NewImage a deletion;
/// - of DynamoDB Streams, as GetRecords prints them and as Lambda delivers them, one by one or in
///   `{"Records":[…]}`;
/// - of Kinesis Data Streams for DynamoDB, bare or in the envelopes (`Data`, `kinesis.data`) in
///   which Kinesis and Lambda deliver them.
///
/// A record may name its table: `"tableName"`, `"Table"`, or `"eventSourceARN"`.
public final class ChangeInput: Sendable {
    public enum Kind: Sendable, Hashable {
        /// A file of records.
        case file
        /// Records that come as they come, once.
        case pipe
        /// The net changes of a window.
        case export(ExportWindow)
    }

    public let kind: Kind
    /// The file, the export's directory, or `standard input`.
    public let path: String
    /// Bytes as they are stored; nil for a pipe.
    public let storedBytes: Int64?
    let files: [ExportDirectory.DataFile]
    let isStandardInput: Bool

    private init(
        _ kind: Kind, path: String, storedBytes: Int64?, files: [ExportDirectory.DataFile],
        isStandardInput: Bool = false
    ) {
        self.kind = kind
        self.path = path
        self.storedBytes = storedBytes
        self.files = files
        self.isStandardInput = isStandardInput
    }

    /// Finds the sources that a path names, in the order in which they are to be read: the file
    /// itself; standard input for `-`; of a directory its incremental exports in the order of
    /// time or, if it holds no export, its files in the order of their names, without those whose
    /// names begin with a point.
    /// - Throws: `notFound`; `invalidInput` or `unsupported` for an export that cannot be used.
    public static func find(_ path: String) throws(VarveError) -> [ChangeInput] {
        if path == "-" {
            return [
                ChangeInput(
                    .pipe, path: "standard input", storedBytes: nil, files: [],
                    isStandardInput: true)
            ]
        }
        let metadata = try FileSystem.metadata(path)
        guard metadata.kind == .directory else { return [file(path, metadata)] }
        let exports = try IncrementalExport.all(in: path)
        if !exports.isEmpty {
            var sources: [ChangeInput] = []
            for export in exports { sources.append(try source(of: export)) }
            return sources
        }
        var sources: [ChangeInput] = []
        for name in try FileSystem.names(in: path).sorted() where !name.hasPrefix(".") {
            let child = "\(path)/\(name)"
            let metadata = try FileSystem.metadata(child)
            if metadata.kind != .directory { sources.append(file(child, metadata)) }
        }
        if sources.isEmpty {
            throw VarveError(
                .notFound, "the directory holds neither an incremental export nor files", at: path)
        }
        return sources
    }

    private static func file(_ path: String, _ metadata: FileMetadata) -> ChangeInput {
        let isFile = metadata.kind == .file
        return ChangeInput(
            isFile ? .file : .pipe, path: path, storedBytes: isFile ? Int64(metadata.size) : nil,
            files: [])
    }

    private static func source(of export: IncrementalExport) throws(VarveError) -> ChangeInput {
        var size: Int64 = 0
        for file in export.files { size += Int64(try FileSystem.metadata(file.path).size) }
        return ChangeInput(
            .export(export.window), path: export.path, storedBytes: size, files: export.files)
    }

    /// Starts to read.
    /// - Parameters:
    ///   - tables: of which tables the records are.
    ///   - offset: where to go on, in the decompressed text of a file; 0 for an export or a pipe.
    ///   - workers: threads that parse.
    ///   - time: what `restamp` takes the time from.
    public func changes(
        _ tables: ChangeTables, from offset: Int64 = 0, options: ChangeOptions = ChangeOptions(),
        workers: Workers = .standard, time: any TimeSource = SystemTime()
    ) -> ChangeStream {
        var options = options
        if case .export(let window) = kind { options.hasOldImages = window.hasOldImages }
        return ChangeStream(
            ChangeFeed(self, from: offset, options: options),
            parser: ChangeParser(tables, options: options), workers: workers,
            clock: options.restamp ? time : nil)
    }

    func open(_ path: String, _ options: ChangeOptions) throws(VarveError) -> SourceInput {
        let file =
            isStandardInput ? FileDescriptor.standardInput : try FileDescriptor(reading: path)
        return try SourceInput(file, readLimit: options.readBytes)
    }
}
