/// How items are written as JSON.
public enum ItemForm: Sendable, Hashable {
    /// DynamoDB's JSON: every value in an object that names its type, `{"S":"…"}`.
    case dynamoDB
    /// Plain JSON: strings are S, numbers N, booleans BOOL, null NULL, objects M, arrays L.
    case plain
}
