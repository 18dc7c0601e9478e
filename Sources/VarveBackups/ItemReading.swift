public import VarveArchive
import VarveBytes
public import VarveFormat
import VarveModel

/// Reads single items out of states.
public struct ItemReading {
    private let repository: Repository
    private let table: String
    private let control: OperationControl

    public init(
        _ repository: Repository, table: String, control: OperationControl = OperationControl()
    ) {
        self.repository = repository
        self.table = table
        self.control = control
    }

    /// One item at a state, as DynamoDB's JSON: `{"Item":{…}}`, or nil if there is none.
    /// - Parameter key: the key as DynamoDB's JSON.
    /// - Throws: `invalidInput` if it is no key of the table; `notFound` if there is no such state.
    /// - Complexity: one page of each run that may hold the key, and one of the image.
    public func item(
        _ key: String, at selection: StateSelection
    ) throws -> (json: String?, instant: Instant) {
        let found = try repository.state(selection, of: table, tell: { control.tell($0) })
        let state = found.state
        let schema = found.history.record.keySchema
        let bytes = try KeyArguments.key(key, schema)
        guard let value = try repository.value(bytes, in: state.plan, schema: schema) else {
            return (nil, state.instant)
        }
        var renderer = ItemRenderer(schema: schema)
        var text = ByteWriter(capacity: value.count * 2 + 256)
        try renderer.append(key: bytes.raw, value: value.raw, to: &text)
        return (String(decoding: text.takeBytes(), as: UTF8.self), state.instant)
    }
}
