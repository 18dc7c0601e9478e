/// A type of attribute, with its tag in the canonical encoding. Source: Spec 03.
public enum AttributeType: UInt8, Sendable, Hashable, CaseIterable {
    case string = 1
    case number = 2
    case binary = 3
    case boolean = 4
    case null = 5
    case map = 6
    case list = 7
    case stringSet = 8
    case numberSet = 9
    case binarySet = 10

    /// DynamoDB's name of the type: S, N, B, BOOL, NULL, M, L, SS, NS, BS.
    public var name: String {
        switch self {
        case .string: "S"
        case .number: "N"
        case .binary: "B"
        case .boolean: "BOOL"
        case .null: "NULL"
        case .map: "M"
        case .list: "L"
        case .stringSet: "SS"
        case .numberSet: "NS"
        case .binarySet: "BS"
        }
    }
}

/// A key attribute: its name and its type, which is S, N or B.
public struct KeyAttribute: Hashable, Sendable {
    public let name: String
    public let type: AttributeType

    /// - Precondition: `type` is S, N or B.
    public init(name: String, type: AttributeType) {
        precondition(type.rawValue <= AttributeType.binary.rawValue)
        self.name = name
        self.type = type
    }
}

/// The key attributes of a table: a partition key and, in some tables, a sort key.
public struct KeySchema: Hashable, Sendable {
    public let partition: KeyAttribute
    public let sort: KeyAttribute?

    public init(partition: KeyAttribute, sort: KeyAttribute? = nil) {
        self.partition = partition
        self.sort = sort
    }
}
