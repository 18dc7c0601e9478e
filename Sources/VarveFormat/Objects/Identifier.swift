public import VarveBytes

/// Sixteen bytes that name something; `Subject` keeps the kinds apart.
public struct Identifier<Subject>: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The bytes as two little-endian words.
    let words: (UInt64, UInt64)

    init(words: (UInt64, UInt64)) { self.words = words }

    /// Reads 16 bytes; nil for another number of them.
    public init?(bytes: RawSpan) {
        guard bytes.byteCount == 16 else { return nil }
        words = (bytes.word(at: 0), bytes.word(at: 8))
    }

    /// Reads 32 hexadecimal digits of lower case.
    public init?(hexadecimal: String) {
        guard let bytes = [UInt8](hexadecimal: hexadecimal) else { return nil }
        self.init(bytes: bytes.raw)
    }

    /// - Throws: `damaged` if the bytes end too early.
    public init(from cursor: inout ByteCursor) throws(VarveError) {
        words = (try cursor.u64(), try cursor.u64())
    }

    public func encode(into writer: inout ByteWriter) {
        writer.append(u64: words.0)
        writer.append(u64: words.1)
    }

    public var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 16)
        encode(into: &writer)
        return writer.takeBytes()
    }

    /// Lower-case hexadecimal, 32 digits: how it stands in names of objects.
    public var description: String { bytes.raw.hexadecimal }

    public static func == (a: Self, b: Self) -> Bool { a.words == b.words }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
    }

    /// Order by unsigned bytes, which is the order of names.
    public static func < (a: Self, b: Self) -> Bool {
        if a.words.0 != b.words.0 { return a.words.0.byteSwapped < b.words.0.byteSwapped }
        return a.words.1.byteSwapped < b.words.1.byteSwapped
    }
}

/// What a `RepositoryID` names.
public enum RepositorySubject {}
/// What a `TableID` names.
public enum TableSubject {}
/// What a `BackupID` names.
public enum BackupSubject {}
/// What a `WriterID` names.
public enum WriterSubject {}

/// Names a repository; random.
public typealias RepositoryID = Identifier<RepositorySubject>
/// Names one incarnation of a table within a repository; derived from its name.
public typealias TableID = Identifier<TableSubject>
/// Names a backup; random.
public typealias BackupID = Identifier<BackupSubject>
/// Names a writer at work: an intent, or the holder of a lease; random.
public typealias WriterID = Identifier<WriterSubject>

extension Identifier where Subject == TableSubject {
    /// The id of incarnation `ordinal`, counted from 0, of the table `name`. Source: Spec 02.
    public init(repository: RepositoryID, name: String, ordinal: UInt64) {
        var writer = ByteWriter(capacity: 64 + name.utf8.count)
        writer.append(utf8: "varve table name\0")
        repository.encode(into: &writer)
        writer.append(text: name)
        writer.append(varint: ordinal)
        let hash = sha256(writer.bytes)
        self.init(words: (hash.words.0, hash.words.1))
    }
}
