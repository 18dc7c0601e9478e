public import VarveBytes
public import VarveModel
public import VarveStorage

/// Where restored rows go: a file, standard output, or the directory of an export.
///
/// Never writes to what is there. The target appears under its name only when it is whole, so that
/// an interrupted restore leaves nothing that looks like one. An export is durable then too; a file
/// the system carries to the disk in its own time.
///
///     let target = try TableTarget.file("orders.jsonl.gz", format: .lines, schema: schema)
///     // on any thread:  let part = try target.renderer.render(rows, into: &bytes)
///     // in key order:   try target.write(bytes, part)
///     try target.finish()
///
/// A target that is let go of before `finish()` returned is abandoned. Not for several threads;
/// its renderer is.
public final class TableTarget {
    private enum Kind {
        case file(FileTarget)
        case export(ExportTarget)
    }

    /// Renders rows for this target; a value that any thread may use.
    public let renderer: RowRenderer
    /// Items written so far.
    public private(set) var itemCount: Int64 = 0
    private let kind: Kind
    private let time: any TimeSource
    private var isEnded = false

    private init(_ kind: Kind, renderer: RowRenderer, time: any TimeSource) {
        self.kind = kind
        self.renderer = renderer
        self.time = time
    }

    /// Nobody can be told here: who fails abandons it, and tells.
    deinit { try? abandon() }

    /// Begins a file.
    /// - Parameters:
    ///   - path: compressed if it ends in `.gz`, large or small; `-` is standard output.
    /// - Throws: `exists` if something is there; `notFound` if its directory is not.
    public static func file(
        _ path: String, format: TargetFormat, schema: KeySchema,
        random: any RandomSource = SystemRandom()
    ) throws(VarveError) -> TableTarget {
        let isGzip = path.lowercased().hasSuffix(".gz")
        let target = try FileTarget(path, isGzip: isGzip, random: random)
        let renderer = RowRenderer(
            schema: schema, format: format, isGzip: isGzip, measures: false)
        do throws(VarveError) {
            if case .csv(let columns) = format {
                try target.begin(CSVRenderer.header(columns))
            } else {
                try target.begin([])
            }
        } catch {
            throw error.including { () throws(VarveError) in try target.abandon() }
        }
        return TableTarget(.file(target), renderer: renderer, time: SystemTime())
    }

    /// Begins a directory in the form of a full export to S3, with what is needed to import it.
    /// - Throws: `exists` if something is there; `notFound` if the directory above is not.
    public static func export(
        _ path: String, description: ExportDescription, schema: KeySchema,
        time: any TimeSource = SystemTime(), random: any RandomSource = SystemRandom()
    ) throws(VarveError) -> TableTarget {
        let target = try ExportTarget(path, description, schema: schema, random: random)
        let renderer = RowRenderer(
            schema: schema, format: .lines, isGzip: true, measures: true)
        return TableTarget(.export(target), renderer: renderer, time: time)
    }

    /// Bytes written so far.
    public var byteCount: Int64 {
        switch kind {
        case .file(let target): target.byteCount
        case .export(let target): target.byteCount
        }
    }

    /// Writes what the renderer made of the next rows in key order.
    /// - Precondition: not ended.
    public func write(_ bytes: RawSpan, _ part: RenderedPart) throws(VarveError) {
        precondition(!isEnded)
        itemCount += Int64(part.itemCount)
        switch kind {
        case .file(let target): try target.write(bytes, part)
        case .export(let target): try target.write(bytes, part)
        }
    }

    /// Completes the target: whole, under its name, when this returns; an export also durable.
    /// - Throws: `exists` if something of that name has appeared meanwhile; `storage`. The target
    ///   is then abandoned.
    public func finish() throws(VarveError) {
        precondition(!isEnded)
        do throws(VarveError) {
            switch kind {
            case .file(let target): try target.finish()
            case .export(let target): try target.finish(at: time.now())
            }
        } catch {
            throw error.including { () throws(VarveError) in try abandon() }
        }
        isEnded = true
    }

    /// Removes what was written; standard output keeps it. May be called at any time.
    /// - Throws: `storage` if something of it stays.
    public func abandon() throws(VarveError) {
        if isEnded { return }
        isEnded = true
        switch kind {
        case .file(let target): try target.abandon()
        case .export(let target): try target.abandon()
        }
    }
}
