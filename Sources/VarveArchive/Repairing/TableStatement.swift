import VarveBytes
import VarveFormat
public import VarveModel

/// What somebody, or a document, says of a table whose record is lost.
public struct TableStatement: Sendable, Hashable {
    public var name: String
    /// Nil if it says nothing of the keys.
    public var keySchema: KeySchema?
    /// May be empty.
    public var arn: String
    /// The service's own `TableId`; may be empty.
    public var serviceID: String

    public init(
        name: String, keySchema: KeySchema? = nil, arn: String = "", serviceID: String = ""
    ) {
        self.name = name
        self.keySchema = keySchema
        self.arn = arn
        self.serviceID = serviceID
    }

    /// The incarnation of the table that has this id; nil if none has.
    func ordinal(of id: TableID, in repository: RepositoryID) -> UInt64? {
        (0..<Self.ordinalsMax).first {
            TableID(repository: repository, name: name, ordinal: $0) == id
        }
    }

    /// How many incarnations are tried.
    private static let ordinalsMax: UInt64 = 1000
}
