public import VarveBytes

/// The stretch of time whose net changes an incremental export holds.
public struct ExportWindow: Sendable, Hashable {
    /// Microseconds since 1970: the first time in it, and the first one behind it.
    public var from: Int64
    public var to: Int64
    /// Whether records hold the old image too.
    public var hasOldImages: Bool
    public var itemCount: Int64
    public var exportARN: String?
    public var tableARN: String?
    public var tableID: String?

    /// The name in the ARN.
    public var tableName: String? {
        guard let arn = tableARN, let slash = arn.firstIndex(of: "/") else { return nil }
        return String(arn[arn.index(after: slash)...])
    }
}

/// Incremental exports of a table to S3, as they lie in a directory.
///
///     AWSDynamoDB/<14-digit ms>-<8 hex>/
///         manifest-summary.json  manifest-summary.md5
///         manifest-files.json    manifest-files.md5
///     AWSDynamoDB/data/<name>.json.gz         shared by all exports
struct IncrementalExport: Sendable {
    var path: String
    var window: ExportWindow
    var files: [ExportDirectory.DataFile]

    /// The incremental exports below a directory, in the order of time.
    ///
    /// - Parameter directory: an export's own; `AWSDynamoDB`, or the one above, for all in it.
    /// - Returns: none if the directory holds no export at all.
    /// - Throws: `invalidInput` if an export is not finished, damaged or malformed; `unsupported`
    ///   if there are only full exports, or of another format.
    static func all(in directory: String) throws(VarveError) -> [IncrementalExport] {
        let paths = try ExportDirectory.finished(in: directory)
        var exports: [IncrementalExport] = []
        for path in paths {
            if let export = try read(path) { exports.append(export) }
        }
        if exports.isEmpty, let path = paths.first {
            throw VarveError(
                .unsupported,
                "this is a full export: it holds the whole table, not changes; varve backup takes "
                    + "it", at: path)
        }
        return exports.sorted { ($0.window.from, $0.window.to) < ($1.window.from, $1.window.to) }
    }

    /// Reads an export's manifests; nil if it is a full one.
    private static func read(_ path: String) throws(VarveError) -> IncrementalExport? {
        let summary = try ExportDirectory.bytes(path + "/manifest-summary")
        return try IncrementalExport(path: path, summary: summary) { () throws(VarveError) in
            try ExportDirectory.dataFiles(path, in: dataDirectory(of: path))
        }
    }

    /// What the two manifests say, held against each other; nil if they are of a full export.
    fileprivate init?(
        path: String, summary text: [UInt8],
        files: () throws(VarveError) -> [ExportDirectory.DataFile]
    ) throws(VarveError) {
        let place = path + "/manifest-summary.json"
        let summary = try JSONValue.parse(text.raw, at: place)
        guard summary["exportType"]?.string == "INCREMENTAL_EXPORT" else { return nil }
        if let version = summary["version"]?.string, version != "2023-08-01" {
            throw VarveError(
                .unsupported,
                "the export's summary is of version \(version); known is 2023-08-01", at: place)
        }
        guard summary["outputFormat"]?.string == "DYNAMODB_JSON" else {
            throw VarveError(
                .unsupported, "the export is not in the format DYNAMODB_JSON; export again with it",
                at: place)
        }
        guard let from = ISOTime.microseconds(summary["exportFromTime"]?.string ?? ""),
            let to = ISOTime.microseconds(summary["exportToTime"]?.string ?? ""),
            let count = summary["itemCount"]?.integer, count >= 0, from < to,
            from % 1_000_000 == 0, to % 1_000_000 == 0
        else {
            throw VarveError(
                .invalidInput,
                "the export's summary lacks itemCount, exportFromTime or exportToTime, or they are "
                    + "no whole seconds in order", at: place)
        }
        let window = ExportWindow(
            from: from, to: to, hasOldImages: summary["outputView"]?.string != "NEW_IMAGE",
            itemCount: count, exportARN: summary["exportArn"]?.string,
            tableARN: summary["tableArn"]?.string, tableID: summary["tableId"]?.string)
        let files = try files()
        let total = files.reduce(Int64(0)) { $0 &+ $1.itemCount }
        if total != count {
            throw VarveError(
                .invalidInput,
                "the export's summary says \(count) items, its list of files \(total)", at: place)
        }
        self.path = path
        self.window = window
        self.files = files
    }

    /// The data of all incremental exports lies beside them; some copy it into each.
    private static func dataDirectory(of path: String) -> String {
        let own = path + "/data"
        return ExportDirectory.exists(own) ? own : FileSystem.parent(of: path) + "/data"
    }
}

extension ExportManifests {
    /// Reads both of an incremental export and holds them against each other.
    /// - Returns: its window, and the names of the data files.
    /// - Throws: `invalidInput`; `unsupported`, also for a full export.
    public static func checkIncremental(
        summary: [UInt8], files: [UInt8]
    ) throws(VarveError) -> (window: ExportWindow, files: [String]) {
        let export = try IncrementalExport(path: "export", summary: summary) {
            () throws(VarveError) in
            try ExportDirectory.dataFiles(files, of: "export", in: "export/data")
        }
        guard let export else { throw VarveError(.unsupported, "this is a full export") }
        return (export.window, export.files.map(\.path))
    }
}
