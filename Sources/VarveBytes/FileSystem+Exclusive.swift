extension FileSystem {
    /// Gives a file or a directory a new name, unless something of that name is there: then
    /// `exists`, and nothing has changed.
    ///
    /// A file goes by a second link. A directory takes the place of an empty one that is made for
    /// it and that nothing but an empty directory can be: a crash between leaves that one.
    public static func renameExclusively(
        _ path: String, to newPath: String
    ) throws(VarveError) {
        guard try metadata(path).kind == .directory else {
            try link(path, as: newPath)
            try remove(path)
            return
        }
        try makeDirectory(newPath)
        do throws(VarveError) {
            try rename(path, to: newPath)
        } catch {
            try removeDirectory(newPath)
            throw error
        }
    }
}
