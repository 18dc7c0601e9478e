import VarveBytes

/// Attribute names as they are written, by their canonical bytes: length, name and tag.
///
/// A small table in which each name has one place; a name that falls on another's place takes it.
struct NameCache: ~Copyable, Sendable {
    struct Entry: BitwiseCopyable, Sendable {
        /// Canonical bytes, in `bytes`; size 0 for none.
        var keyStart = 0
        var keySize = 0
        /// The text, in `bytes`.
        var textStart = 0
        var textSize = 0
    }

    private static let places = 256
    private static let bytesMax = 1 << 20

    private var entries = GrowingBuffer<Entry>(capacity: NameCache.places)
    private var bytes = ByteWriter(capacity: 4_096)

    init() {
        for _ in 0..<Self.places { entries.append(Entry()) }
    }

    /// Appends `,"name":` and, for strings and numbers, what stands before the value's text.
    @inline(__always)
    mutating func append(
        _ source: RawSpan, from start: Int, count: Int, nameSize: Int, tag: UInt8,
        _ form: ItemForm, to output: inout ByteWriter
    ) {
        // By size, first, middle and last bytes of the name, and the tag.
        let first = Int(source.byte(at: start &+ 1))
        let middle = Int(source.byte(at: start &+ count / 2))
        let last = Int(source.byte(at: start &+ count &- 2))
        let place = (count &* 31 &+ first &* 7 &+ middle &* 3 &+ last &+ Int(tag)) & 255
        let entry = entries[place]
        if entry.keySize == count,
            source.matches(at: start, bytes.bytes, from: entry.keyStart, count: count)
        {
            output.append(bytes, from: entry.textStart, count: entry.textSize)
            return
        }
        replace(place, source, start, count, nameSize, tag, form)
        let made = entries[place]
        output.append(bytes, from: made.textStart, count: made.textSize)
    }

    @inline(never)
    private mutating func replace(
        _ place: Int, _ source: RawSpan, _ start: Int, _ count: Int, _ nameSize: Int,
        _ tag: UInt8, _ form: ItemForm
    ) {
        if bytes.count > Self.bytesMax {
            bytes.removeAll()
            for index in 0..<entries.count { entries[index] = Entry() }
        }
        var entry = Entry(keyStart: bytes.count, keySize: count)
        bytes.append(source, from: start, count: count)
        // Zeros behind it, so that whole words can be compared.
        bytes.append(u64: 0)
        entry.textStart = bytes.count
        bytes.append(UInt8(ascii: ","))
        let nameStart = start + count - 1 - nameSize
        ValueRenderer.append(string: source, from: nameStart, count: nameSize, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        switch (form, AttributeType(rawValue: tag)) {
        case (.dynamoDB, .string): bytes.append(utf8: "{\"S\":\"")
        case (.dynamoDB, .number): bytes.append(utf8: "{\"N\":\"")
        case (.plain, .string): bytes.append(UInt8(ascii: "\""))
        default: break
        }
        entry.textSize = bytes.count - entry.textStart
        bytes.append(repeating: 0, count: 32)
        entries[place] = entry
    }
}
