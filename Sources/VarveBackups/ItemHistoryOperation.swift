public import VarveArchive
public import VarveBytes
public import VarveFormat
import VarveModel

/// Tells every version of one item.
public struct ItemHistoryOperation {
    /// A version, rendered.
    public struct Version: Sendable {
        public var kind: ItemVersion.Kind
        /// Microseconds since 1970.
        public var time: Int64
        /// Whether the time is that of the change itself.
        public var isExact: Bool
        /// The item as DynamoDB's JSON, `{"P":{"S":"…"},…}`; nil if there was none.
        public var item: String?
    }

    private let repository: Repository
    private let history: TableHistory
    private let key: [UInt8]
    private let control: OperationControl

    /// - Parameter key: the key as DynamoDB's JSON.
    /// - Throws: `notFound`; `invalidInput` if it is no key of the table.
    public init(
        _ repository: Repository, table: String, key: String,
        control: OperationControl = OperationControl()
    ) throws(VarveError) {
        self.repository = repository
        history = try repository.history(of: table, for: .reading)
        self.key = try KeyArguments.key(key, history.record.keySchema)
        self.control = control
        control.tell(history.damage)
    }

    /// - Parameters:
    ///   - from: versions that came into being at this instant or after it; nil: all.
    ///   - before: versions of before this instant; nil: all.
    ///   - emit: gets one version after another, from the oldest to the newest.
    /// - Complexity: the pages that may hold the key.
    public func run(
        from: Instant? = nil, before: Instant? = nil, emit: (Version) throws -> Void
    ) throws {
        let times = (from?.microseconds ?? .min)..<max(
            from?.microseconds ?? .min, before?.microseconds ?? .max)
        var renderer = ItemRenderer(schema: history.record.keySchema, isWrapped: false)
        var text = ByteWriter(capacity: 1 << 10)
        try repository.versions(of: key, in: history, times: times) { version in
            try control.check()
            var item: String?
            if let value = version.value {
                text.removeAll()
                try renderer.append(key: key.raw, value: value.raw, to: &text)
                item = String(decoding: text.bytes.copyBytes(), as: UTF8.self)
            }
            try emit(
                Version(
                    kind: version.kind, time: version.time, isExact: version.isExact, item: item))
        }
    }
}
