/// What every layer of Varve throws: a stable code, what went wrong and what to do, where, and why.
///
/// Two errors are equal when their codes are: callers decide by code, people read the message.
/// The value is one reference wide, so that typed throws cost hot decoders nothing.
public struct VarveError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A stable, extensible reason. The command line derives its exit code from it.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        public let name: String

        /// Makes a code; the name is part of `--json` output and never changes.
        public init(_ name: String) { self.name = name }

        public var description: String { name }

        /// Bytes in the repository that contradict their hash, their grammar or each other.
        public static let damaged = Code("damaged")
        /// A source, a request or an argument that cannot be accepted; the message says where.
        public static let invalidInput = Code("invalid-input")
        /// Something of that name is there already.
        public static let exists = Code("exists")
        /// Nothing of that name is there.
        public static let notFound = Code("not-found")
        /// An abbreviation that fits several names; the message lists them.
        public static let ambiguous = Code("ambiguous")
        /// Another writer was faster; trying again may succeed.
        public static let conflict = Code("conflict")
        /// Refused as dangerous; the message names the flag that allows it.
        public static let refused = Code("refused")
        /// A version or feature that this program does not know.
        public static let unsupported = Code("unsupported")
        /// The store failed: a full disk, a permission, a broken promise.
        public static let storage = Code("storage")
        /// What was written or read does not prove itself equal to what was recorded.
        public static let proofFailed = Code("proof-failed")
    }

    private final class Storage: Sendable {
        let code: Code
        let message: String
        let location: String?
        let cause: (any Error)?

        init(code: Code, message: String, location: String?, cause: (any Error)?) {
            self.code = code
            self.message = message
            self.location = location
            self.cause = cause
        }
    }

    private let storage: Storage

    /// Makes an error.
    /// - Parameters:
    ///   - message: what went wrong and what to do, in plain words, without a full stop at the end.
    ///   - location: where: an object's name and offset, or a file, line and byte offset.
    public init(
        _ code: Code, _ message: String, at location: String? = nil, cause: (any Error)? = nil
    ) {
        storage = Storage(code: code, message: message, location: location, cause: cause)
    }

    public var code: Code { storage.code }
    public var message: String { storage.message }
    public var location: String? { storage.location }
    public var cause: (any Error)? { storage.cause }

    /// The same error, found within `outer`: locations read from the outside in.
    public func located(in outer: String) -> VarveError {
        let place = location.map { "\(outer): \($0)" } ?? outer
        return VarveError(code, message, at: place, cause: cause)
    }

    public var description: String {
        var text = location.map { "\($0): \(message)" } ?? message
        if let cause { text += " (\(cause))" }
        return text
    }

    public static func == (a: VarveError, b: VarveError) -> Bool { a.code == b.code }
}
