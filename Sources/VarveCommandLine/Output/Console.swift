import VarveBytes

/// Standard output and standard error.
enum Console {
    /// Writes to standard output.
    /// - Throws: `brokenPipe` if its reader has gone away; `storage`.
    static func write(_ bytes: RawSpan) throws(VarveError) {
        do {
            try FileDescriptor.standardOutput.write(bytes)
        } catch {
            if error.systemError?.isBrokenPipe == true {
                throw VarveError(.brokenPipe, "whoever reads the output has gone away")
            }
            throw error
        }
    }

    static func write(_ text: String) throws(VarveError) { try write(Array(text.utf8).raw) }

    /// Writes lines to standard output.
    static func writeLines(_ lines: [String]) throws(VarveError) {
        try write(lines.map { $0 + "\n" }.joined())
    }

    /// Writes to standard error. What cannot be told there can be told nowhere.
    static func note(_ text: String) {
        _ = try? FileDescriptor.standardError.write(Array(text.utf8).raw)
    }

    static var errorsGoToTerminal: Bool { FileDescriptor.standardError.isTerminal }
}
