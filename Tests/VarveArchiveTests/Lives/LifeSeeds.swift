import Foundation

/// Which random lives are run.
enum LifeSeeds {
    /// What VARVE_HISTORIES in the environment asks for, so many or from one to another: `2000`,
    /// `2001-4000`; nil if it says nothing.
    static let chosen: ClosedRange<UInt64>? = {
        guard let text = ProcessInfo.processInfo.environment["VARVE_HISTORIES"] else { return nil }
        let bounds = text.split(separator: "-").compactMap { UInt64($0) }
        guard let last = bounds.last, last > 0 else { return nil }
        let first = bounds.count > 1 ? bounds[0] : 1
        return first <= last ? first...last : nil
    }()
}
