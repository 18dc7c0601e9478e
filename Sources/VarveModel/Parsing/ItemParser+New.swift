import VarveBytes

// Reading an item step by step: what is done once for each form of item, and for faulty ones.

extension ItemParser {
    /// Reads an item that follows no known path, and learns its path.
    /// - Returns: the offset behind it.
    @inline(never)
    mutating func parseNew(
        _ source: RawSpan, at start: Int, _ root: LayoutTrie.Root, into rows: inout RowBuffer
    ) throws(ParseFault) -> Int {
        slots.removeAll()
        reader.removeAll()
        pieces.removeAll()
        names.removeAll()
        var scanner = JSONScanner(source, at: start)
        scanner.isSingleLine = root == .line
        var isWrapped = false
        if root == .line { isWrapped = try self.isWrapped(source, at: start) }
        if isWrapped {
            try scanner.expect(UInt8(ascii: "{"))
            _ = try scanner.accept(string: "Item")
            try scanner.expect(UInt8(ascii: ":"))
        }
        try attributes(&scanner, from: start)
        if isWrapped { try scanner.expect(UInt8(ascii: "}")) }
        let end = scanner.offset
        let isLearned = trie.makeRoom(for: pieces.count, textCount: end - start)
        let mark = trie.mark
        let layout = try makeLayout(start: start)
        let fault = Self.appendRow(
            trie.layouts[layout], source, textCount: end - start, trie: trie, slots: slots,
            reader: reader, codec: codec, into: &rows)
        if let fault {
            trie.forget(since: mark)
            throw ParseFault(message(fault), offset: start)
        }
        if isLearned {
            learn(layout, source, root, end: end, since: mark)
        } else {
            trie.forget(since: mark)
        }
        return end
    }

    /// Whether the line is `{"Item":{…}}` and not an item with an attribute called Item: it has
    /// that one member, an object that is not a typed value.
    private func isWrapped(_ source: RawSpan, at start: Int) throws(ParseFault) -> Bool {
        var scanner = JSONScanner(source, at: start)
        scanner.isSingleLine = true
        try scanner.expect(UInt8(ascii: "{"))
        guard try scanner.accept(string: "Item") else { return false }
        try scanner.expect(UInt8(ascii: ":"))
        guard try scanner.peek() == UInt8(ascii: "{") else { return false }
        let inner = scanner.offset
        if form == .dynamoDB {
            scanner.offset += 1
            if try scanner.peek() == UInt8(ascii: "}") { return true }
            let isMap = try scanner.accept(string: "M")
            if !isMap { try scanner.skipValue() }
            try scanner.expect(UInt8(ascii: ":"))
            // Of typed values only a map holds an object.
            guard try scanner.peek() == UInt8(ascii: "{") else { return false }
            if !isMap { return true }
        }
        scanner.offset = inner
        try scanner.skipValue()
        return try scanner.peek() == UInt8(ascii: "}")
    }

    /// Reads the object of attributes into `slots`, `pieces` and `names`.
    private mutating func attributes(
        _ scanner: inout JSONScanner, from start: Int
    ) throws(ParseFault) {
        guard try scanner.accept(UInt8(ascii: "{")) else {
            throw scanner.fault("malformed JSON: expected an item, an object of attributes")
        }
        var literalStart = start
        if try scanner.accept(UInt8(ascii: "}")) { return end(scanner, literalStart) }
        repeat {
            _ = try scanner.peek()
            let source = scanner.offset
            let name = try scanner.string(into: &reader.text)
            let nameStart = names.count
            if name.isDecoded {
                names.append(reader.text, from: name.start, count: name.count)
            } else {
                names.append(scanner.bytes, from: name.start, count: name.count)
            }
            if name.count == 0 || name.count > CanonicalValue.nameBytesMax {
                throw ParseFault(
                    "an attribute's name is empty or longer than 65535 bytes", offset: source)
            }
            try scanner.expect(UInt8(ascii: ":"))
            _ = try scanner.peek()
            var piece = Piece(
                literalStart: literalStart, literalEnd: scanner.offset, nameStart: nameStart,
                nameEnd: names.count, source: source, kind: .other)
            literalStart = try attributeValue(&scanner, &piece)
            pieces.append(piece)
        } while try scanner.continues(until: UInt8(ascii: "}"))
        end(scanner, literalStart)
    }

    /// Notes the text behind the last value; what follows the item's own end is added later.
    private mutating func end(_ scanner: borrowing JSONScanner, _ literalStart: Int) {
        pieces.append(
            Piece(
                literalStart: literalStart, literalEnd: scanner.offset, nameStart: 0, nameEnd: 0,
                source: 0, kind: .end))
    }

    /// Reads an attribute's value into a slot.
    /// - Returns: where the literal behind it begins.
    private mutating func attributeValue(
        _ scanner: inout JSONScanner, _ piece: inout Piece
    ) throws(ParseFault) -> Int {
        let start = scanner.offset
        if form == .plain, scanner.bytes.byte(at: start) == UInt8(ascii: "\"") {
            return try stringSlot(&scanner, &piece)
        }
        if form == .dynamoDB, try scanner.accept(UInt8(ascii: "{")) {
            let type = try reader.type(&scanner)
            try scanner.expect(UInt8(ascii: ":"))
            if type == .string || type == .number, try scanner.peek() == UInt8(ascii: "\"") {
                let next: Int
                if type == .string {
                    next = try stringSlot(&scanner, &piece)
                } else {
                    next = try numberSlot(&scanner, &piece)
                }
                guard try scanner.accept(UInt8(ascii: "}")) else {
                    throw scanner.fault("malformed JSON: a typed value has one member")
                }
                return next
            }
            scanner.offset = start
        }
        let from = reader.values.count
        try reader.value(&scanner, form)
        slots.append(
            ItemSlot(place: .values, start: from, count: reader.values.count - from))
        return scanner.offset
    }

