public import VarveArchive
public import VarveBytes
public import VarveFormat
import VarveModel

/// Reads single items out of states.
public struct ItemReading {
    private let repository: Repository
    private let history: TableHistory

    public init(
        _ repository: Repository, table: String, control: OperationControl = OperationControl()
    ) throws(VarveError) {
        self.repository = repository
        history = try repository.history(of: table, for: .reading)
        control.tell(history.damage)
    }

    /// One item at a state, as DynamoDB's JSON: `{"Item":{…}}`, or nil if there is none.
    /// - Parameter key: the key as DynamoDB's JSON.
    /// - Throws: `invalidInput` if it is no key of the table; `notFound` if there is no such state.
    /// - Complexity: one page of each run that may hold the key, and one of the image.
    public func item(
        _ key: String, at selection: StateSelection
    ) throws -> (json: String?, instant: Instant) {
        let schema = history.record.keySchema
        let bytes = try KeyArguments.key(key, schema)
        let state = try history.state(selection)
        guard let value = try repository.value(bytes, in: state.plan, schema: schema) else {
            return (nil, state.instant)
        }
        var renderer = ItemRenderer(schema: schema)
        var text = ByteWriter(capacity: value.count * 2 + 256)
        try renderer.append(key: bytes.raw, value: value.raw, to: &text)
        return (String(decoding: text.takeBytes(), as: UTF8.self), state.instant)
    }
}
