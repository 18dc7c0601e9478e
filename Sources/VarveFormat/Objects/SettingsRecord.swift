public import VarveBytes

/// What a table was configured to be from an instant on. Source: Spec 09, Settings.
public struct SettingsRecord: SealedRecord, Hashable {
    public static let objectType = ObjectType.settings
    /// The operations whose output is kept, ascending.
    public static let kinds = [
        "DescribeContinuousBackups", "DescribeTable", "DescribeTimeToLive", "ListTagsOfResource",
    ]
    static let documentBytesMax = 1_048_576

    /// Microseconds since 1970.
    public var time: Int64
    /// JSON text by the operation that printed it.
    public var documents: [String: String]

    public init(time: Int64, documents: [String: String]) {
        self.time = time
        self.documents = documents
    }

    public func encodeBody(into output: inout ByteWriter) {
        output.append(i64: time)
        output.append(count: documents.count)
        for (kind, text) in documents.sorted(by: { $0.key < $1.key }) {
            output.append(text: kind)
            output.append(text: text)
        }
    }

    public init(body: inout ByteCursor) throws(VarveError) {
        time = try body.i64()
        documents = [:]
        var last = ""
        for _ in 0..<(try body.count(ofAtLeast: 2)) {
            let kind = try body.text()
            if !Self.kinds.contains(kind) || kind <= last {
                throw body.fault("settings of kind '\(kind)' are unknown or out of order")
            }
            last = kind
            documents[kind] = try body.text(limit: Self.documentBytesMax)
        }
    }
}
