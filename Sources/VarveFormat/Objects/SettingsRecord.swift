public import VarveBytes

/// What a table was configured to be from an instant on: an object under
/// `tables/<id>/settings/`. Source: Spec 09, "Settings".
public struct SettingsRecord: Hashable, Sendable {
    /// One answer of the service.
    public struct Document: Hashable, Sendable {
        /// The command that printed it: `DescribeTable`, `ListTagsOfResource` …
        public var kind: String
        public var json: String

        public init(kind: String, json: String) {
            self.kind = kind
            self.json = json
        }
    }

    /// Microseconds since 1970 from which on it holds.
    public var time: Int64
    /// All that were known then, ascending by kind.
    public var documents: [Document]

    public init(time: Int64, documents: [Document]) {
        self.time = time
        self.documents = documents
    }
}

extension SettingsRecord: SealedRecord {
    public static var objectType: ObjectType { .settings }

    public func encodeBody(into writer: inout ByteWriter) {
        writer.append(i64: time)
        writer.append(count: documents.count)
        for document in documents {
            writer.append(text: document.kind)
            writer.append(text: document.json)
        }
    }

    public init(body cursor: inout ByteCursor) throws(VarveError) {
        time = try cursor.i64()
        let count = try cursor.count(ofAtLeast: 2)
        documents = []
        documents.reserveCapacity(count)
        for _ in 0..<count {
            documents.append(
                Document(
                    kind: try cursor.text(),
                    json: try cursor.text(limit: RecordRules.jsonBytesMax)))
        }
    }

    public func check() throws(VarveError) {
        try RecordRules.checkTime(time, "the settings' time")
        for (index, document) in documents.enumerated() {
            if document.kind.isEmpty { throw RecordRules.fault("a document has no kind") }
            try RecordRules.checkText(document.kind, "a document's kind")
            try RecordRules.checkText(
                document.json, "the document \(document.kind)", limit: RecordRules.jsonBytesMax)
            if index > 0 {
                let before = documents[index - 1].kind.utf8
                guard before.lexicographicallyPrecedes(document.kind.utf8) else {
                    throw RecordRules.fault("the documents are not ascending by kind")
                }
            }
        }
    }
}
