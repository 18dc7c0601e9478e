import VarveArchive

/// What is known of how long nothing came. All times by the clock, in microseconds.
struct QuietWatch {
    /// When something had come the last time, or the recording began.
    private(set) var arrival: Int64
    /// Since when nothing came: since `arrival`, or since a time when nobody looked.
    var since: Int64
    /// Up to when nothing came: what came before had been taken in.
    var until: Int64
    /// Sources that are not read to their ends yet, the present one counted.
    var unreadCount = 0
    /// Names of the sources from which earlier runs recorded tables; read once.
    var followed: [(name: String, table: TableCatalog.Entry)]?

    init(since now: Int64) { (arrival, since, until) = (now, now, now) }

    mutating func noteArrival(_ now: Int64) { (arrival, since) = (now, now) }
}
