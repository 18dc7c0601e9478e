import VarveBytes

/// What the parser remembers of items it has read: the text between their values.
///
/// Items of a table look alike. A node holds the text from one value to the next, such as
/// `"},"Quantity":{"N":"`, and says what kind of value follows; a path from the root to an end is
/// the form of a whole item. An item that follows a known path is read by comparing words.
///
/// Memory is bounded: when the trie is full, it learns nothing more, and starts anew after many
/// items that it did not know.
struct LayoutTrie: ~Copyable, Sendable {
    enum Kind: UInt8, Sendable {
        /// The content of a string, up to its closing quotation mark.
        case string
        /// The text of a number, up to its closing quotation mark.
        case number
        /// A whole value.
        case other
        /// Nothing: the item ends here.
        case end
    }

    struct Node: BitwiseCopyable, Sendable {
        var literalStart: Int32
        var literalCount: Int32
        /// Index of the first child or −1.
        var child: Int32 = -1
        /// Index of the next child of the same parent or −1.
        var next: Int32 = -1
        /// Index of the layout, for `end`.
        var layout: Int32 = -1
        var kind: Kind
    }

    /// How to write an item whose values are known.
    struct Layout: BitwiseCopyable, Sendable {
        /// The count of attributes as a `varint`, in `literals`.
        var countStart: Int32
        var countSize: Int32
        /// The attributes that are not key attributes, in canonical order, in `attributes`.
        var first: Int32
        var end: Int32
        /// Slots of the key attributes; −1 if absent.
        var partition: Int32
        var sort: Int32
        /// Bytes of all names, key attributes' too: what every such item's size begins with.
        var nameBytes: Int32
        /// In-line bytes of the attributes (`RowMeasure`), less the bytes of the value.
        var inlineShift: Int32
    }

    /// An attribute in canonical order.
    struct Attribute: BitwiseCopyable, Sendable {
        /// Length and bytes of the name, and the tag if the slot does not hold it, in `literals`.
        var headStart: Int32
        var headSize: Int32
        /// Which of the item's values.
        var slot: Int32
    }

    /// Where the paths begin: one root for each surrounding that items stand in.
    enum Root: Int, Sendable {
        case line = 0
        case bare = 1
    }

    static let nodesMax = 4_096
    static let literalBytesMax = 1 << 20
    static let attributesMax = 512
    static let missesMax = 8_192

    private(set) var nodes = GrowingBuffer<Node>(capacity: 128)
    private(set) var literals = ByteWriter(capacity: 8_192)
    private(set) var layouts = GrowingBuffer<Layout>(capacity: 16)
    private(set) var attributes = GrowingBuffer<Attribute>(capacity: 128)
    private var misses = 0

    init() { removeAll() }

    mutating func removeAll() {
        nodes.removeAll()
        literals.removeAll()
        layouts.removeAll()
        attributes.removeAll()
        misses = 0
        for _ in 0..<2 {
            nodes.append(Node(literalStart: 0, literalCount: 0, kind: .other))
        }
    }

    /// Whether a path of `count` attributes fits. If not for long, forgets everything.
    mutating func makeRoom(for count: Int, textCount: Int) -> Bool {
        if count > Self.attributesMax || textCount > Self.literalBytesMax { return false }
        if nodes.count + count < Self.nodesMax, literals.count < Self.literalBytesMax {
            return true
        }
        misses += 1
        if misses < Self.missesMax { return false }
        removeAll()
        return true
    }
}

// MARK: - Learning

extension LayoutTrie {
    /// Sizes to go back to with `forget(since:)`.
    struct Mark {
        var literals: Int
        var layouts: Int
        var attributes: Int
    }

    var mark: Mark {
        Mark(literals: literals.count, layouts: layouts.count, attributes: attributes.count)
    }

    /// Forgets a layout that no node refers to.
    mutating func forget(since mark: Mark) {
        literals.truncate(to: mark.literals)
        layouts.truncate(to: mark.layouts)
        attributes.truncate(to: mark.attributes)
    }

    /// Appends a literal, with zeros behind it so that whole words can be compared.
    private mutating func append(literal: RawSpan) -> Int32 {
        let start = literals.count
        literals.append(literal)
        literals.append(u64: 0)
        return Int32(start)
    }

    /// The child of `parent` for that literal and kind, which is made if it is not there.
    mutating func child(of parent: Int, _ literal: RawSpan, _ kind: Kind) -> Int {
        var at = Int(nodes[parent].child)
        var last = -1
        while at >= 0 {
            let node = nodes[at]
            if node.kind == kind, Int(node.literalCount) == literal.byteCount,
                literal.matches(
                    at: 0, literals.bytes, from: Int(node.literalStart), count: literal.byteCount)
            {
                return at
            }
            last = at
            at = Int(node.next)
        }
        let index = nodes.count
        var node = Node(
            literalStart: append(literal: literal), literalCount: Int32(literal.byteCount),
            kind: kind)
        if kind == .other || last < 0 {
            // A literal before a whole value may begin another literal: it is tried last.
            if last >= 0 { nodes[last].next = Int32(index) }
            if last < 0 { nodes[parent].child = Int32(index) }
        } else {
            node.next = nodes[parent].child
            nodes[parent].child = Int32(index)
        }
        nodes.append(node)
        return index
    }

    mutating func setLayout(_ layout: Int, of node: Int) { nodes[node].layout = Int32(layout) }

    /// Begins a layout; its attributes follow.
    /// - Parameter keyNameBytes: of the names of the key attributes.
    mutating func beginLayout(
        count: Int, partition: Int, sort: Int, keyNameBytes: Int
    ) -> Int {
        let start = literals.count
        literals.append(varint: UInt64(count))
        layouts.append(
            Layout(
                countStart: Int32(start), countSize: Int32(literals.count - start),
                first: Int32(attributes.count), end: Int32(attributes.count),
                partition: Int32(partition), sort: Int32(sort),
                nameBytes: Int32(keyNameBytes), inlineShift: Int32(start - literals.count)))
        return layouts.count - 1
    }

    /// Appends an attribute to the last layout.
    mutating func appendAttribute(name: RawSpan, kind: Kind, slot: Int) {
        let start = literals.count
        literals.append(counted: name)
        let last = layouts.count - 1
        layouts[last].nameBytes += Int32(name.byteCount)
        layouts[last].inlineShift += Int32(1 + name.byteCount / 8 - (literals.count - start))
        switch kind {
        case .string: literals.append(AttributeType.string.rawValue)
        case .number: literals.append(AttributeType.number.rawValue)
        case .other, .end: break
        }
        attributes.append(
            Attribute(
                headStart: Int32(start), headSize: Int32(literals.count - start),
                slot: Int32(slot)))
        layouts[last].end = Int32(attributes.count)
    }
}
