import VarveBytes

/// Where in a source something stands, for messages.
public struct SourcePlace: Sendable, Hashable, CustomStringConvertible {
    /// The file's path, or `standard input`.
    public var file: String
    /// Counted from 1, in the text after decompression; 0: not known, for what is before was not
    /// read.
    public var line: Int64
    /// Counted from 0, in the text after decompression.
    public var byte: Int64

    public init(file: String, line: Int64, byte: Int64) {
        self.file = file
        self.line = line
        self.byte = byte
    }

    public var description: String {
        line > 0 ? "\(file): line \(line), byte \(byte)" : "\(file): byte \(byte)"
    }
}

/// A place in few bytes, kept for every row: the file by its number in the source.
struct RowOrigin: Sendable, Hashable {
    var file: Int32
    /// Counted from 1.
    var line: Int64
    /// Counted from 0.
    var byte: Int64
}

/// The places of a batch's rows: worked out when somebody asks, which is when something is wrong.
enum RowOrigins: Sendable {
    /// Rows on lines that follow each other: where the first line stands, and each line's offset.
    case lines(start: RowOrigin, offsets: [UInt32])
    /// One for each row.
    case each([RowOrigin])

    var count: Int {
        switch self {
        case .lines(_, let offsets): offsets.count
        case .each(let origins): origins.count
        }
    }

    subscript(_ index: Int) -> RowOrigin {
        switch self {
        case .lines(let start, let offsets):
            RowOrigin(
                file: start.file, line: start.line + Int64(index),
                byte: start.byte + Int64(offsets[index]))
        case .each(let origins): origins[index]
        }
    }
}

/// The paths of a source's files, by number.
struct SourceFileNames: Sendable {
    var names: [String]

    func place(_ origin: RowOrigin) -> SourcePlace {
        SourcePlace(file: names[Int(origin.file)], line: origin.line, byte: origin.byte)
    }
}

extension SourceFileNames {
    /// Two items with one key: an error that names both places.
    func duplicate(_ first: RowOrigin, _ second: RowOrigin) -> VarveError {
        let (early, late) = (place(first), place(second))
        return VarveError(
            .invalidInput,
            "two items have the same key: this one and the one at \(early); remove one of them",
            at: late.description)
    }
}
