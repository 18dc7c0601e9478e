import Foundation

/// The files of the repository that this test was compiled from.
enum Repository {
    /// The folder of Package.swift.
    static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// What a build or an editor leaves at the top; never part of the project.
    static func isLeftover(_ name: String) -> Bool {
        name.hasPrefix(".build") || name.hasSuffix(".pyc") || leftovers.contains(name)
    }

    private static let leftovers: Set = [
        ".git", ".swiftpm", ".vscode", ".idea", "Package.resolved", "__pycache__",
    ]

    /// Every file, as a path from the root, in order.
    static let files: [String] = list("")

    private static func list(_ folder: String) -> [String] {
        let manager = FileManager.default
        let path = root.appending(path: folder).path(percentEncoded: false)
        let names = (try? manager.contentsOfDirectory(atPath: path)) ?? []
        return names.filter { !isLeftover($0) }.sorted().flatMap { name in
            let relative = folder.isEmpty ? name : folder + "/" + name
            let isFolder = (try? root.appending(path: relative)
                .resourceValues(forKeys: [.isDirectoryKey]).isDirectory) ?? false
            return isFolder ? list(relative) : [relative]
        }
    }

    /// The files below a folder with an extension.
    static func files(in folder: String, _ pathExtension: String = "swift") -> [String] {
        files.filter { $0.hasPrefix(folder + "/") && $0.hasSuffix("." + pathExtension) }
    }

    /// A file's text; nil if it is not UTF-8 or holds a zero byte.
    static func text(_ file: String) -> String? {
        guard let data = try? Data(contentsOf: root.appending(path: file)),
            !data.contains(0)
        else { return nil }
        return String(data: data, encoding: .utf8)
    }

    static func lines(_ file: String) -> [Substring] {
        (text(file) ?? "").split(separator: "\n", omittingEmptySubsequences: false)
    }

    /// A Swift file with comments and literals blanked, so that only code is left.
    static func code(_ file: String) -> String { SwiftCode.blanked(text(file) ?? "") }
}
