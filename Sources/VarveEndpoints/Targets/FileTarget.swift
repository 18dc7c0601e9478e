public import VarveBytes
public import VarveStorage

/// A file that gets its name only when it is whole.
///
/// It is written under a name of its own beside the target, and then given the target's name, if
/// that is still free. Standard output is written as it comes.
///
/// The system carries the bytes to the disk in its own time, as with any copied file: what a crash
/// of the machine takes in the seconds after can be restored again.
final class FileTarget {
    private let path: String
    private let temporary: String?
    private let file: FileDescriptor
    private var gzip: GzipWriter?
    private(set) var byteCount: Int64 = 0

    /// - Parameter path: the target; `-` for standard output.
    /// - Throws: `exists` if something is there.
    init(
        _ path: String, isGzip: Bool, random: any RandomSource
    ) throws(VarveError) {
        self.path = path
        gzip = isGzip ? GzipWriter() : nil
        if path == "-" {
            temporary = nil
            file = FileDescriptor.standardOutput
        } else {
            let name = try TemporaryName.beside(path, random: random)
            temporary = name
            if path.hasSuffix("/") {
                throw VarveError(
                    .invalidInput, "the target is a file; its name does not end with a slash",
                    at: path)
            }
            do {
                file = try FileDescriptor(creating: name)
            } catch let error where error.code == .notFound {
                throw VarveError(
                    .notFound, "there is no such directory to make the target in; make it first",
                    at: FileSystem.parent(of: path))
            }
        }
    }

    /// Writes what must stand first.
    func begin(_ bytes: [UInt8]) throws(VarveError) {
        var output = ByteWriter()
        gzip?.begin(into: &output)
        if gzip != nil {
            gzip?.add(GzipWriter.deflate(bytes.raw, into: &output))
        } else {
            output.append(bytes.raw)
        }
        try append(output)
    }

    func write(_ bytes: RawSpan, _ part: RenderedPart) throws(VarveError) {
        if let added = part.gzip { gzip?.add(added) }
        try file.write(bytes)
        byteCount += Int64(bytes.byteCount)
    }

    private func append(_ output: borrowing ByteWriter) throws(VarveError) {
        try file.write(output.bytes)
        byteCount += Int64(output.bytes.byteCount)
    }

    func finish() throws(VarveError) {
        if gzip != nil {
            var output = ByteWriter()
            gzip?.end(into: &output)
            try append(output)
        }
        guard let temporary else { return }
        do throws(VarveError) {
            try FileSystem.renameExclusively(temporary, to: path)
        } catch {
            throw TemporaryName.taken(error, path)
        }
    }

    /// Removes what was written.
    func abandon() throws(VarveError) {
        guard let temporary else { return }
        do {
            try FileSystem.remove(temporary)
        } catch let error where error.code == .notFound {
            // It has its own name by now, or is gone already.
        }
    }
}

/// Names of what is not whole yet.
public enum TemporaryName {
    /// A hidden name beside a target that must not be there.
    public static func beside(
        _ path: String, random: any RandomSource
    ) throws(VarveError) -> String {
        var isThere = true
        do throws(VarveError) {
            _ = try FileSystem.metadata(path)
        } catch {
            if error.code != .notFound { throw error }
            isThere = false
        }
        if isThere { throw exists(path) }
        var trimmed = path[...]
        while trimmed.count > 1, trimmed.last == "/" { trimmed.removeLast() }
        let name = trimmed.split(separator: "/").last ?? "target"
        let mark = random.bytes(8).raw.hexadecimal
        return "\(FileSystem.parent(of: path))/.\(name).\(mark).partial"
    }

    static func exists(_ path: String) -> VarveError {
        let hint =
            path.hasPrefix("/dev/")
            ? "a target is made new; '-' is standard output, which may go anywhere"
            : "something of that name is there already; name another target, or remove it"
        return VarveError(.exists, hint, at: path)
    }

    /// The error of giving the target its name.
    static func taken(_ error: VarveError, _ path: String) -> VarveError {
        error.code == .exists ? exists(path) : error
    }
}
