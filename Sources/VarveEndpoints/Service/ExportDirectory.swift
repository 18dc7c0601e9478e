public import VarveBytes

/// A full export of a table to S3, as it lies in a directory: its manifests, checked.
///
///     AWSDynamoDB/<14-digit ms>-<8 hex>/
///         _started
///         manifest-summary.json  manifest-summary.md5
///         manifest-files.json    manifest-files.md5
///         data/<name>.json.gz
struct ExportDirectory: Sendable {
    /// One of its data files.
    struct DataFile: Sendable {
        var path: String
        var itemCount: Int64
        /// The MD5 of the file's bytes, as base64.
        var md5: String
    }

    /// The directory that holds the manifests.
    var path: String
    var files: [DataFile]
    var itemCount: Int64
    /// Microseconds since 1970.
    var exportTime: Int64
    var exportARN: String?
    var tableARN: String?
    var tableID: String?
}

extension ExportDirectory {
    /// Reads the manifests below a directory: the export's own, `AWSDynamoDB`, or the one above.
    /// - Throws: `notFound` if there is no export; `ambiguous` if there are several; `invalidInput`
    ///   if it is not finished, damaged, incremental, or in a form other than DynamoDB JSON.
    static func read(_ directory: String) throws(VarveError) -> ExportDirectory {
        let path = try locate(directory)
        let summary = try bytes(path + "/manifest-summary")
        return try ExportDirectory(
            path: path, summary: summary, files: try bytes(path + "/manifest-files"))
    }

    /// What the two manifests say, held against each other.
    /// - Throws: `invalidInput`.
    fileprivate init(path: String, summary text: [UInt8], files: [UInt8]) throws(VarveError) {
        let place = path + "/manifest-summary.json"
        let summary = try JSONValue.parse(text.raw, at: place)
        try Self.checkKind(summary, at: place)
        let time = ISOTime.microseconds(summary["exportTime"]?.string ?? "")
        guard let count = summary["itemCount"]?.integer, count >= 0, let time else {
            throw VarveError(
                .invalidInput, "the export's summary lacks itemCount or exportTime", at: place)
        }
        let files = try Self.dataFiles(files, of: path, in: path + "/data")
        let total = files.reduce(Int64(0)) { $0 &+ $1.itemCount }
        if total != count {
            throw VarveError(
                .invalidInput,
                "the export's summary says \(count) items, its list of files \(total)", at: place)
        }
        self.init(
            path: path, files: files, itemCount: count, exportTime: time,
            exportARN: summary["exportArn"]?.string, tableARN: summary["tableArn"]?.string,
            tableID: summary["tableId"]?.string)
    }

    // MARK: - Finding it

    private static func locate(_ directory: String) throws(VarveError) -> String {
        if exists(directory + "/manifest-summary.json") { return directory }
        for parent in [directory, directory + "/AWSDynamoDB"] {
            if !exists(parent) { continue }
            let names = try FileSystem.names(in: parent)
            let started = names.filter { exists("\(parent)/\($0)/_started") }
            let finished = names.sorted().filter {
                exists("\(parent)/\($0)/manifest-summary.json")
            }
            if finished.count > 1 {
                throw VarveError(
                    .ambiguous,
                    "there are several exports; name one of \(finished.joined(separator: ", "))",
                    at: parent)
            }
            if let name = finished.first { return "\(parent)/\(name)" }
            if let name = started.first {
                throw unfinished("\(parent)/\(name)")
            }
        }
        if exists(directory + "/_started") { throw unfinished(directory) }
        throw VarveError(
            .notFound,
            "this directory holds no DynamoDB export (no AWSDynamoDB/…/manifest-summary.json)",
            at: directory)
    }

    /// Directories of finished exports, in the order of their names: the directory itself, or those
    /// in it or in its `AWSDynamoDB`; none if there is no trace of an export.
    /// - Throws: `invalidInput` if one was begun and none is finished.
    static func finished(in directory: String) throws(VarveError) -> [String] {
        if exists(directory + "/manifest-summary.json") { return [directory] }
        var isStarted = exists(directory + "/_started")
        for parent in [directory, directory + "/AWSDynamoDB"] where exists(parent) {
            let names = try FileSystem.names(in: parent).sorted().map { "\(parent)/\($0)" }
            let finished = names.filter { exists($0 + "/manifest-summary.json") }
            if !finished.isEmpty { return finished }
            isStarted = isStarted || names.contains { exists($0 + "/_started") }
        }
        if isStarted { throw unfinished(directory) }
        return []
    }

    private static func unfinished(_ path: String) -> VarveError {
        VarveError(
            .invalidInput,
            "the export is not finished: it has no manifest-summary.json; wait for it, or copy all "
                + "of it", at: path)
    }

