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
}
