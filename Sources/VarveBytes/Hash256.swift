internal import COpenSSL

/// Thirty-two bytes: a SHA-256 hash, a blob id or a table digest.
public struct Hash256: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The bytes as four little-endian words.
    public var words: (UInt64, UInt64, UInt64, UInt64)

    @inlinable
    public init(words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

    public static let zero = Hash256(words: (0, 0, 0, 0))

    /// Reads 32 bytes; nil for another number of them.
    public init?(bytes: RawSpan) {
        guard bytes.byteCount == 32 else { return nil }
        words = (bytes.word(at: 0), bytes.word(at: 8), bytes.word(at: 16), bytes.word(at: 24))
    }

    /// Reads 64 hexadecimal digits of lower case.
    public init?(hexadecimal: String) {
        guard let bytes = [UInt8](hexadecimal: hexadecimal) else { return nil }
        self.init(bytes: bytes.raw)
    }

    public var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 32)
        writer.append(self)
        return writer.takeBytes()
    }

    /// Lower-case hexadecimal, 64 digits.
    public var description: String { bytes.raw.hexadecimal }

    /// The first byte, which fan-out tables go by.
    public var firstByte: UInt8 { UInt8(truncatingIfNeeded: words.0) }

    @inlinable
    public static func == (a: Hash256, b: Hash256) -> Bool { a.words == b.words }

    @inlinable
    public func hash(into hasher: inout Hasher) { hasher.combine(words.0 ^ words.3) }

    /// Order by unsigned bytes.
    public static func < (a: Hash256, b: Hash256) -> Bool {
        if a.words.0 != b.words.0 { return a.words.0.byteSwapped < b.words.0.byteSwapped }
        if a.words.1 != b.words.1 { return a.words.1.byteSwapped < b.words.1.byteSwapped }
        if a.words.2 != b.words.2 { return a.words.2.byteSwapped < b.words.2.byteSwapped }
        return a.words.3.byteSwapped < b.words.3.byteSwapped
    }
}

// MARK: - Sums of hashes

extension Hash256 {
    /// Sum modulo 2^256, both as little-endian integers. Source: Spec 05, table digest.
    @inlinable @inline(__always)
    public static func &+ (a: Hash256, b: Hash256) -> Hash256 {
        let (w0, c0) = a.words.0.addingReportingOverflow(b.words.0)
        let (w1, c1) = add(a.words.1, b.words.1, c0)
        let (w2, c2) = add(a.words.2, b.words.2, c1)
        let (w3, _) = add(a.words.3, b.words.3, c2)
        return Hash256(words: (w0, w1, w2, w3))
    }

    /// Difference modulo 2^256: takes an item's hash out of a sum.
    @inlinable
    public static func &- (a: Hash256, b: Hash256) -> Hash256 {
        let inverted = Hash256(words: (~b.words.0, ~b.words.1, ~b.words.2, ~b.words.3))
        return a &+ inverted &+ Hash256(words: (1, 0, 0, 0))
    }

    @inlinable @inline(__always)
    static func add(_ a: UInt64, _ b: UInt64, _ carry: Bool) -> (UInt64, Bool) {
        let (partial, first) = a.addingReportingOverflow(b)
        let (sum, second) = partial.addingReportingOverflow(carry ? 1 : 0)
        return (sum, first || second)
    }
}

// MARK: - SHA-256

/// SHA-256 of bytes at once.
///
/// By OpenSSL's low-level calls: for items, EVP costs three times as much. The context stays where
/// it was made: to move it just after it was written costs a tenth of an item's hash.
public func sha256(_ bytes: RawSpan) -> Hash256 {
    unsafe withUnsafeTemporaryAllocation(of: SHA256_CTX.self, capacity: 1) { contexts in
        let context = contexts.baseAddress!
        unsafe SHA256_Init(context)
        unsafe bytes.withUnsafeBytes { buffer in
            _ = unsafe SHA256_Update(context, buffer.baseAddress, buffer.count)
        }
        return unsafe finished(context)
    }
}

/// The hash of what a context was given. OpenSSL writes it in units of four bytes, and in such it
/// is read: greater ones would wait until all are stored.
@inline(__always)
private func finished(_ context: UnsafeMutablePointer<SHA256_CTX>) -> Hash256 {
    unsafe withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 8) { units in
        let text = units.baseAddress!
        unsafe text.initialize(repeating: 0, count: 8)
        unsafe UnsafeMutableRawPointer(text).withMemoryRebound(to: UInt8.self, capacity: 32) {
            _ = unsafe SHA256_Final($0, context)
        }
        return Hash256(
            words: unsafe (
                joined(text[0], text[1]), joined(text[2], text[3]), joined(text[4], text[5]),
                joined(text[6], text[7])
            ))
    }
}

/// Eight bytes as a little-endian word.
@inline(__always)
private func joined(_ first: UInt32, _ second: UInt32) -> UInt64 {
    UInt64(UInt32(littleEndian: first)) | UInt64(UInt32(littleEndian: second)) << 32
}

/// SHA-256 of bytes that come in parts.
public struct SHA256Hasher: Sendable {
    private var context = SHA256_CTX()

    public init() { unsafe SHA256_Init(&context) }

    public mutating func update(_ bytes: RawSpan) {
        unsafe bytes.withUnsafeBytes { buffer in
            _ = unsafe SHA256_Update(&context, buffer.baseAddress, buffer.count)
        }
    }

    public mutating func update(text: String) {
        update(Array(text.utf8).raw)
    }

    /// The hash; the hasher is used up.
    public mutating func finish() -> Hash256 {
        unsafe withUnsafeMutablePointer(to: &context) { unsafe finished($0) }
    }
}

/// MD5 of bytes that come in parts: AWS's export manifests name it; nothing of Varve relies on it.
public struct MD5Hasher: Sendable {
    private var context = MD5_CTX()

    public init() { unsafe MD5_Init(&context) }

    public mutating func update(_ bytes: RawSpan) {
        unsafe bytes.withUnsafeBytes { buffer in
            _ = unsafe MD5_Update(&context, buffer.baseAddress, buffer.count)
        }
    }

    /// The sixteen bytes; the hasher is used up.
    public mutating func finish() -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: 16) { target, count in
            unsafe MD5_Final(target.baseAddress!, &context)
            count = 16
        }
    }
}

extension [UInt8] {
    /// Reads an even number of hexadecimal digits of lower case; nil for anything else.
    public init?(hexadecimal text: String) {
        let digits = Array(text.utf8)
        guard digits.count % 2 == 0 else { return nil }
        var result: [UInt8] = []
        result.reserveCapacity(digits.count / 2)
        var high: UInt8 = 0
        for (index, digit) in digits.enumerated() {
            let value: UInt8
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
            default: return nil
            }
            if index % 2 == 0 { high = value } else { result.append(high << 4 | value) }
        }
        self = result
    }
}
