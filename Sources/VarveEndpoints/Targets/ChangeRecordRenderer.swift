public import VarveBytes
public import VarveModel

/// Writes differences as AWS's incremental exports do, a line each:
///
///     {"Metadata":{"WriteTimestampMicros":{"N":"…"}},
///         "Keys":{…},"OldImage":{…},"NewImage":{…}}
///
/// An insert has no OldImage, a deletion no NewImage.
public struct ChangeRecordRenderer: ~Copyable, Sendable {
    private var renderer: ItemRenderer

    public init(schema: KeySchema) { renderer = ItemRenderer(schema: schema, isWrapped: false) }

    /// Appends a record and a line feed.
    /// - Parameters:
    ///   - time: microseconds since 1970.
    ///   - old: the value before, whole; nil if there was no item.
    ///   - new: the value after, whole; nil if there is none any more.
    /// - Precondition: one of them is there.
    public mutating func append(
        time: Int64, key: RawSpan, old: RawSpan?, new: RawSpan?, to output: inout ByteWriter
    ) throws(VarveError) {
        precondition(old != nil || new != nil)
        output.append(
            utf8: "{\"Metadata\":{\"WriteTimestampMicros\":{\"N\":\"\(time)\"}},\"Keys\":")
        try renderer.append(key: key, to: &output)
        if let old {
            output.append(utf8: ",\"OldImage\":")
            try renderer.append(key: key, value: old, to: &output)
        }
        if let new {
            output.append(utf8: ",\"NewImage\":")
            try renderer.append(key: key, value: new, to: &output)
        }
        output.append(utf8: "}\n")
    }

    /// Appends the record of a deletion of whose item nothing is known, and a line feed.
    public mutating func appendDeletion(
        time: Int64, key: RawSpan, to output: inout ByteWriter
    ) throws(VarveError) {
        output.append(
            utf8: "{\"Metadata\":{\"WriteTimestampMicros\":{\"N\":\"\(time)\"}},\"Keys\":")
        try renderer.append(key: key, to: &output)
        output.append(utf8: "}\n")
    }
}
