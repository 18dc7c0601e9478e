/// How a source of changes is to be read.
public struct ChangeOptions: Sendable {
    /// Records need no time: the changes get the present one.
    public var restamp = false
    /// Plain bytes parsed at once.
    public var chunkBytes = 1 << 18
    /// Bytes asked of the system at once.
    public var readBytes = 1 << 18

    /// Whether a record without OldImage says that there was no item: in exports with both images.
    var hasOldImages = false

    public init() {}
}
