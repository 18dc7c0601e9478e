internal import Synchronization

/// Where random bytes come from: injected, so that a seed repeats a test.
public protocol RandomSource: Sendable {
    /// Eight random bytes.
    func next() -> UInt64
}

extension RandomSource {
    /// So many random bytes.
    public func bytes(_ count: Int) -> [UInt8] {
        precondition(count >= 0)
        var result: [UInt8] = []
        result.reserveCapacity(count)
        while result.count < count {
            var word = next()
            for _ in 0..<min(8, count - result.count) {
                result.append(UInt8(truncatingIfNeeded: word))
                word >>= 8
            }
        }
        return result
    }
}

/// The system's cryptographic generator.
public struct SystemRandom: RandomSource {
    public init() {}

    public func next() -> UInt64 {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }
}

/// A repeatable sequence (SplitMix64). Not for secrets.
public final class SeededRandom: RandomSource {
    private let state: Mutex<UInt64>

    public init(seed: UInt64) { state = Mutex(seed) }

    public func next() -> UInt64 {
        let position = state.withLock { state in
            state &+= 0x9e37_79b9_7f4a_7c15
            return state
        }
        var value = position
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
