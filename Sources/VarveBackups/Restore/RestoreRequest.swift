/// What is to be restored, and where to.
public struct RestoreRequest: Sendable {
    /// How the items are written.
    public enum Format: String, Sendable, CaseIterable {
        /// A file, an item a line, with DynamoDB's types.
        case dynamoDBJSON = "dynamodb-json"
        /// A file, an item a line, without types.
        case plainJSON = "plain-json"
        /// A file with a column for each attribute.
        case csv
        /// A directory like a full export to S3, with what is needed to import it.
        case export = "aws-export"
    }

    public var table: String
    public var state: StateSelection
    /// Something that is not there yet; files that end in `.gz` are compressed; `-` is standard
    /// output.
    public var target: String
    public var format = Format.dynamoDBJSON
    /// Plain JSON may lose the types of binary values and sets.
    public var isLossy = false
    /// One partition key's value.
    public var partition: String?
    /// `FROM..TO` of keys.
    public var keyRange: String?

    public init(table: String, state: StateSelection, target: String) {
        self.table = table
        self.state = state
        self.target = target
    }
}
