public import VarveBytes

/// A value of an attribute, for tests, tools and interfaces. Source: Spec 03.
///
/// Not for hot paths, which work on canonical bytes. Two values are equal when their canonical
/// encodings are: strings by bytes, not by Unicode equivalence; sets in any order.
public indirect enum AttributeValue: Sendable {
    case string(String)
    case number(DecimalNumber)
    case binary([UInt8])
    case boolean(Bool)
    case null
    case map(Item)
    case list([AttributeValue])
    /// Not empty, elements distinct, in any order.
    case stringSet([String])
    /// Not empty, elements distinct, in any order.
    case numberSet([DecimalNumber])
    /// Not empty, elements distinct, in any order.
    case binarySet([[UInt8]])

    public var type: AttributeType {
        switch self {
        case .string: .string
        case .number: .number
        case .binary: .binary
        case .boolean: .boolean
        case .null: .null
        case .map: .map
        case .list: .list
        case .stringSet: .stringSet
        case .numberSet: .numberSet
        case .binarySet: .binarySet
        }
    }
}

/// Attributes by name, in ascending order of the names' bytes: an item, or a map.
///
/// Unlike a dictionary it tells names apart by their bytes, as DynamoDB does: `é` composed and
/// decomposed are two names.
public struct Item: Sendable {
    public typealias Attribute = (name: String, value: AttributeValue)

    /// The attributes, names ascending by UTF-8 bytes, distinct.
    public private(set) var attributes: [Attribute] = []

    public init() {}

    /// Names may come in any order; of equal names the last counts.
    public init(_ attributes: some Sequence<Attribute>) {
        for attribute in attributes { self[attribute.name] = attribute.value }
    }

    /// The value of a name, by its bytes; setting nil removes it.
    public subscript(name: String) -> AttributeValue? {
        get {
            let index = position(of: name)
            return isThere(name, index) ? attributes[index].value : nil
        }
        set {
            let index = position(of: name)
            if isThere(name, index) { attributes.remove(at: index) }
            if let newValue { attributes.insert((name, newValue), at: index) }
        }
    }

    public var count: Int { attributes.count }

    public var isEmpty: Bool { attributes.isEmpty }

    private func isThere(_ name: String, _ index: Int) -> Bool {
        index < attributes.count && attributes[index].name.utf8.elementsEqual(name.utf8)
    }

    /// Index of the first name that does not come before `name`.
    private func position(of name: String) -> Int {
        var low = 0
        var high = attributes.count
        while low < high {
            let middle = (low + high) / 2
            if attributes[middle].name.utf8.lexicographicallyPrecedes(name.utf8) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }
}

extension Item: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, AttributeValue)...) {
        self.init(elements.map { (name: $0.0, value: $0.1) })
    }
}

// MARK: - Equality

extension AttributeValue: Hashable {
    public static func == (a: AttributeValue, b: AttributeValue) -> Bool {
        a.canonicalBytes == b.canonicalBytes
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(canonicalBytes) }
}

extension Item: Hashable {
    public static func == (a: Item, b: Item) -> Bool { a.canonicalBytes == b.canonicalBytes }

    public func hash(into hasher: inout Hasher) { hasher.combine(canonicalBytes) }
}

// MARK: - Encoding

extension AttributeValue {
    /// Appends tag and payload. Sets are sorted; that they are distinct and not empty is the
    /// caller's promise, which `CanonicalValue.validate` checks.
    public func append(to output: inout ByteWriter) {
        output.append(type.rawValue)
        switch self {
        case .string(let text): output.append(text: text)
        case .number(let number): number.append(to: &output)
        case .binary(let bytes): output.append(counted: bytes)
        case .boolean(let flag): output.append(flag ? 1 : 0)
        case .null: break
        case .map(let members): members.append(to: &output)
        case .list(let elements):
            output.append(count: elements.count)
            for element in elements { element.append(to: &output) }
        case .stringSet(let elements):
            output.append(count: elements.count)
            let sorted = elements.map { Array($0.utf8) }
                .sorted { $0.lexicographicallyPrecedes($1) }
            for element in sorted { output.append(counted: element) }
        case .numberSet(let elements):
            output.append(count: elements.count)
            for element in elements.sorted() { element.append(to: &output) }
        case .binarySet(let elements):
            output.append(count: elements.count)
            for element in elements.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
                output.append(counted: element)
            }
        }
    }

    /// Tag and payload.
    public var canonicalBytes: [UInt8] {
        var output = ByteWriter()
        append(to: &output)
        return output.takeBytes()
    }
}

extension Item {
    /// Appends the count, and name and value of each attribute.
    public func append(to output: inout ByteWriter) {
        output.append(count: attributes.count)
        for attribute in attributes {
            output.append(text: attribute.name)
            attribute.value.append(to: &output)
        }
    }

    /// The item value of these attributes. For a row leave its key attributes out first.
    public var canonicalBytes: [UInt8] {
        var output = ByteWriter()
        append(to: &output)
        return output.takeBytes()
    }
}
