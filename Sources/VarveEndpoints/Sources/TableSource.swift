public import VarveBytes
public import VarveModel

/// What a source says of itself.
public struct SourceFacts: Sendable, Hashable {
    public enum Kind: String, Sendable {
        /// One item a line.
        case lines
        /// What `aws dynamodb scan` prints.
        case scan
        /// The directory of a full export to S3.
        case export
    }

    public var kind: Kind
    /// As it was given; `standard input` for that.
    public var path: String
    /// How items are written.
    public var form: ItemForm
    public var isGzip: Bool
    /// The state's instant in microseconds since 1970, a whole second: of an export its time,
    /// rounded up to the second, since every change before it is in. Nil if it does not say.
    public var instant: Int64?
    public var tableARN: String?
    public var tableID: String?
    public var exportARN: String?
    /// How many items there are; nil if the source does not say.
    public var itemCount: Int64?
    /// Bytes as they are stored; nil for a pipe.
    public var storedBytes: Int64?
}

/// How a source is to be read.
public struct SourceOptions: Sendable {
    /// Items are plain JSON, one a line, instead of DynamoDB's JSON.
    public var isPlainJSON = false
    public var sort = SortOptions()
    /// Plain bytes parsed at once.
    public var chunkBytes = 384 << 10
    /// Bytes asked of the system at once.
    public var readBytes = 384 << 10

    /// Row bytes held back until the order of the first rows is known.
    var holdBytes = OrderGate.holdBytes

    public init() {}
}

/// A whole table in a file, a directory or a pipe.
///
/// Opened, it knows its facts; `rows(schema:order:)` reads it. A file or a directory can be read
/// any number of times, a pipe once.
public final class TableSource {
    public let facts: SourceFacts
    /// Whether it can be read again from the beginning.
    public var canRestart: Bool { pipe == nil && !isUsed }

    let options: SourceOptions
    let parts: [SourcePart]
    private var pipe: SourceInput?
    private var isUsed = false

    /// A file to read, and what is known of it.
    struct SourcePart: Sendable {
        var path: String
        var format: SourceFormat
        var itemCount: Int64?
        var md5: String?
    }

    private init(
        facts: SourceFacts, options: SourceOptions, parts: [SourcePart], pipe: SourceInput?
    ) {
        self.facts = facts
        self.options = options
        self.parts = parts
        self.pipe = pipe
    }

    /// Opens a source and finds out what it is.
    /// - Parameter path: a file; a directory of a full export; or `-`, standard input.
    /// - Throws: `notFound`, `invalidInput` with the reason if it is not understood, or an
    ///   export of a kind that is no whole table.
    public static func open(
        _ path: String, options: SourceOptions = SourceOptions()
    ) throws(VarveError) -> TableSource {
        if path == "-" { return try open(FileDescriptor.standardInput, path, options) }
        if try FileSystem.metadata(path).kind == .directory {
            return try openExport(path, options)
        }
        return try open(FileDescriptor(reading: path), path, options)
    }

    /// Opens a source from an open file.
    static func open(
        _ file: consuming FileDescriptor, _ path: String, _ options: SourceOptions
    ) throws(VarveError) -> TableSource {
        let input = try SourceInput(file, readLimit: options.readBytes)
        // Standard input cannot be opened again, even where it is a file.
        let isPipe = input.storedSize == nil || path == "-"
        let form: ItemForm = options.isPlainJSON ? .plain : .dynamoDB
        let format: SourceFormat
        do {
            try input.skipByteOrderMark()
            let head = try input.peek(SourceFormat.probeBytes)
            format = try SourceFormat(
                head, isWhole: head.count < SourceFormat.probeBytes, form: form)
        } catch {
            throw error.location == nil ? error.located(in: input.name) : error
        }
        if format == .empty, isPipe {
            throw VarveError(
                .invalidInput,
                "nothing came; whatever should have written has failed. An empty table is an empty "
                    + "file, or a scan with no items", at: input.name)
        }
        let facts = SourceFacts(
            kind: format == .scan ? .scan : .lines, path: input.name, form: form,
            isGzip: input.isGzip, storedBytes: input.storedSize)
        let part = SourcePart(path: input.name, format: format)
        return TableSource(
            facts: facts, options: options, parts: [part], pipe: isPipe ? input : nil)
    }

    private static func openExport(
        _ path: String, _ options: SourceOptions
    ) throws(VarveError) -> TableSource {
        let export = try ExportDirectory.read(path)
        var storedBytes: Int64 = 0
        var parts: [SourcePart] = []
        for file in export.files {
            storedBytes += Int64(try FileSystem.metadata(file.path).size)
            parts.append(
                SourcePart(
                    path: file.path, format: .lines, itemCount: file.itemCount, md5: file.md5))
        }
        let second: Int64 = 1_000_000
        let facts = SourceFacts(
            kind: .export, path: export.path, form: .dynamoDB, isGzip: true,
            instant: (export.exportTime + second - 1) / second * second,
            tableARN: export.tableARN, tableID: export.tableID, exportARN: export.exportARN,
            itemCount: export.itemCount, storedBytes: storedBytes)
        return TableSource(facts: facts, options: options, parts: parts, pipe: nil)
    }

    /// The input of a part, from its beginning.
    func input(of part: SourcePart) throws(VarveError) -> SourceInput {
        if let pipe {
            self.pipe = nil
            isUsed = true
            return pipe
        }
        if isUsed {
            throw VarveError(.refused, "a pipe can be read only once", at: facts.path)
        }
        let input = try SourceInput(
            FileDescriptor(reading: part.path), readLimit: options.readBytes,
            hashes: part.md5 != nil)
        try input.skipByteOrderMark()
        return input
    }
}
