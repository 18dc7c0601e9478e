import Testing

@Suite("Style of the Swift files")
struct StyleTests {
    static let linesOfFile = 400
    static let linesOfLongFile = 500
    static let linesOfFunction = 70
    static let columns = 100

    /// Files that may have up to 500 lines, each for a reason.
    static let longFiles: Set<String> = []

    static let swiftFiles = Repository.files(in: "Sources") + Repository.files(in: "Tests")

    @Test func thereAreFiles() {
        #expect(Self.swiftFiles.count > 20)
    }

    @Test func filesAreShort() {
        for file in Self.swiftFiles {
            let count = Repository.lines(file).count - 1
            let most = Self.longFiles.contains(file) ? Self.linesOfLongFile : Self.linesOfFile
            #expect(count <= most, "\(file) has \(count) lines")
        }
    }

    @Test func linesAreNarrow() {
        for file in Self.swiftFiles {
            for (index, line) in Repository.lines(file).enumerated()
            where line.utf8.count > Self.columns && line.count > Self.columns {
                Issue.record("\(file):\(index + 1) has \(line.count) columns")
            }
        }
    }

    @Test func functionsAreShort() {
        for file in Self.swiftFiles {
            for function in SwiftCode.functions(in: Repository.code(file))
            where function.lines > Self.linesOfFunction {
                Issue.record("\(file):\(function.line) begins \(function.lines) lines of function")
            }
        }
    }

    /// What code never says: pattern, and the folders of Sources where it may.
    static let forbidden: [(word: String, pattern: String, except: Set<String>)] = [
        ("try!", #"\btry!"#, []),
        ("as!", #"\bas!"#, []),
        ("fatalError", #"\bfatalError\("#, []),
        ("print", #"(^|[^\w.])print\("#, ["VarveCommandLine", "varve"]),
    ]

    @Test func codeNeitherTrapsOnErrorsNorPrints() throws {
        for (word, pattern, except) in Self.forbidden {
            let regex = try Regex(pattern)
            for file in Repository.files(in: "Sources")
            where !except.contains(String(file.split(separator: "/")[1])) {
                let code = Repository.code(file)
                guard code.contains(word) else { continue }
                for (index, line) in code.split(
                    separator: "\n", omittingEmptySubsequences: false
                ).enumerated() where line.contains(word) && line.contains(regex) {
                    Issue.record("\(file):\(index + 1) says \(word)")
                }
            }
        }
    }

    /// Nothing is left for later. (The words are put together here so that this file passes.)
    @Test(arguments: ["TO" + "DO", "FIX" + "ME"])
    func nothingIsLeftForLater(word: String) throws {
        let regex = try Regex(#"\b"# + word + #"\b"#)
        let folders = ["Sources/", "Tests/", "Tools/", "Spec/"]
        for file in Repository.files where folders.contains(where: file.hasPrefix) {
            guard let text = Repository.text(file), text.contains(word) else { continue }
            #expect(!text.contains(regex), "\(file) says \(word)")
        }
    }
}
