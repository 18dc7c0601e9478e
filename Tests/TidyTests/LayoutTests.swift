import Foundation
import Testing

@Suite("Layout of the repository")
struct LayoutTests {
    static let top: Set = [
        "Package.swift", "Sources", "Tests", "Spec", "Fixtures", "Tools", "README.md",
        "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "NOTICE", ".ci", ".swift-format",
        ".editorconfig", ".gitignore",
    ]

    @Test func theTopLevelIsAsAgreed() {
        let found = Set(Repository.files.map { String($0.prefix { $0 != "/" }) })
        let others = found.subtracting(Self.top).sorted()
        #expect(others.isEmpty, "beyond the agreed layout: \(others)")
        #expect(found.isSuperset(of: ["Package.swift", "Sources", "Tests", "Spec", "Tools"]))
    }

    @Test func linksResolve() throws {
        let link = #/\]\(([^)\s]+)\)/#
        var count = 0
        for file in Repository.files where file.hasSuffix(".md") {
            guard let text = Repository.text(file) else { continue }
            let folder = Repository.root.appending(path: file).deletingLastPathComponent()
            for match in text.matches(of: link) {
                let target = match.output.1.prefix { $0 != "#" }
                guard !target.isEmpty, !target.contains(":") else { continue }
                count += 1
                let path = folder.appending(path: String(target)).path(percentEncoded: false)
                #expect(
                    FileManager.default.fileExists(atPath: path),
                    "\(file) links to \(target), which is not there")
            }
        }
        #expect(count >= 10, "hardly a link is found: the search is broken")
    }

    /// A path of somebody's machine means nothing to others, and tells what they need not know.
    @Test func noPathOfAMachine() throws {
        let folders = ["home", "Users", "root", "work", "mnt", "media"].joined(separator: "|")
        let personal = try Regex(#"(^|[^\w.:/~$\]}-])/("# + folders + #")/\w"#)
        let own = Repository.root.path(percentEncoded: false)
        for file in Repository.files where !file.hasPrefix("Fixtures/") || file.hasSuffix(".md") {
            guard let text = Repository.text(file) else { continue }
            #expect(!text.contains(own), "\(file) names the folder of this checkout")
            for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
                .enumerated() where line.contains("/") && line.contains(personal) {
                Issue.record("\(file):\(index + 1) names a path of a machine")
            }
        }
    }

    /// Code says which page of the specification it follows: "Spec 07", "Spec 08, 11".
    @Test func everySpecPageIsNamedByCode() throws {
        let mention = #/Spec[ \/](\d\d(?:(?:, | and |, and )(?:Spec )?\d\d)*)/#
        let number = #/\d\d/#
        var named: Set<Substring> = []
        for file in Repository.files(in: "Sources") {
            for line in Repository.lines(file) where line.contains("///") && line.contains("Spec") {
                for match in line.matches(of: mention) {
                    named.formUnion(match.output.1.matches(of: number).map(\.output))
                }
            }
        }
        let pages = Repository.files(in: "Spec", "md").map { $0.dropFirst("Spec/".count) }
            .filter { $0.contains(#/^\d\d-/#) }
        #expect(pages.count >= 14)
        for page in pages {
            #expect(named.contains(page.prefix(2)), "no doc comment in Sources names Spec/\(page)")
        }
        for page in named where !pages.contains(where: { $0.hasPrefix(page) }) {
            Issue.record("a doc comment names Spec \(page), which is not there")
        }
    }
}
