extension RawSpan {
    /// Whether the bytes are all below 0x80.
    public var isASCII: Bool {
        var at = 0
        while at &+ 8 <= byteCount {
            if word(at: at) & 0x8080_8080_8080_8080 != 0 { return false }
            at &+= 8
        }
        while at < byteCount {
            if byte(at: at) >= 0x80 { return false }
            at &+= 1
        }
        return true
    }

    /// Whether the bytes are valid UTF-8: no surrogates, no overlong forms, nothing cut off.
    /// Source: RFC 3629, Spec 01 `text`.
    public var isUTF8: Bool {
        var at = 0
        while at < byteCount {
            if at &+ 8 <= byteCount, word(at: at) & 0x8080_8080_8080_8080 == 0 {
                at &+= 8
                continue
            }
            let size = scalarSize(at: at)
            if size == 0 { return false }
            at &+= size
        }
        return true
    }

    /// Bytes of the valid scalar at `at`, or 0.
    private func scalarSize(at: Int) -> Int {
        let lead = byte(at: at)
        if lead < 0x80 { return 1 }
        let size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2
        if lead < 0xc2 || lead > 0xf4 || at + size > byteCount { return 0 }
        let second = byte(at: at + 1)
        let range: ClosedRange<UInt8>
        switch lead {
        case 0xe0: range = 0xa0...0xbf
        case 0xed: range = 0x80...0x9f
        case 0xf0: range = 0x90...0xbf
        case 0xf4: range = 0x80...0x8f
        default: range = 0x80...0xbf
        }
        if !range.contains(second) { return 0 }
        for next in at + 2..<max(at + size, at + 2) where byte(at: next) & 0xc0 != 0x80 {
            return 0
        }
        return size
    }
}
