import VarveBytes

// Writing a row from the values of an item, in canonical order.

extension ItemParser {
    /// Why an item's values make no row.
    enum RowFault {
        case keyType(KeyCodec.Part)
        case keyEmpty(KeyCodec.Part)
        case keyTooLong(KeyCodec.Part)
        case itemTooLarge
        case bufferFull
    }

    /// Appends the row of the item that `slots` hold.
    /// - Parameter textCount: bytes of the item's text.
    /// - Returns: nil, or what is wrong; then no row is appended.
    @inline(__always)
    static func appendRow(
        _ layout: LayoutTrie.Layout, _ source: RawSpan, textCount: Int,
        trie: borrowing LayoutTrie, slots: borrowing GrowingBuffer<ItemSlot>,
        reader: borrowing ValueReader, codec: KeyCodec, into rows: inout RowBuffer
    ) -> RowFault? {
        let start = rows.storage.count
        // A row takes at most twice its text: 00 bytes of a binary key are doubled.
        guard textCount &* 2 &+ 64 <= Int(UInt32.max) &- start else { return .bufferFull }
        rows.storage.reserve(textCount &* 2 &+ 64)
        // Tag 01, and the length of the key, which is known afterwards.
        rows.storage.append(low: 1, count: 2)
        let fault = appendKey(
            layout, source, slots: slots, reader: reader, codec: codec, to: &rows.storage)
        if let fault {
            rows.storage.truncate(to: start)
            return fault
        }
        var keyStart = start &+ 2
        let keySize = rows.storage.count &- keyStart
        rows.storage.overwrite(at: start &+ 1, u8: UInt8(truncatingIfNeeded: keySize & 0x7f))
        if keySize >= 0x80 {
            // A key has less than 2^14 bytes: its length takes two.
            rows.storage.openGap(at: keyStart, size: 1)
            rows.storage.overwrite(at: start &+ 1, u8: UInt8(keySize & 0x7f) | 0x80)
            rows.storage.overwrite(at: start &+ 2, u8: UInt8(keySize >> 7))
            keyStart &+= 1
        }
        let valueStart = rows.storage.count
        var itemBytes = Int(layout.nameBytes)
        itemBytes &+= contentSize(slots[Int(layout.partition)], reader: reader)
        if layout.sort >= 0 {
            itemBytes &+= contentSize(slots[Int(layout.sort)], reader: reader)
        }
        itemBytes &+= appendValue(
            layout, source, trie: trie, slots: slots, reader: reader, to: &rows.storage)
        if itemBytes > ItemMeasure.itemBytesMax {
            rows.storage.truncate(to: start)
            return .itemTooLarge
        }
        if rows._measures.count == rows._rows.count {
            let inlineBytes = rows.storage.count &- valueStart &+ Int(layout.inlineShift)
            rows._measures.append(
                RowMeasure(
                    itemBytes: UInt32(truncatingIfNeeded: itemBytes),
                    inlineBytes: UInt32(truncatingIfNeeded: inlineBytes)))
        }
        rows._rows.append(
            RowBuffer.Row(
                start: UInt32(truncatingIfNeeded: start), key: UInt32(truncatingIfNeeded: keyStart),
                value: UInt32(truncatingIfNeeded: valueStart),
                end: UInt32(truncatingIfNeeded: rows.storage.count)))
        return nil
    }

    /// Item size of a value, without its name. Source: Spec 03, Item size.
    @inline(__always)
    private static func contentSize(
        _ slot: ItemSlot, reader: borrowing ValueReader
    ) -> Int {
        switch slot.place {
        case .source, .text: slot.count
        case .word: slot.start
        case .number, .values: otherSize(slot, reader: reader)
        }
    }

    @inline(never)
    private static func otherSize(_ slot: ItemSlot, reader: borrowing ValueReader) -> Int {
        let bytes = reader.values.bytes.part(slot.start, slot.start &+ slot.count)
        do throws(VarveError) {
            if slot.place == .number { return try ItemMeasure.numberBytes(of: bytes) }
            var cursor = ByteCursor(bytes)
            return try ItemMeasure.itemSize(of: &cursor)
        } catch {
            preconditionFailure("the reader made a value that cannot be measured")
        }
    }

