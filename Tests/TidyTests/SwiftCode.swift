/// Reads Swift roughly: enough to tell code from comments and literals, and where functions end.
enum SwiftCode {
    /// The source with comments and string literals turned into spaces. Line breaks stay, so that
    /// line numbers hold. What is interpolated into a string goes, too; regex literals stay.
    static func blanked(_ source: String) -> String {
        var scanner = Scanner(bytes: Array(source.utf8))
        scanner.skipCode(untilClosing: false)
        return String(decoding: scanner.bytes, as: UTF8.self)
    }

    private struct Scanner {
        var bytes: [UInt8]
        var at = 0

        func starts(_ text: StaticString, at offset: Int) -> Bool {
            let wanted = Array(text.description.utf8)
            return offset + wanted.count <= bytes.count
                && bytes[offset..<offset + wanted.count].elementsEqual(wanted)
        }

        mutating func blank(_ count: Int = 1) {
            for _ in 0..<count where at < bytes.count {
                if bytes[at] != UInt8(ascii: "\n") { bytes[at] = UInt8(ascii: " ") }
                at += 1
            }
        }

        /// Walks over code: to the end, or to the parenthesis that closes an interpolation.
        mutating func skipCode(untilClosing: Bool) {
            var depth = 0
            while at < bytes.count {
                if starts("//", at: at) {
                    while at < bytes.count, bytes[at] != UInt8(ascii: "\n") { blank() }
                } else if starts("/*", at: at) {
                    skipComment()
                } else if let hashes = literalHashes() {
                    skipLiteral(hashes)
                } else {
                    if bytes[at] == UInt8(ascii: "(") { depth += 1 }
                    if bytes[at] == UInt8(ascii: ")") { depth -= 1 }
                    if untilClosing {
                        if depth < 0 { return blank() }
                        blank()
                    } else {
                        at += 1
                    }
                }
            }
        }

        mutating func skipComment() {
            var depth = 0
            repeat {
                if starts("/*", at: at) {
                    depth += 1
                    blank(2)
                } else if starts("*/", at: at) {
                    depth -= 1
                    blank(2)
                } else {
                    blank()
                }
            } while depth > 0 && at < bytes.count
        }

        /// The number of # before a string literal that begins here; nil if none does.
        func literalHashes() -> Int? {
            var end = at
            while end < bytes.count, bytes[end] == UInt8(ascii: "#") { end += 1 }
            return end < bytes.count && bytes[end] == UInt8(ascii: "\"") ? end - at : nil
        }

        mutating func skipLiteral(_ hashes: Int) {
            blank(hashes)
            let quotes = starts("\"\"\"", at: at) ? 3 : 1
            blank(quotes)
            while at < bytes.count {
                if bytes[at] == UInt8(ascii: "\\"), hasHashes(hashes, after: at) {
                    blank(1 + hashes)
                    if at < bytes.count, bytes[at] == UInt8(ascii: "(") {
                        blank()
                        skipCode(untilClosing: true)
                    } else {
                        blank()
                    }
                } else if closes(quotes, hashes) {
                    return blank(quotes + hashes)
                } else {
                    blank()
                }
            }
        }

        func hasHashes(_ count: Int, after offset: Int) -> Bool {
            offset + count < bytes.count
                && bytes[(offset + 1)..<(offset + 1 + count)].allSatisfy { $0 == UInt8(ascii: "#") }
        }

        func closes(_ quotes: Int, _ hashes: Int) -> Bool {
            guard at + quotes + hashes <= bytes.count else { return false }
            return bytes[at..<at + quotes].allSatisfy { $0 == UInt8(ascii: "\"") }
                && bytes[(at + quotes)..<(at + quotes + hashes)]
                    .allSatisfy { $0 == UInt8(ascii: "#") }
        }
    }
}

extension SwiftCode {
    struct Function: Equatable {
        var line: Int
        var lines: Int
    }

    /// Functions, initialisers and the like with a body, in blanked code: their first line and how
    /// many they take. A requirement of a protocol has no body and is left out.
    static func functions(in code: String) -> [Function] {
        let bytes = Array(code.utf8)
        var found: [Function] = []
        var line = 1
        var at = 0
        while at < bytes.count {
            if bytes[at] == UInt8(ascii: "\n") { line += 1 }
            if isWord(bytes[at]) {
                let start = at
                while at < bytes.count, isWord(bytes[at]) { at += 1 }
                let word = String(decoding: bytes[start..<at], as: UTF8.self)
                let isMember = start > 0 && bytes[start - 1] == UInt8(ascii: ".")
                if openers.contains(word), !isMember, let end = bodyEnd(bytes, from: at) {
                    let breaks = bytes[start..<end].count { $0 == UInt8(ascii: "\n") }
                    found.append(Function(line: line, lines: breaks + 1))
                }
            } else {
                at += 1
            }
        }
        return found
    }

    private static let openers: Set = ["func", "init", "deinit", "subscript"]
    private static let declarations: Set = [
        "func", "init", "deinit", "subscript", "var", "let", "case", "struct", "class", "enum",
        "extension", "protocol", "associatedtype", "typealias", "import", "public", "private",
        "internal", "static", "mutating",
    ]

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// The offset of the brace that closes the body of the declaration; nil if it has none.
    private static func bodyEnd(_ bytes: [UInt8], from start: Int) -> Int? {
        var parentheses = 0
        var braces = 0
        var at = start
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: "("), UInt8(ascii: "["): parentheses += 1
            case UInt8(ascii: ")"), UInt8(ascii: "]"): parentheses -= 1
            case UInt8(ascii: "{"): braces += 1
            case UInt8(ascii: "}"):
                braces -= 1
                if braces == 0 { return at }
                if braces < 0 { return nil }
            case let byte where isWord(byte) && braces == 0 && parentheses == 0:
                let first = at
                while at < bytes.count, isWord(bytes[at]) { at += 1 }
                let word = String(decoding: bytes[first..<at], as: UTF8.self)
                if declarations.contains(word) { return nil }
                continue
            default: break
            }
            at += 1
        }
        return nil
    }
}