    private mutating func stringSlot(
        _ scanner: inout JSONScanner, _ piece: inout Piece
    ) throws(ParseFault) -> Int {
        piece.kind = .string
        piece.literalEnd = scanner.offset + 1
        let string = try scanner.string(into: &reader.text)
        slots.append(
            ItemSlot(
                place: string.isDecoded ? .text : .source, start: string.start,
                count: string.count))
        return scanner.offset - 1
    }

    private mutating func numberSlot(
        _ scanner: inout JSONScanner, _ piece: inout Piece
    ) throws(ParseFault) -> Int {
        piece.kind = .number
        piece.literalEnd = scanner.offset + 1
        let from = reader.values.count
        try reader.number(&scanner)
        slots.append(
            ItemSlot(place: .number, start: from, count: reader.values.count - from))
        return scanner.offset - 1
    }
}

// MARK: - Layouts

extension ItemParser {
    /// Makes the layout of the attributes in `pieces`; the last piece is the end.
    /// - Throws: if a name stands twice, or a key attribute is missing or has another type.
    private mutating func makeLayout(start: Int) throws(ParseFault) -> Int {
        order.removeAll()
        for index in 0..<pieces.count - 1 {
            let piece = pieces[index]
            order.append(
                SortedElement(
                    keyStart: piece.nameStart, keyEnd: piece.nameEnd, start: index, end: 0,
                    source: piece.source))
        }
        let equal = ElementSort.sort(&order, from: 0, in: names)
        if equal >= 0 {
            throw ParseFault("an attribute's name stands twice", offset: order[equal].source)
        }
        let partition = try keySlot(schema.partition, partitionName, start: start)
        var sort = -1
        if let attribute = schema.sort { sort = try keySlot(attribute, sortName, start: start) }
        let keys = sort < 0 ? 1 : 2
        let layout = trie.beginLayout(
            count: order.count - keys, partition: partition, sort: sort,
            keyNameBytes: partitionName.count + sortName.count)
        for index in 0..<order.count {
            let element = order[index]
            if element.start == partition || element.start == sort { continue }
            Self.appendAttribute(
                to: &trie, names, element, pieces[element.start].kind)
        }
        return layout
    }

    private static func appendAttribute(
        to trie: inout LayoutTrie, _ names: borrowing ByteWriter, _ element: SortedElement,
        _ kind: LayoutTrie.Kind
    ) {
        trie.appendAttribute(
            name: names.bytes.part(element.keyStart, element.keyEnd), kind: kind,
            slot: element.start)
    }

    /// The slot of a key attribute.
    private func keySlot(
        _ attribute: KeyAttribute, _ name: [UInt8], start: Int
    ) throws(ParseFault) -> Int {
        for index in 0..<pieces.count - 1 {
            let piece = pieces[index]
            guard names.bytes.part(piece.nameStart, piece.nameEnd).equals(name.raw) else {
                continue
            }
            let isRight =
                switch piece.kind {
                case .string: attribute.type == .string
                case .number: attribute.type == .number
                case .other, .end:
                    reader.values.bytes.byte(at: slots[index].start) == attribute.type.rawValue
                }
            if isRight { return index }
            throw ParseFault(
                "the key attribute \(attribute.name) is not of type \(attribute.type.name)",
                offset: piece.source)
        }
        throw ParseFault("the item has no key attribute \(attribute.name)", offset: start)
    }

    /// Adds the item's path to the trie.
    private mutating func learn(
        _ layout: Int, _ source: RawSpan, _ root: LayoutTrie.Root, end: Int,
        since mark: LayoutTrie.Mark
    ) {
        var node = root.rawValue
        for index in 0..<pieces.count {
            let piece = pieces[index]
            let literalEnd = piece.kind == .end ? end : piece.literalEnd
            node = trie.child(of: node, source.part(piece.literalStart, literalEnd), piece.kind)
        }
        if trie.nodes[node].layout >= 0 {
            // The path was there; the item only could not be read along it.
            trie.forget(since: mark)
        } else {
            trie.setLayout(layout, of: node)
        }
    }

    /// What is wrong, in plain words.
    private func message(_ fault: RowFault) -> String {
        switch fault {
        case .keyType(let part):
            let attribute = attribute(part)
            return "the key attribute \(attribute.name) is not of type \(attribute.type.name)"
        case .keyEmpty(let part): return "the key attribute \(attribute(part).name) is empty"
        case .keyTooLong(let part):
            let limit = part == .partition ? KeyCodec.partitionBytesMax : KeyCodec.sortBytesMax
            return "the key attribute \(attribute(part).name) is longer than \(limit) bytes"
        case .itemTooLarge:
            return "the item is larger than \(ItemMeasure.itemBytesMax) bytes"
        case .bufferFull: return "the buffer of rows is full; parse fewer bytes at once"
        }
    }

    private func attribute(_ part: KeyCodec.Part) -> KeyAttribute {
        part == .partition ? schema.partition : schema.sort ?? schema.partition
    }
}