    static func exists(_ path: String) -> Bool {
        do throws(VarveError) {
            _ = try FileSystem.metadata(path)
            return true
        } catch {
            return false
        }
    }

    // MARK: - Manifests

    private static func contents(_ path: String) throws(VarveError) -> [UInt8] {
        let file = try FileDescriptor(reading: path)
        return try file.readAll()
    }

    static func bytes(_ stem: String) throws(VarveError) -> [UInt8] {
        let bytes = try contents(stem + ".json")
        guard exists(stem + ".md5") else { return bytes }
        let recorded = try contents(stem + ".md5")
        var hasher = MD5Hasher()
        hasher.update(bytes.raw)
        let actual = base64(hasher.finish())
        // Some tools end the file with a line feed.
        if trimmed(recorded) != actual {
            throw VarveError(
                .invalidInput,
                "the file is damaged: its MD5 is not the one in the .md5 beside it; fetch "
                    + "both again", at: stem + ".json")
        }
        return bytes
    }

    private static func trimmed(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.filter { $0 > 0x20 }, as: UTF8.self)
    }

    static func base64(_ bytes: [UInt8]) -> String {
        var output = ByteWriter()
        Base64.append(bytes.raw, to: &output)
        return String(decoding: output.takeBytes(), as: UTF8.self)
    }

    private static func checkKind(_ summary: JSONValue, at path: String) throws(VarveError) {
        if let type = summary["exportType"]?.string, type != "FULL_EXPORT" {
            throw VarveError(
                .invalidInput,
                "this export is incremental: it holds changes, not the whole table; a backup "
                    + "needs a full export", at: path)
        }
        if let version = summary["version"]?.string, version != "2020-06-30" {
            throw VarveError(
                .invalidInput,
                "the export's summary is of version \(version); known is 2020-06-30", at: path)
        }
        guard let format = summary["outputFormat"]?.string else {
            throw VarveError(.invalidInput, "the export's summary lacks outputFormat", at: path)
        }
        if format != "DYNAMODB_JSON" {
            throw VarveError(
                .invalidInput,
                "the export is in the format \(format); export again with DYNAMODB_JSON", at: path)
        }
    }

    /// The data files that an export's list names.
    /// - Parameter directory: where they lie.
    static func dataFiles(
        _ path: String, in directory: String
    ) throws(VarveError) -> [DataFile] {
        try dataFiles(try bytes(path + "/manifest-files"), of: path, in: directory)
    }

    static func dataFiles(
        _ text: [UInt8], of path: String, in directory: String
    ) throws(VarveError) -> [DataFile] {
        let manifest = path + "/manifest-files.json"
        var files: [DataFile] = []
        var names: Set<String> = []
        for (index, line) in text.split(separator: UInt8(ascii: "\n")).enumerated() {
            if !line.contains(where: { $0 > 0x20 }) { continue }
            let place = "\(manifest): line \(index + 1)"
            let (name, file) = try dataFile(Array(line), in: directory, at: place)
            guard names.insert(name).inserted else {
                throw VarveError(.invalidInput, "the data file \(name) stands twice", at: place)
            }
            files.append(file)
        }
        return files
    }

    /// One line of the list of files. Keys count from the bucket's root, wherever the export was
    /// copied to: only their last component matters.
    private static func dataFile(
        _ line: [UInt8], in directory: String, at place: String
    ) throws(VarveError) -> (name: String, file: DataFile) {
        let entry = try JSONValue.parse(line.raw, at: place)
        let key = entry["dataFileS3Key"]?.string ?? ""
        let name = String(key.split(separator: "/", omittingEmptySubsequences: false).last ?? "")
        guard let count = entry["itemCount"]?.integer, count >= 0,
            let md5 = entry["md5Checksum"]?.string, !["", ".", ".."].contains(name)
        else {
            throw VarveError(
                .invalidInput, "the entry lacks itemCount, md5Checksum or dataFileS3Key",
                at: place)
        }
        return (name, DataFile(path: "\(directory)/\(name)", itemCount: count, md5: md5))
    }
}

/// The manifests of a full export, apart from a directory: to try them out.
public enum ExportManifests {
    /// Reads both and holds them against each other.
    /// - Returns: how many items they promise, and the names of the data files.
    /// - Throws: `invalidInput`, `unsupported`.
    public static func check(
        summary: [UInt8], files: [UInt8]
    ) throws(VarveError) -> (itemCount: Int64, files: [String]) {
        let export = try ExportDirectory(path: "export", summary: summary, files: files)
        return (export.itemCount, export.files.map(\.path))
    }
}