    /// - Returns: item size of the values, without names.
    @inline(__always)
    private static func appendValue(
        _ layout: LayoutTrie.Layout, _ source: RawSpan, trie: borrowing LayoutTrie,
        slots: borrowing GrowingBuffer<ItemSlot>, reader: borrowing ValueReader,
        to output: inout ByteWriter
    ) -> Int {
        var size = 0
        let literals = trie.literals.bytes
        output.append(literals, from: Int(layout.countStart), count: Int(layout.countSize))
        var index = Int(layout.first)
        let end = Int(layout.end)
        while index < end {
            let attribute = trie.attributes[index]
            index &+= 1
            output.append(
                literals, from: Int(attribute.headStart), count: Int(attribute.headSize))
            let slot = slots[Int(attribute.slot)]
            size &+= contentSize(slot, reader: reader)
            switch slot.place {
            case .source:
                output.append(varint: UInt64(truncatingIfNeeded: slot.count))
                output.append(source, from: slot.start, count: slot.count)
            case .word: output.append(low: slot.word, count: slot.count)
            case .text:
                output.append(varint: UInt64(truncatingIfNeeded: slot.count))
                output.append(reader.text, from: slot.start, count: slot.count)
            case .values, .number:
                output.append(reader.values, from: slot.start, count: slot.count)
            }
        }
        return size
    }

    // MARK: Keys

    @inline(__always)
    private static func appendKey(
        _ layout: LayoutTrie.Layout, _ source: RawSpan, slots: borrowing GrowingBuffer<ItemSlot>,
        reader: borrowing ValueReader, codec: KeyCodec, to output: inout ByteWriter
    ) -> RowFault? {
        let fault = appendKeyPart(
            .partition, slots[Int(layout.partition)], source, reader: reader, codec: codec,
            to: &output)
        if fault != nil || layout.sort < 0 { return fault }
        return appendKeyPart(
            .sort, slots[Int(layout.sort)], source, reader: reader, codec: codec, to: &output)
    }

    @inline(__always)
    private static func appendKeyPart(
        _ part: KeyCodec.Part, _ slot: ItemSlot, _ source: RawSpan,
        reader: borrowing ValueReader, codec: KeyCodec, to output: inout ByteWriter
    ) -> RowFault? {
        // The layout's maker has matched the schema's type with the slot's, but for `values`.
        switch slot.place {
        case .word: slot.appendKey(to: &output)
        case .source:
            if let fault = sizeFault(part, slot.count) { return fault }
            output.append(source, from: slot.start, count: slot.count)
            // JSON text holds no 00, so there is nothing to escape.
            if part == .partition, codec.schema.sort != nil { output.append(low: 0x0100, count: 2) }
        case .text:
            if let fault = sizeFault(part, slot.count) { return fault }
            codec.append(
                part, content: reader.text.bytes.part(slot.start, slot.start &+ slot.count),
                to: &output)
        case .number, .values:
            return appendOtherKey(
                part, hasTag: slot.place == .values,
                reader.values.bytes.part(slot.start, slot.start &+ slot.count), codec,
                to: &output)
        }
        return nil
    }

    @inline(__always)
    private static func sizeFault(_ part: KeyCodec.Part, _ count: Int) -> RowFault? {
        if count == 0 { return .keyEmpty(part) }
        let limit = part == .partition ? KeyCodec.partitionBytesMax : KeyCodec.sortBytesMax
        return count > limit ? .keyTooLong(part) : nil
    }

    /// A key attribute from canonical bytes.
    @inline(never)
    private static func appendOtherKey(
        _ part: KeyCodec.Part, hasTag: Bool, _ bytes: RawSpan, _ codec: KeyCodec,
        to output: inout ByteWriter
    ) -> RowFault? {
        let type = part == .partition ? codec.schema.partition.type : codec.schema.sort?.type
        var cursor = ByteCursor(bytes)
        do throws(VarveError) {
            if hasTag, try cursor.u8() != type?.rawValue { return .keyType(part) }
            if type == .number {
                try DecimalNumber(canonical: &cursor).appendKey(to: &output)
                return nil
            }
            let content = try cursor.counted()
            if let fault = sizeFault(part, content.byteCount) { return fault }
            codec.append(part, content: content, to: &output)
            return nil
        } catch {
            return .keyType(part)
        }
    }
}
