extension FileSystem {
    /// Whether a path leads to a directory or into it, at any depth, and past symbolic links. The
    /// path need not be there; what of it is missing would be made where it says.
    /// - Complexity: a look at each directory above.
    public static func isWithin(_ path: String, _ directory: String) -> Bool {
        var place = path
        while (try? metadata(place)) == nil {
            let above = parent(of: place)
            if above == place { return false }
            place = above
        }
        if (try? metadata(place))?.kind != .directory { place = parent(of: place) }
        while !isSame(place, directory) {
            let above = place + "/.."
            // The root is above itself.
            if isSame(place, above) || (try? metadata(above)) == nil { return false }
            place = above
        }
        return true
    }
}
