import VarveFormat

/// What the changes of a run add up to by their seconds and places: two lists of changes that are
/// not the same differ in it, but for chance. Modulo 2^64.
struct TimeSums: Sendable, Equatable {
    /// Of each change the mark of its second.
    private(set) var marks: UInt64 = 0
    /// The same times the change's place, and times its square.
    private(set) var placed: UInt64 = 0
    private(set) var squared: UInt64 = 0

    /// A number that stands for a second.
    static func mark(_ second: Int64) -> UInt64 {
        var mixed = UInt64(bitPattern: second) &+ 0x9e37_79b9_7f4a_7c15
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// The second that a time lies in.
    static func second(_ time: Int64) -> Int64 {
        time >= 0 ? time / 1_000_000 : ~(~time / 1_000_000)
    }

    mutating func add(second: Int64, place: UInt64) {
        let mark = Self.mark(second)
        marks &+= mark
        placed &+= mark &* place
        squared &+= mark &* (place &* place)
    }

    /// Adds what a leaf holds that begins at a place in the run.
    mutating func add(_ leaf: TimeSums, from start: UInt64) {
        marks &+= leaf.marks
        placed &+= leaf.placed &+ leaf.marks &* start
        squared &+= leaf.squared &+ 2 &* start &* leaf.placed &+ leaf.marks &* (start &* start)
    }
}
