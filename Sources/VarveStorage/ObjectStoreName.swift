public import VarveBytes

/// The names that objects can have in every store. Source: Spec 02.
///
/// One to eight components of 1 to 255 ASCII letters, digits, `-`, `_` and `.`, parted by `/`; no
/// component is `.` or `..`; the first is not `temporary`, where directory stores write.
public enum ObjectStoreName {
    /// The first component of names that no object has.
    public static let temporary = "temporary"
    static let componentBytesMax = 255
    static let componentsMax = 8

    /// Whether the name is one that an object can have. Complexity: O(length).
    public static func isValid(_ name: String) -> Bool {
        var components = 0
        for part in name.utf8.split(separator: slash, omittingEmptySubsequences: false) {
            components += 1
            guard isComponent(part) else { return false }
            if components == 1, part.elementsEqual(temporary.utf8) { return false }
        }
        return components <= componentsMax
    }

    /// - Throws: `invalidInput` unless `isValid`.
    public static func check(_ name: String) throws(VarveError) {
        if isValid(name) { return }
        throw VarveError(
            .invalidInput,
            "this is no object's name; use letters, digits, '-', '_', '.' and single '/'",
            at: String(name.prefix(200)))
    }

    /// - Throws: `invalidInput` unless some name may begin with `prefix`.
    public static func check(prefix: String) throws(VarveError) {
        // Whatever a name can begin with becomes a name with one more letter.
        if !prefix.isEmpty { try check(prefix + "x") }
    }

    private static let slash = UInt8(ascii: "/")

    static func isComponent(_ part: some Collection<UInt8>) -> Bool {
        var dots = 0
        var count = 0
        for byte in part {
            count += 1
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                continue
            case UInt8(ascii: "."): dots += 1
            default: return false
            }
        }
        return count >= 1 && count <= componentBytesMax && !(dots == count && count <= 2)
    }
}
