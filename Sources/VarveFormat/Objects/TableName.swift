public import VarveBytes

/// What a table may be called. Source: Spec 13.
public enum TableName {
    /// Whether the name has 1 to 255 characters of `A–Z a–z 0–9 _ . -`, and is not `.` or
    /// `..`, which every file system takes for a directory. Source: Spec 13.
    public static func isValid(_ name: String) -> Bool {
        let bytes = name.utf8
        return (1...255).contains(bytes.count) && name != "." && name != ".."
            && bytes.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"),
                    UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    /// - Throws: `invalidInput` unless `isValid`.
    public static func check(_ name: String) throws(VarveError) {
        if isValid(name) { return }
        throw VarveError(
            .invalidInput,
            "a table's name has 1 to 255 letters, digits, '_', '-' and '.', and is not '.' or "
                + "'..'; this one is \"\(name.prefix(300))\"")
    }
}
