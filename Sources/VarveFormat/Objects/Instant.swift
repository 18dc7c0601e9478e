/// A whole second: what states, backups and ranges are named by. Source: Spec 01.
///
/// The state at an instant is every change with a time *before* it.
public struct Instant: Hashable, Sendable, Comparable {
    /// Seconds since 1970-01-01T00:00:00Z, leap seconds not counted, within years 0001 to 9999.
    public let second: Int64

    /// 0001-01-01T00:00:00Z.
    public static let least = Instant(unchecked: -62_135_596_800)
    /// 9999-12-31T23:59:59Z.
    public static let greatest = Instant(unchecked: 253_402_300_799)

    private init(unchecked second: Int64) { self.second = second }

    /// Nil outside the years 0001 to 9999.
    public init?(second: Int64) {
        guard (Instant.least.second...Instant.greatest.second).contains(second) else { return nil }
        self.second = second
    }

    /// Nil unless it is a whole second within the years 0001 to 9999.
    public init?(microseconds: Int64) {
        guard microseconds % 1_000_000 == 0 else { return nil }
        self.init(second: microseconds / 1_000_000)
    }

    /// Microseconds since 1970: how instants stand in objects.
    public var microseconds: Int64 { second * 1_000_000 }

    /// The first instant whose state holds a change of this time: ⌊time / 10^6⌋ + 1 s. Nil outside
    /// the years 0001 to 9999. Source: Spec 10.
    /// - Parameter time: microseconds since 1970.
    public init?(sealing time: Int64) {
        let floor = time >= 0 ? time / 1_000_000 : ~(~time / 1_000_000)
        self.init(second: floor + 1)
    }

    public static func < (a: Instant, b: Instant) -> Bool { a.second < b.second }
}
