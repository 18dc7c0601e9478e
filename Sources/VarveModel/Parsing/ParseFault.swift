public import VarveBytes

/// Why a text is not what it should be, and where in the span that was parsed.
///
/// The caller knows where the span lies in its file and rebases:
/// `error(in:firstLine:firstOffset:)`. One reference wide, so that typed throws cost hot loops
/// nothing.
public struct ParseFault: Error, Sendable, CustomStringConvertible {
    private final class Storage: Sendable {
        let message: String
        let offset: Int
        let line: Int
        let isIncomplete: Bool

        init(message: String, offset: Int, line: Int, isIncomplete: Bool) {
            self.message = message
            self.offset = offset
            self.line = line
            self.isIncomplete = isIncomplete
        }
    }

    private let storage: Storage

    /// - Parameters:
    ///   - offset: byte offset within the span.
    ///   - line: line within the span, from 1 on; 0 if not known.
    ///   - isIncomplete: whether the span ended where more could have followed.
    public init(_ message: String, offset: Int, line: Int = 0, isIncomplete: Bool = false) {
        storage = Storage(
            message: message, offset: offset, line: line, isIncomplete: isIncomplete)
    }

    /// What is wrong, in plain words.
    public var message: String { storage.message }
    /// Byte offset within the span, from 0 on.
    public var offset: Int { storage.offset }
    /// Line within the span, from 1 on; 0 if not known.
    public var line: Int { storage.line }
    /// Whether the span ended too early: with more bytes it might have been right.
    public var isIncomplete: Bool { storage.isIncomplete }

    public var description: String {
        line > 0 ? "line \(line), byte \(offset): \(message)" : "byte \(offset): \(message)"
    }

    /// The fault with its line, counted in the span that was parsed.
    public func withLine(in bytes: RawSpan) -> ParseFault {
        var line = 1
        var at = 0
        while let newline = bytes.firstOffset(of: UInt8(ascii: "\n"), from: at), newline < offset {
            line += 1
            at = newline + 1
        }
        return ParseFault(message, offset: offset, line: line, isIncomplete: isIncomplete)
    }

    /// The error to show to people.
    /// - Parameters:
    ///   - place: the file's or source's name.
    ///   - firstLine: line of the file, from 1 on, at which the span begins.
    ///   - firstOffset: byte offset in the file at which the span begins.
    public func error(
        in place: String, firstLine: Int = 1, firstOffset: Int = 0
    ) -> VarveError {
        let offset = offset + firstOffset
        let location =
            line > 0
            ? "\(place), line \(line + firstLine - 1), byte \(offset)" : "\(place), byte \(offset)"
        return VarveError(.invalidInput, message, at: location)
    }
}
