public import VarveBytes

extension DirectoryStore {
    /// Complexity: one `stat` for each file listed, and the directories on the way.
    public func list(_ prefix: String, after name: String?) throws(VarveError) -> [ObjectEntry] {
        try ObjectStoreName.check(prefix: prefix)
        // The walk begins at the deepest directory that all names share.
        let slash = prefix.lastIndex(of: "/")
        let directory = slash.map { String(prefix[..<$0]) } ?? ""
        var listing = Listing(root: path, prefix: prefix, after: name)
        try listing.walk(directory)
        // Names are ASCII: the order of strings is the order of bytes. The order of a walk is not:
        // `a-b` comes before `a/b`.
        return listing.entries.sorted { $0.name < $1.name }
    }
}

/// A listing under way.
private struct Listing {
    let root: String
    let prefix: String
    let after: String?
    var entries: [ObjectEntry] = []

    init(root: String, prefix: String, after: String?) {
        self.root = root
        self.prefix = prefix
        self.after = after
    }

    /// Adds the objects of a directory and those below it.
    /// The length of valid names bounds the depth.
    /// - Parameter directory: relative to the root; empty for the root.
    mutating func walk(_ directory: String) throws(VarveError) {
        let path = directory.isEmpty ? root : root + "/" + directory
        let names: [String]
        do {
            names = try FileSystem.names(in: path)
        } catch let error where error.code == .notFound {
            return
        }
        for component in names {
            let name = directory.isEmpty ? component : directory + "/" + component
            guard ObjectStoreName.isValid(name) else { continue }
            try add(name)
        }
    }

    private mutating func add(_ name: String) throws(VarveError) {
        // A name is worth a look if it has the prefix or, as a directory, leads to it.
        let isInside = name.hasPrefix(prefix)
        guard isInside || prefix.hasPrefix(name + "/") else { return }
        // All names below a directory come before `after` if the last possible one does: the byte
        // that follows a slash is `0`.
        if let after, after >= name + "0" { return }
        let metadata: FileMetadata
        do {
            metadata = try FileSystem.metadata(root + "/" + name)
        } catch let error where error.code == .notFound {
            return  // Deleted since the directory was read.
        }
        switch metadata.kind {
        case .directory: try walk(name)
        case .file:
            if !isInside { return }
            if let after, name <= after { return }
            entries.append(
                ObjectEntry(
                    name: name,
                    metadata: ObjectMetadata(size: metadata.size, modified: metadata.modified)))
        case .other: return
        }
    }
}
